"""A grid's features are built once: a cut one has the bits of one that is built from the rows that are left."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.candles import daily_grid
from pipeline.errors import DateError
from pipeline.evaluation.holdout import evaluate
from pipeline.evaluation.trial import fit_baselines, try_models
from pipeline.features import feature_grid
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import fit, issue
from pipeline.models.regression import HAR_RANGE
from pipeline.series import Series
from pipeline.simulation import simulate_candles

FIRST = date(2022, 1, 1)
DAYS = 450
WHOLE = simulate_candles(seed=5, first=FIRST, last=FIRST + timedelta(days=DAYS - 1), price=20_000.0)


def arrays(grid: FeatureGrid) -> dict[str, Any]:
    """Everything that a model may read of a grid, by name; outcomes look ahead."""
    days = grid.days
    own = {name: getattr(days, name) for name in ("log_close", "weekday", "outcomes")}
    ahead = {f"ahead {horizon}": days.log_returns_ahead(horizon) for horizon in (1, 7)}
    fields = {name: values for name, values in vars(days).items() if name not in own}
    return {**fields, **own, **ahead, **vars(grid.features)}


@given(
    holes=st.lists(st.tuples(st.integers(1, DAYS - 2), st.integers(1, 40)), max_size=4),
    flat=st.integers(0, DAYS - 1),
    cut=st.integers(0, DAYS + 10),
)
@settings(max_examples=30)
def test_a_cut_grid_has_the_bits_of_one_that_is_built_from_its_rows(
    holes: list[tuple[int, int]], flat: int, cut: int
) -> None:
    """Whatever holes there are, and whether the cut falls on a candle, a filled day or into a long hole."""
    candles = WHOLE.copy()
    candles.loc[flat, ["open", "high", "low"]] = candles.loc[flat, "close"]
    lost = {row for start, length in holes for row in range(start, start + length) if row < DAYS - 1}
    table = daily_grid(candles.drop(index=sorted(lost)).reset_index(drop=True))
    as_of = FIRST + timedelta(days=cut)
    past = FeatureGrid.of(table).until(as_of)
    rows = table[table["date"] <= pd.Timestamp(as_of)]
    rebuilt = arrays(FeatureGrid.of(rows))
    found = arrays(past)
    assert found.keys() == rebuilt.keys()
    for name, values in rebuilt.items():
        assert np.array_equal(found[name], values, equal_nan=values.dtype.kind == "f"), name
    pd.testing.assert_frame_equal(past.table, rows)
    assert past.last_day == rows["date"].iloc[-1].date()


def test_there_is_nothing_before_the_first_day(simulated: FeatureGrid) -> None:
    with pytest.raises(DateError, match="no candle at or before 2021-12-31"):
        simulated.until(date(2021, 12, 31))


def test_a_day_builds_its_features_once(
    simulated_grid: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fit, evaluation, trial and forecasts of one grid."""
    built = []
    build = feature_grid.build_features
    monkeypatch.setattr(feature_grid, "build_features", lambda days: built.append(days) or build(days))
    grid, as_of = FeatureGrid.of(simulated_grid), date(2024, 6, 1)
    model = fit(HAR_RANGE, grid, as_of=as_of, seed=1)
    evaluate(HAR_RANGE, grid, as_of=as_of, seed=1)
    models = {one.model_id: one for one in fit_baselines(grid, as_of=date(2024, 3, 1), seed=1)}
    try_models(models, grid, as_of=as_of, days=90)
    for one in (model, *models.values()):
        issue(one, grid, series=Series("binance", "BTCUSDT"), as_of=as_of)
    assert len(built) == 1
