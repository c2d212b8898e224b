"""Walk-forward: the refit calendar, and forecasts that are those of each day."""

import csv
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import DateError, TooLittleHistoryError
from pipeline.evaluation.backtest import COLUMNS, Span, forecast_lines, plan_spans, walk_span
from pipeline.features.day_axis import day_number
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.quantiles import LEVELS
from pipeline.models.catalogue import find_recipe
from pipeline.models.fitting import MINIMUM_DAYS, fit, issue
from pipeline.series import Series

pytestmark = pytest.mark.slow

FIRST, LAST = date(2023, 3, 1), date(2024, 5, 31)
HAR = find_recipe("har-range")
SERIES = Series.parse("binance/BTCUSDT/1d")


@given(refit_every=st.integers(1, 400), skip=st.integers(0, 300))
@settings(max_examples=40)
def test_each_day_uses_the_calendars_last_fit_at_or_before_it(refit_every, skip, broken_grid):
    first = FIRST + timedelta(days=skip)
    try:
        spans = plan_spans(broken_grid, first=first, last=LAST, refit_every=refit_every)
    except TooLittleHistoryError:
        return
    days = broken_grid["date"].dt.date
    covered = []
    for span in spans:
        assert day_number(span.fit_as_of) % refit_every == 0
        assert (~broken_grid["filled"][days <= span.fit_as_of]).sum() >= MINIMUM_DAYS
        for row in span.rows:
            assert 0 <= (days[row] - span.fit_as_of).days < refit_every
            assert not broken_grid["filled"].iloc[row]
        covered += days[span.rows].tolist()
    assert covered == sorted(set(covered))
    assert covered[-1] == LAST
    assert min(covered) >= first


def test_days_before_the_first_possible_fit_are_left_out(simulated_grid):
    spans = plan_spans(simulated_grid, first=date(2022, 1, 1), last=LAST, refit_every=30)
    seen = (spans[0].fit_as_of - date(2022, 1, 1)).days + 1
    assert MINIMUM_DAYS <= seen < MINIMUM_DAYS + 30


def test_what_cannot_be_walked_is_said(simulated_grid):
    with pytest.raises(DateError, match="No candle lies between"):
        plan_spans(simulated_grid, first=LAST, last=FIRST, refit_every=1)
    with pytest.raises(DateError, match="2022-01-01"):
        plan_spans(simulated_grid, first=date(2030, 1, 1), last=date(2031, 1, 1), refit_every=1)
    with pytest.raises(TooLittleHistoryError, match="smaller --refit-every"):
        plan_spans(simulated_grid, first=date(2022, 2, 1), last=date(2022, 12, 1), refit_every=30)


def test_a_walk_is_fit_and_issue_day_by_day(broken_grid, broken):
    spans = plan_spans(broken_grid, first=FIRST, last=LAST, refit_every=100)
    span = spans[-1]
    walked = walk_span(HAR, broken, span, seed=1)
    model = fit(HAR, broken, as_of=span.fit_as_of, seed=1)
    text = "\n".join(
        [
            ",".join(COLUMNS),
            *forecast_lines(walked, broken_grid, model_id="m", location="here", horizons=(1, 3)),
        ]
    )
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == len(span.rows) * 2 * len(LEVELS)
    for position in (0, len(span.rows) - 1):
        as_of = broken_grid["date"].iloc[span.rows[position]].date()
        forecast = issue(model, broken, series=SERIES, as_of=as_of)
        mine = [row for row in rows if row["reference_date"] == as_of.isoformat()]
        for horizon in (1, 3):
            found = [row for row in mine if row["horizon"] == str(horizon)]
            assert [float(row["output_type_id"]) for row in found] == list(LEVELS)
            assert [float(row["value"]) for row in found] == forecast.quantiles[horizon - 1].tolist()
            assert {row["target_end_date"] for row in found} == {forecast.target_date(horizon).isoformat()}
            assert {(row["model_id"], row["location"], row["output_type"]) for row in found} == {
                ("m", "here", "quantile")
            }


def test_a_day_without_a_forecast_has_no_line(broken_grid, broken):
    walked = walk_span(HAR, broken, Span(date(2023, 6, 1), np.array([600, 700])), seed=1)
    lines = list(forecast_lines(walked, broken_grid, model_id="m", location="x", horizons=(1,)))
    assert {line.split(",")[1] for line in lines} == {str(broken_grid["date"].iloc[700].date())}


def test_a_walk_reads_no_row_after_its_days(simulated_grid):
    span = plan_spans(simulated_grid, first=FIRST, last=date(2023, 12, 31), refit_every=100)[-1]
    garbage = simulated_grid.copy()
    later = garbage["date"] > np.datetime64(date(2023, 12, 31))
    garbage.loc[later, ["open", "high", "low", "close", "volume_base"]] = 7.0
    expected = walk_span(HAR, FeatureGrid.of(simulated_grid), span, seed=1).quantiles
    assert np.array_equal(walk_span(HAR, FeatureGrid.of(garbage), span, seed=1).quantiles, expected)
