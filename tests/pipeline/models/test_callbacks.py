from collections.abc import Mapping

import numpy as np
import pytest

from pipeline.errors import TrainingError
from pipeline.models.callbacks import DivergenceGuard, EpochReport, TimeLimit, deterministic

pytestmark = pytest.mark.slow
ROWS = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)


def fit(callback: object, *, rate: float = 0.01, epochs: int = 3) -> list[float]:
    import keras

    deterministic(1)
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    network.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    history = network.fit(ROWS, ROWS[:, :1], batch_size=16, epochs=epochs, verbose=0, callbacks=[callback])
    return [float(loss) for loss in history.history["loss"]]


@pytest.mark.parametrize("rate", [30.0, 1e12])
def test_an_exploding_loss_ends_the_fit(rate: float) -> None:
    with pytest.raises(TrainingError, match=r"diverged: loss was .* after epoch [12]"):
        fit(DivergenceGuard(), rate=rate)


def test_a_loss_that_is_no_number_ends_the_fit() -> None:
    guard = DivergenceGuard()
    guard.on_train_begin()
    with pytest.raises(TrainingError, match="val_loss was nan after epoch 1"):
        guard.on_epoch_end(0, {"loss": 0.1, "val_loss": float("nan")})


def test_a_fit_that_learns_is_let_alone() -> None:
    losses = fit(DivergenceGuard())
    assert losses[-1] < losses[0]


def test_the_time_limit_is_looked_at_after_every_batch() -> None:
    ticks = iter(range(100))
    with pytest.raises(TrainingError, match=r"limit of 5 s in epoch 2; .*--time-limit, or fit_limit_s"):
        fit(TimeLimit(5, clock=lambda: float(next(ticks))))


def test_every_epoch_is_reported_from_1() -> None:
    told: list[tuple[int, Mapping[str, float]]] = []
    losses = fit(EpochReport(lambda epoch, values: told.append((epoch, values))))
    assert [(epoch, values["loss"]) for epoch, values in told] == list(enumerate(losses, start=1))


def test_the_same_seed_gives_the_same_fit() -> None:
    assert fit(EpochReport(lambda epoch, values: None)) == fit(EpochReport(lambda epoch, values: None))
