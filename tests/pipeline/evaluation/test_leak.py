"""The leak check finds planted leaks; that it passes honest models is said in models/test_contract.py."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from pipeline.candles import daily_grid, read_candles
from pipeline.errors import CandleFileError
from pipeline.evaluation.leak import check_leaks, cut_bytes, days_to_check
from pipeline.features.day_axis import DayAxis
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import fit
from pipeline.models.regression import HarRange
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

SERIES = Series.parse("binance/BTCUSDT/1d")
DAY = date(2023, 9, 5)


@pytest.fixture(scope="module")
def data():
    return wire_format(
        simulate_candles(seed=8, first=date(2022, 1, 1), last=date(2024, 1, 31), price=100.0), SERIES
    )


@pytest.fixture(scope="module")
def candles(data):
    return read_candles(data).candles


def scaler_over_all_rows(candles, as_of):
    """HAR as it is, but its regressors' centre is that of every row of the file."""
    grid = FeatureGrid.of(daily_grid(candles))
    averages = grid.features.averages - np.nanmean(grid.features.averages, axis=0)
    scaled = replace(grid, features=replace(grid.features, averages=averages))
    place = np.array([grid.days.place_of(as_of)])
    return np.exp(HarRange.learn(scaled.until(as_of)).quantiles(scaled, place)[0])


def peeking_at_tomorrow(candles, as_of):
    days = DayAxis.of(daily_grid(candles))
    place = min(days.place_of(as_of) + 1, len(days.close) - 1)
    return np.full((7, 23), days.close[place])


@pytest.mark.parametrize("planted", [scaler_over_all_rows, peeking_at_tomorrow])
def test_a_planted_leak_is_found(planted, candles, data):
    report = check_leaks(planted, candles, [DAY], seed=1, data=data)
    assert {leak.change for leak in report.leaks} == {"garbage", "absence", "bytes"}
    assert all(leak.as_of == DAY and leak.largest > 0 for leak in report.leaks)


@pytest.mark.slow
def test_a_scaler_over_all_rows_in_the_published_recipe_is_found(candles, monkeypatch):
    """Nothing is cut at as_of: the whole grid is learned from."""
    monkeypatch.setattr(FeatureGrid, "until", lambda grid, as_of: grid)

    def leaking(candles, as_of):
        grid = FeatureGrid.of(daily_grid(candles))
        model = fit(find_recipe("tiny-range"), grid, as_of=as_of, seed=1)
        row = int(np.flatnonzero(grid.table["date"] == np.datetime64(as_of))[0])
        return model.log_return_quantiles(grid, np.array([row]))[0]

    report = check_leaks(leaking, candles, [DAY], seed=1)
    assert {leak.change for leak in report.leaks} == {"garbage", "absence"}


def test_days_are_spread_between_the_first_fit_and_a_month_before_the_end(candles):
    days = days_to_check(candles, count=3, fewest=400)
    assert len(days) == 3
    assert days[0] > candles["date"].iloc[399].date()
    assert (candles["date"].iloc[-1].date() - days[-1]).days == 30


def test_bytes_are_cut_by_iso_day_or_by_unix_time(data):
    cut = cut_bytes(data, DAY)
    assert read_candles(cut).candles["date"].iloc[-1].date() == DAY
    lines = data.splitlines(keepends=True)
    assert cut.splitlines(keepends=True)[:2] == lines[:2]
    stamps = b"unix,close\n1693872000.0,1\n1693958400000,2\n"
    assert cut_bytes(stamps, DAY) == b"unix,close\n1693872000.0,1\n"


def test_bytes_without_days_cannot_be_cut():
    with pytest.raises(CandleFileError, match="cannot be cut"):
        cut_bytes(b"Date,Close\n1/2/2020,5\n1/3/2020,6\n", DAY)
