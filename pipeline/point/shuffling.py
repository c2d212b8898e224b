"""Shuffling: windows in a new order each epoch, which follows from seed and epoch alone.

Keras's own `shuffle=True` on arrays draws one order from a seed and keeps it for all epochs.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.features.day_axis import IntArray

if TYPE_CHECKING:
    import keras


def order_of(n_windows: int, *, seed: int, epoch: int) -> IntArray:
    """The order of an epoch, array of shape (n_windows,).

    Args:
        n_windows: How many there are.
        seed: Of the fit.
        epoch: From 0.
    """
    return np.random.default_rng([seed, epoch]).permutation(n_windows)


def shuffled(inputs: Any, targets: Any, *, batch: int, seed: int) -> "keras.utils.PyDataset":
    """Batches for `fit(shuffle=False)`, the last of an epoch being what is left; shuffled again they would be Python's.

    Args:
        inputs: Array of shape (n_windows, window, n_columns).
        targets: Array of shape (n_windows, 1).
        batch: Windows in one.
        seed: Of the fit.
    """
    import keras

    class Shuffled(keras.utils.PyDataset):  # type: ignore[misc] # Keras ships no types
        """Counts the epochs that Keras says begin; it looks at a batch before the first, for its shape."""

        def __init__(self) -> None:
            super().__init__()
            self.begun = 0

        def __len__(self) -> int:
            return -(-len(inputs) // batch)

        def __getitem__(self, number: int) -> tuple[Any, Any]:
            order = order_of(len(inputs), seed=seed, epoch=max(self.begun - 1, 0))
            places = order[number * batch : (number + 1) * batch]
            return inputs[places], targets[places]

        def on_epoch_begin(self) -> None:
            self.begun += 1

    return Shuffled()
