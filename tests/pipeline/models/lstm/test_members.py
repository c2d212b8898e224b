"""A fit has the same bytes whatever else the process does."""

import random
from datetime import date
from threading import Event, Thread

import numpy as np
import pytest

from pipeline.candles import daily_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit, issue
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
