"""A day without a forecast is a gap."""

import numpy as np
import pandas as pd

from pipeline.figures.daily import forecast_figure


def test_a_missing_day_is_a_gap_in_every_line() -> None:
    days = pd.date_range("2026-03-01", periods=6)
    names = ("lower_80", "upper_80", "predicted", "random_walk", "actual")
    table = pd.DataFrame({"date": days, **{name: np.arange(6.0) for name in names}}).drop(index=[2, 3])
    for line in forecast_figure(table, title="x").axes[0].lines:
        assert np.isnan(np.asarray(line.get_ydata())).tolist() == [False, False, True, True, False, False]
