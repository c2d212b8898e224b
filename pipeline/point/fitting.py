"""Fit a point recipe's network to its frame."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import TrainingError
from pipeline.forecasts.quantiles import FloatArray
from pipeline.models.callbacks import (
    DivergenceGuard,
    EpochListener,
    EpochReport,
    TimeLimit,
    deterministic,
    graphs_let_go,
)
from pipeline.point.framing import Framing
from pipeline.point.network import build_network
from pipeline.point.shuffling import shuffled

if TYPE_CHECKING:
    import keras

# What Keras calls by a short name, in our words; its MAPE is multiplied by 100 already.
_CURVES = {
    "loss": "train_mse_scaled",
    "mape": "train_mape_scaled_pct",
    "val_loss": "validation_mse_scaled",
    "val_mape": "validation_mape_scaled_pct",
}


@dataclass(frozen=True, eq=False)
class PointFit:
    """A fitted network and what it predicts for every window of its frame.

    Attributes:
        framing: What it was fitted to; only the windows of `parts.fit` were learned from.
        seed: Seed of weights, order and dropout.
        network: From (n, window, n_columns) to (n, 1), scaled.
        predicted: Scaled predictions of all windows, shape (n_windows,).
        history: By curve, one value an epoch: `train_mse_scaled`, `train_mape_scaled_pct`, and the same of
            `validation_` where windows are held out.
        predict_seconds: What the predictions took.
    """

    framing: Framing
    seed: int
    network: "keras.Model"
    predicted: FloatArray
    history: Mapping[str, list[float]]
    predict_seconds: float = 0.0

    @property
    def epochs(self) -> int:
        """Epochs that were really run."""
        return len(self.history["train_mse_scaled"])


def fit_point(
    framing: Framing,
    *,
    seed: int,
    time_limit_s: float | None = None,
    on_epoch: EpochListener | None = None,
) -> PointFit:
    """Fit the frame's recipe.

    Args:
        framing: Windows and their parts.
        seed: Everything random follows from it.
        time_limit_s: Seconds after which the fit fails.
        on_epoch: Called after each epoch with its number from 1 and Keras's values.

    Raises:
        TrainingError: The loss was no number or exploded, the time limit was passed, or the fitted network
            predicts something that is no number.
    """
    import keras

    # Names of layers and what earlier fits left in memory must not differ from fit to fit.
    keras.utils.clear_session()
    deterministic(seed)
    fitting = framing.recipe.fitting
    network = build_network(framing.recipe, Random(seed))  # noqa: S311 - weights, not secrets
    inputs, targets = _examples(framing, framing.parts.fit)
    with graphs_let_go():
        history = network.fit(
            **(
                {"x": shuffled(inputs, targets, batch=fitting.batch, seed=seed)}
                if fitting.shuffle
                else {"x": inputs, "y": targets, "batch_size": fitting.batch}
            ),
            shuffle=False,
            validation_data=_examples(framing, framing.parts.validation)
            if framing.parts.n_validation
            else None,
            validation_batch_size=fitting.batch,
            epochs=fitting.epochs,
            verbose=0,
            callbacks=_callbacks(fitting.patience, time_limit_s=time_limit_s, on_epoch=on_epoch),
        ).history
    # Who loads the network from its file need not know the metric that watched its fit.
    network.compile(optimizer=network.optimizer, loss=network.loss)
    curves = {
        ours: [float(v) for v in history[theirs]] for theirs, ours in _CURVES.items() if theirs in history
    }
    begun = time.perf_counter()
    predicted = predict(network, framing.inputs)
    return PointFit(framing, seed, network, predicted, curves, time.perf_counter() - begun)


def predict(network: "keras.Model", inputs: FloatArray) -> FloatArray:
    """Scaled predictions of scaled windows, shape (n,), always in the same batches.

    Raises:
        TrainingError: One of them is no number.
    """
    predicted = np.asarray(network.predict(inputs.astype(np.float32), batch_size=256, verbose=0))
    if not np.isfinite(predicted).all():
        raise TrainingError(
            f"The fitted network predicts no number for {int((~np.isfinite(predicted)).sum())} of "
            f"{len(predicted)} windows; lower the learning rate or clip the gradients."
        )
    return predicted[:, 0].astype(np.float64)


def save_point(fit: PointFit, folder: Path) -> None:
    """The fitted network as `network.keras`, beside `scaling.json` and `recipe.json`: no pickles."""
    folder.mkdir(parents=True, exist_ok=True)
    fit.network.save(folder / "network.keras")
    parts = {"scaling": fit.framing.scaling.as_values(), "recipe": fit.framing.recipe.as_values()}
    for name, values in parts.items():
        (folder / f"{name}.json").write_text(
            json.dumps(values, indent=1, ensure_ascii=False), encoding="utf-8"
        )


def _examples(framing: Framing, part: slice) -> tuple[Any, Any]:
    return framing.inputs[part].astype(np.float32), framing.targets[part].astype(np.float32)


def _callbacks(
    patience: int | None, *, time_limit_s: float | None, on_epoch: EpochListener | None
) -> list["keras.callbacks.Callback"]:
    import keras

    callbacks = [DivergenceGuard()]
    if time_limit_s is not None:
        callbacks.append(TimeLimit(time_limit_s))
    if on_epoch is not None:
        callbacks.append(EpochReport(on_epoch))
    if patience is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience, restore_best_weights=True)
        )
    return callbacks
