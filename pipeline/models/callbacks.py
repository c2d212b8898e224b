"""What every fit shares: determinism, memory given back, a time limit, a guard, a report of each epoch."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import TimeLimitError, TrainingError

if TYPE_CHECKING:
    import keras

EpochListener = Callable[[int, Mapping[str, float]], None]

# NumPy's generator takes seeds up to 2**32 - 1; a range recipe's members, eight at most, count on from theirs.
LARGEST_SEED: Final = 2**32 - 8
EXPLOSION_FACTOR: Final = 100.0
LOSS_CEILING: Final = 1e6


def deterministic(seed: int) -> None:
    """Make what Keras does next depend on nothing but `seed`: call it before a network is built.

    Sets the seeds of Python, NumPy and TensorFlow and turns TensorFlow's op determinism on, which stays on
    for the process. Fits must then run one after the other: two threads would share the generators.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


@contextmanager
def graphs_let_go() -> Iterator[None]:
    """Give back, when the block ends, the memory of the graphs that fits inside it traced.

    Keras's optimizers sum gradients over replicas, of which there is one, by TensorFlow's `custom_gradient`. In each
    trace that registers a function for good which holds the whole graph of the training step: 8 MB for the smallest
    network, which `clear_session` does not reach. It would only be asked for the gradient of an optimizer's step.
    """
    from tensorflow.python.framework import ops

    # It has no way to take a name back.
    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            if name.startswith("CustomGradient-"):
                del registered[name]


def TimeLimit(  # noqa: N802 (reads as the callback it makes; the class needs Keras, imported late)
    seconds: float, *, clock: Callable[[], float] = time.monotonic
) -> "keras.callbacks.Callback":
    """A Keras callback that ends a fit with TrainingError once it has run for `seconds`.

    Args:
        seconds: Limit of the whole fit, looked at after every batch.
        clock: A stopwatch in seconds; only differences matter.
    """
    import keras

    class _TimeLimit(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            self.ends = clock() + seconds
            self.epoch = 0

        def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            self.epoch = epoch + 1

        def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
            if clock() > self.ends:
                raise TimeLimitError(
                    f"The fit ran past its limit of {seconds:g} s in epoch {self.epoch}; "
                    "allow more time (--time-limit, or fit_limit_s in coincast.toml) or ask for fewer epochs."
                )

    return _TimeLimit()


def DivergenceGuard(  # noqa: N802 (as TimeLimit)
    *, factor: float = EXPLOSION_FACTOR, ceiling: float = LOSS_CEILING
) -> "keras.callbacks.Callback":
    """A Keras callback that ends a fit with TrainingError at an epoch whose loss is no number or explodes.

    Args:
        factor: A loss above `factor` × the first epoch's loss explodes.
        ceiling: So does a loss above this, in the loss's own unit.
    """
    import keras

    class _DivergenceGuard(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
            self.first: dict[str, float] = {}

        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            for name in ("loss", "val_loss"):
                if name in (logs or {}):
                    value = float((logs or {})[name])
                    limit = min(ceiling, factor * abs(self.first.setdefault(name, value)) or ceiling)
                    _check_loss(name, value, limit=limit, epoch=epoch + 1)

    return _DivergenceGuard()


def EpochReport(on_epoch: EpochListener) -> "keras.callbacks.Callback":  # noqa: N802 (as TimeLimit)
    """A Keras callback that calls `on_epoch(epoch, values)` after each epoch, counted from 1.

    Args:
        on_epoch: Receives the epoch and Keras's values of it (`loss`, `val_loss` and the metrics) as floats.
    """
    import keras

    class _EpochReport(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            on_epoch(epoch + 1, {name: float(value) for name, value in (logs or {}).items()})

    return _EpochReport()


def _check_loss(name: str, value: float, *, limit: float, epoch: int) -> None:
    if math.isfinite(value) and value <= limit:
        return
    raise TrainingError(
        f"The fit diverged: {name} was {value:g} after epoch {epoch}, expected a number up to {limit:g}. "
        "Lower the learning rate or clip the gradients."
    )
