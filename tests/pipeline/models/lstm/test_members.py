"""A fit has the bits of Keras's own `fit`, whatever else the process does."""

import math
import random
from collections.abc import Iterator
from datetime import date
from random import Random
from threading import Event, Thread

import numpy as np
import pytest

from pipeline.candles import daily_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.callbacks import deterministic
from pipeline.models.catalogue import find_recipe
from pipeline.models.contract import Watch
from pipeline.models.fitting import fit, issue
from pipeline.models.lstm.members import NetworkRows, fit_members, pinball_of_moves
from pipeline.models.lstm.network import build_network
from pipeline.series import Series
from pipeline.simulation import simulate_candles

pytestmark = pytest.mark.slow


def test_threads_that_draw_random_numbers_change_no_bit() -> None:
    grid = FeatureGrid.of(
        daily_grid(simulate_candles(seed=12, first=date(2024, 1, 1), last=date(2025, 6, 30), price=2e4))
    )

    def fitted() -> bytes:
        model = fit(find_recipe("tiny-range"), grid, as_of=date(2025, 6, 1), seed=1)
        made = issue(model, grid, series=Series("simulated", "BTCUSDT"), as_of=date(2025, 6, 2))
        return made.quantiles.tobytes()

    alone, over = fitted(), Event()

    def draw() -> None:
        while not over.wait(0.001):
            random.random()
            np.random.rand()

    drawing = Thread(target=draw)
    drawing.start()
    try:
        assert fitted() == alone
    finally:
        over.set()
        drawing.join()


def test_members_have_the_bits_of_keras_s_fit() -> None:
    """The ledger holds forecasts of members that `fit` trained: `reproduce` makes them again."""
    import keras

    recipe = find_recipe("range-lstm").model_copy(
        update={"members": 2, "epochs": 3, "batch_size": 100, "lookback": 6, "units": (8, 4)}
    )
    chance, size = np.random.default_rng(7), 333
    rows = NetworkRows(
        chance.normal(size=(size, 6, 16)), chance.normal(size=(size, 7)), chance.uniform(0, 2, (size, 7))
    )
    shape = np.tile(np.linspace(-2, 2, 23), (7, 1))
    told: list[float] = []
    watch = Watch(on_epoch=lambda epoch, values: told.append(values["loss"]))
    found = fit_members(recipe, rows, shape, seed=5, watch=watch, unseen=None)

    deterministic(5)
    chances = Random(5)
    networks = [build_network(6, (8, 4), chances) for _ in range(2)]
    losses: list[float] = []
    for number, network in enumerate(networks):
        deterministic(5 + number)
        network.compile(
            optimizer=keras.optimizers.Adam(clipnorm=1.0), loss=pinball_of_moves(shape.astype("float32"))
        )
        step = iter(range(100))

        def falls(
            batch: int, logs: object, network: keras.Model = network, step: Iterator[int] = step
        ) -> None:
            rate = recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * next(step) / 12))
            network.optimizer.learning_rate.assign(rate)

        kept = network.fit(
            rows.windows.astype("float32"),
            rows.outcomes.astype("float32"),
            sample_weight=rows.weights.astype("float32"),
            batch_size=100,
            epochs=3,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_begin=falls)],
            verbose=0,
        )
        losses += kept.history["loss"]
        for ours, theirs in zip(found[number], network.get_weights(), strict=True):
            assert np.array_equal(ours, theirs)
    assert told == pytest.approx(losses, rel=1e-6)
