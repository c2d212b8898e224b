from datetime import date
from typing import Any

from flows.studies.range_sweep import RangeSweep
from pipeline.candles.grid import daily_grid
from pipeline.evaluation.range_sweeping import plan_stretches
from pipeline.features.feature_grid import FeatureGrid
from pipeline.recipes.ranges import TINY_RANGE
from pipeline.simulation import simulate_candles


def test_a_date_in_a_long_hole_ends_the_days_to_choose_by_with_the_candle_before_it() -> None:
    candles = simulate_candles(seed=5, first=date(2020, 1, 1), last=date(2022, 3, 31), price=20000.0)
    hole = (candles["date"].dt.date >= date(2021, 10, 1)) & (candles["date"].dt.date <= date(2021, 10, 20))
    grid = FeatureGrid.of(daily_grid(candles[~hole].reset_index(drop=True)))
    choosing, judging = plan_stretches(
        grid, [TINY_RANGE], first=None, until=date(2021, 10, 10), refit_every=30
    )
    nothing: Any = None
    swept = RangeSweep(
        given=TINY_RANGE, vary={}, sampler="grid", seed=1, time_limit_s=None, history=nothing, experiment=nothing,
        choosing=choosing, judging=judging, horizons=(1,), refit_every=30,
    )  # fmt: skip
    assert swept.validation()["before"] == "2021-10-01"
    assert grid.table["date"].dt.date.iloc[int(judging.spans[0].rows[0])] == date(2021, 10, 21)
