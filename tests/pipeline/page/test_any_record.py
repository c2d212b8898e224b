"""A law: whatever part of the scores is there, from none to all, each series has its page, its entry and its week."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pipeline.forecasts.quantiles import HORIZONS
from pipeline.monitoring.alarms import record_alarms
from pipeline.monitoring.week import SeriesWeek, WeekHealth, score_week
from pipeline.page import latest
from pipeline.page.assembly import build_record
from pipeline.page.content import SeriesContent
from pipeline.page.sentences import FEW
from pipeline.page.site import full_page, site_files
from pipeline.page.weekly import render_week, week_markdown
from pipeline.series import Series

pytestmark = pytest.mark.slow

BITCOIN = Series("binance", "BTCUSDT")
MODEL, WALK = "coincast-range_lstm", "coincast-random_walk"
MODES, DAYS = ("live", "backfill"), 40
SCHEMA = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))


class Part(NamedTuple):
    """Which scores are there: those whose mode, model, horizon and day are all chosen, but for single ones."""

    modes: frozenset[str]
    models: frozenset[str]
    horizons: frozenset[int]
    days: frozenset[int]
    lost: frozenset[int]

    def of(self, scores: pd.DataFrame) -> pd.DataFrame:
        """The rows that are left."""
        age = (scores["as_of"].max() - scores["as_of"]).dt.days
        there = (
            scores["mode"].isin(self.modes)
            & scores["model_id"].isin(self.models)
            & scores["horizon"].isin(self.horizons)
            & age.isin(self.days)
        )
        rows = scores[there]
        kept = ~np.isin(np.arange(len(rows)), list(self.lost))
        return rows[kept].reset_index(drop=True)


def some(values: Any) -> st.SearchStrategy[Any]:
    return st.frozensets(st.sampled_from(sorted(values)))


EVERY_DAY = frozenset(range(DAYS))
PARTS = st.builds(
    Part,
    modes=some(MODES),
    models=some((MODEL, WALK)),
    horizons=some(HORIZONS),
    days=st.one_of(st.just(EVERY_DAY), some(EVERY_DAY)),
    lost=st.frozensets(st.integers(0, 100), max_size=20),
)
ALL = Part(frozenset(MODES), frozenset((MODEL, WALK)), frozenset(HORIZONS), EVERY_DAY, frozenset())


@pytest.fixture(scope="module", params=["moving", "flat"])
def scores(request: pytest.FixtureRequest, make_scores: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Forty days of both modes; in a market that stands still nobody errs, and no error can be measured by another."""
    steps = np.random.default_rng(7).normal(0, 0.03 if request.param == "moving" else 0.0, 500)
    days = pd.date_range(end="2026-03-29", periods=500)
    closes = pd.Series(60_000 * np.exp(steps.cumsum()), index=days)
    return make_scores(closes, BITCOIN, live=DAYS - 8, backfill=8)


@pytest.fixture(scope="module")
def content(make_content: Callable[..., SeriesContent]) -> SeriesContent:
    return make_content(live=0)


@given(part=PARTS)
@example(part=ALL)
@example(part=ALL._replace(horizons=frozenset()))
@example(part=ALL._replace(horizons=frozenset(HORIZONS) - {1}))
@example(part=ALL._replace(horizons=frozenset({1})))
@example(part=ALL._replace(horizons=frozenset({2, 7}), modes=frozenset({"live"}), days=frozenset({7})))
@example(part=ALL._replace(models=frozenset({MODEL})))
@example(part=ALL._replace(models=frozenset({WALK})))
@example(part=ALL._replace(modes=frozenset({"backfill"})))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_part_of_the_scores_gives_a_page(
    scores: pd.DataFrame, content: SeriesContent, part: Part
) -> None:
    rows = part.of(scores)
    as_of = content.forecast.as_of
    records = {
        mode: build_record(rows, series=BITCOIN, model_id=MODEL, mode=mode, as_of=as_of) for mode in MODES
    }
    alarms = record_alarms(rows, series=str(BITCOIN), model_id=MODEL)
    shown = SeriesContent(**{**vars(content), **records, "alarms": alarms})
    files = site_files([full_page(shown)])
    document = json.loads(files["latest.json"])
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    page = files[f"{BITCOIN.slug}.html"].decode()
    live = records["live"]
    # What it lacks it says, what it has it shows.
    scored = [record.next_day.n for record in records.values() if record and record.next_day]
    assert ("Promise and outcome" in page) == any(count >= FEW for count in scored)
    assert ("Ranges that held, one day ahead" in page) == (live is not None and live.next_day is not None)
    assert ("By days ahead, forecasts issued in time" in page) == (live is not None)
    assert ("Forecasts made afterwards" in page) == (records["backfill"] is not None)
    if live is None or live.next_day is None:
        assert "No record yet" in page
    assert ">nan" not in page


@given(part=PARTS)
@example(part=ALL)
@example(part=ALL._replace(horizons=frozenset()))
@example(part=ALL._replace(horizons=frozenset({4})))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_part_of_the_scores_gives_a_week(
    scores: pd.DataFrame, content: SeriesContent, part: Part
) -> None:
    rows, monday = part.of(scores), content.forecast.as_of - timedelta(days=6)
    live, backfill = (
        score_week(rows, series=BITCOIN, monday=monday, mode=mode, published={}, usual=MODEL)
        for mode in MODES
    )
    health = WeekHealth(candles=7, unforecast=(), restated=0, contract="")
    week = SeriesWeek(BITCOIN, monday, live, backfill, (), health, ())
    page = render_week([week]).decode()
    assert "BTC/USDT on Binance" in page
    assert ("issued in time</th>" in page) == (live is not None)
    assert str(BITCOIN) in week_markdown([week])
    json.dumps(week.as_row(), allow_nan=False)
