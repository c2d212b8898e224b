"""The axis of calendar days."""

from datetime import date

import numpy as np

from pipeline.features.day_axis import DayAxis, day_date, day_number


def test_days_are_counted_from_1970_and_back():
    assert day_number(date(1970, 1, 1)) == 0
    assert day_number(date(2020, 1, 1)) == 18262
    assert day_date(18262) == date(2020, 1, 1)


def test_a_whole_grid_lies_row_by_row(simulated_grid):
    days = DayAxis.of(simulated_grid)
    assert np.array_equal(days.place, np.arange(len(simulated_grid)))
    assert days.observed.all()
    assert np.array_equal(days.weekday, simulated_grid["date"].dt.day_of_week)
    assert days.place_of(date(2022, 1, 11)) == 10


def test_long_holes_are_empty_and_filled_days_unobserved(broken_grid):
    days = DayAxis.of(broken_grid)
    assert len(days.number) == 912
    assert np.isnan(days.close[600:630]).all()
    assert np.isfinite(days.close[200:205]).all()
    assert np.flatnonzero(~days.observed).tolist() == [*range(200, 205), *range(600, 630)]


def test_returns_ahead_are_those_of_a_naive_loop(broken_grid):
    days = DayAxis.of(broken_grid)
    closes = dict(zip(days.number.tolist(), days.close.tolist(), strict=True))
    real = {int(n) for n, seen in zip(days.number, days.observed, strict=True) if seen}
    for horizon in (1, 7):
        ahead = days.log_returns_ahead(horizon)
        for place, number in enumerate(days.number.tolist()):
            if number in real and number + horizon in real:
                assert np.isclose(ahead[place], np.log(closes[number + horizon] / closes[number]))
            else:
                assert np.isnan(ahead[place])
