"""A simulated market that the forecasting tests share."""

from datetime import date

import pandas as pd
import pytest

from pipeline.candles.grid import daily_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.simulation import simulate_candles

FIRST, LAST = date(2022, 1, 1), date(2024, 6, 30)


@pytest.fixture(scope="session")
def simulated_grid() -> pd.DataFrame:
    """912 days of a simulated market, no day missing; do not change it in place."""
    return daily_grid(simulate_candles(seed=11, first=FIRST, last=LAST, price=20_000.0))


@pytest.fixture(scope="session")
def broken_grid() -> pd.DataFrame:
    """The same market with everything that files have: holes short and long, flat days, wicks, no volume."""
    candles = simulate_candles(seed=11, first=FIRST, last=LAST, price=20_000.0)
    flat, wick, mute = slice(300, 303), 420, slice(500, 520)
    for price in ("open", "high", "low"):
        candles.loc[flat, price] = candles.loc[flat, "close"]
    candles.loc[wick, "low"] = 0.06
    candles.loc[wick, "high"] = 1e7
    candles.loc[mute, "volume_base"] = 0.0
    lost = [*range(200, 205), *range(600, 630)]
    return daily_grid(candles.drop(index=lost).reset_index(drop=True))


@pytest.fixture(scope="session")
def simulated(simulated_grid: pd.DataFrame) -> FeatureGrid:
    """The simulated market with its features."""
    return FeatureGrid.of(simulated_grid)


@pytest.fixture(scope="session")
def broken(broken_grid: pd.DataFrame) -> FeatureGrid:
    """The broken one with its features."""
    return FeatureGrid.of(broken_grid)
