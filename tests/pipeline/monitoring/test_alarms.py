import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd
import pytest

from pipeline.forecasts.quantiles import COVERAGES, HORIZONS
from pipeline.monitoring.alarm_bounds import COVERAGE, SKILL, level, run_tests
from pipeline.monitoring.alarms import Alarm, missing_forecast, record_alarms, stale_source, suspect_source

BITCOIN = "binance/BTCUSDT/1d"
MODEL, WALK = "coincast-range_lstm", "coincast-random_walk"
FIRST = date(2000, 1, 1)
Generator = np.random.Generator


def even_pits(generator: Generator, days: int) -> np.ndarray:
    return generator.uniform(size=days)


def pits_of_ranges(factor: float) -> Callable[[Generator, int], np.ndarray]:
    """PITs of a normal forecaster whose ranges are `1 / factor` times as wide as they should be."""
    law = np.vectorize(NormalDist().cdf)
    return lambda generator, days: law(factor * generator.standard_normal(days))


def record(
    days: int,
    *,
    seed: int = 1,
    pits: Callable[[Generator, int], np.ndarray] = even_pits,
    edge: float = 0.0,
    start: int = 0,
    horizons: tuple[int, ...] = HORIZONS,
) -> pd.DataFrame:
    """A record under the null: calibrated, and neither better nor worse than the random walk.

    Differences of scores have mean `edge`, fat tails and a long left one, the worst case for a t test.
    """
    generator = np.random.default_rng(seed)
    as_of = np.datetime64(FIRST) + start + np.arange(days)
    frames = []
    for horizon in horizons:
        distance = np.abs(2 * pits(generator, days) - 1)
        difference = 0.2 * (generator.standard_t(4, days) + 1 - generator.exponential(size=days))
        frames.append(
            pd.DataFrame(
                {
                    "horizon": horizon,
                    "as_of": as_of.astype("datetime64[us]"),
                    "target_date": (as_of + horizon).astype("datetime64[us]"),
                    "wis": 20.0 + difference + edge,
                    "baseline_wis": 20.0,
                    **{f"hit_{coverage}": distance <= coverage / 100 for coverage in COVERAGES},
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def standing(rows: pd.DataFrame, days: int, *kinds: str) -> np.ndarray:
    """On which days any alarm stands; tests of h-day forecasts are renewed every h days."""
    on = np.zeros(days, dtype=bool)
    for test in run_tests(rows.sort_values("target_date", kind="stable")):
        if test.kind in kinds and test.beyond.any():
            offsets = np.array([(day - FIRST).days for day in test.days])
            ends = np.append(offsets[1:], days)
            for first, end in zip(offsets[test.beyond], ends[test.beyond], strict=True):
                on[first:end] = True
    return on


def as_scores(rows: pd.DataFrame, *, model_id: str = MODEL, mode: str = "live") -> pd.DataFrame:
    """The same record as `Ledger.scores` gives it, the random walk's rows among it."""
    own = rows.drop(columns="baseline_wis").assign(series=BITCOIN, model_id=model_id, mode=mode)
    walk = rows.assign(wis=rows["baseline_wis"], series=BITCOIN, model_id=WALK, mode=mode)
    return pd.concat([own, walk.drop(columns="baseline_wis")])


def test_the_levels_add_up_to_one_false_day_in_a_thousand() -> None:
    tests_of_a_horizon = len(COVERAGES) * 3 + 2
    total = sum(tests_of_a_horizon * level(horizon) for horizon in HORIZONS)
    assert total == pytest.approx(1 / 1000)
    shared = sum(tests_of_a_horizon * level(horizon, series_watched=50) for horizon in HORIZONS)
    assert shared == pytest.approx(1 / 50_000)


def test_every_test_is_run_and_none_before_it_has_enough_outcomes() -> None:
    counted = [sum(1 for _ in run_tests(record(days, horizons=(1,)))) for days in (13, 14, 60, 365)]
    assert counted == [0, 4, 4 * 2 + 1, 4 * 3 + 2]
    # Seven-day forecasts are looked at every seventh day: 98 days hold fourteen of them.
    assert sum(1 for _ in run_tests(record(98, horizons=(7,)))) == 4


@pytest.mark.slow
def test_a_good_forecaster_raises_at_most_one_false_day_in_a_thousand() -> None:
    days, runs = 15_000, 4
    on = [standing(record(days, seed=seed), days, COVERAGE, SKILL) for seed in range(runs)]
    share = np.mean(on)
    begins = sum(int((np.diff(one.astype(int)) == 1).sum()) for one in on) / (days * runs)
    # Measured over 200,000 days: 0.6 standing and 0.1 beginning in a thousand.
    assert 0 < share <= 1 / 1000
    assert begins <= 0.4 / 1000


@pytest.mark.parametrize(
    ("factor", "within"),
    [(2.0, 60), (1.5, 120), (0.5, 90)],
    ids=["half as wide", "two thirds", "twice as wide"],
)
@pytest.mark.slow
def test_broken_ranges_are_found_soon_after_a_good_year(factor: float, within: int) -> None:
    delays = []
    for seed in range(8):
        good = record(400, seed=seed)
        broken = record(within, seed=100 + seed, pits=pits_of_ranges(factor), start=400)
        on = standing(pd.concat([good, broken]), 400 + within + 7, COVERAGE)
        delays.append(int(np.argmax(on[401:])) if on[401:].any() else math.inf)
    assert sum(delay < within for delay in delays) >= 7


@pytest.mark.slow
def test_a_model_that_becomes_worse_than_the_random_walk_is_found() -> None:
    found = 0
    for seed in range(8):
        good, worse = record(400, seed=seed), record(150, seed=100 + seed, edge=0.3, start=400)
        found += standing(pd.concat([good, worse]), 560, SKILL)[401:].any()
    assert found >= 7


def test_an_alarm_names_the_ranges_the_figures_and_the_day_it_began() -> None:
    good = record(100, horizons=(1,))
    broken = record(40, pits=lambda generator, days: np.zeros(days), start=100, horizons=(1,))
    rows = as_scores(pd.concat([good, broken]))
    (alarm,) = record_alarms(rows, series=BITCOIN, model_id=MODEL)
    assert (alarm.series, alarm.kind) == (BITCOIN, "coverage")
    held = good["hit_95"][-20:].sum()
    figures = f"{MODEL}: 95 % ranges 1 day ahead held on {held} of the last 60 days, 48 to 60 are usual; "
    assert alarm.message.startswith(figures)
    assert alarm.wrong == figures.removesuffix("; ")
    began = alarm.since
    # The day before it began, the same record raised nothing; on that day it did.
    until = rows[rows["target_date"].dt.date < began]
    assert record_alarms(until, series=BITCOIN, model_id=MODEL) == ()
    on_the_day = rows[rows["target_date"].dt.date <= began]
    assert record_alarms(on_the_day, series=BITCOIN, model_id=MODEL)[0].since == began
    assert json.loads(json.dumps(alarm.as_dict()))["since"] == began.isoformat()


def test_a_skill_alarm_says_how_much_worse_and_only_for_models() -> None:
    rows = as_scores(record(100, edge=1.0, horizons=(1,)))
    (alarm,) = record_alarms(rows, series=BITCOIN, model_id=MODEL)
    assert alarm.kind == "skill"
    assert "WIS 1 day ahead was +5." in alarm.message
    assert "over the last 60 days" in alarm.message
    assert record_alarms(rows, series=BITCOIN, model_id=WALK) == ()


def test_a_baseline_that_is_configured_claims_no_skill_and_has_nothing_to_roll_back() -> None:
    rows = as_scores(record(100, edge=1.0, horizons=(1,)))
    assert record_alarms(rows, series=BITCOIN, model_id=MODEL, configured=True) == ()
    narrow = as_scores(record(60, pits=lambda generator, days: np.zeros(days)))
    (alarm,) = record_alarms(narrow, series=BITCOIN, model_id=MODEL, configured=True)
    assert alarm.kind == "coverage"
    assert alarm.message.endswith("then choose another recipe.")


def test_a_record_of_backfills_or_of_another_series_raises_nothing() -> None:
    broken = record(60, pits=lambda generator, days: np.zeros(days))
    scores = as_scores(broken, mode="backfill")
    assert record_alarms(scores, series=BITCOIN, model_id=MODEL) == ()
    assert record_alarms(as_scores(broken), series="binance/ETHUSDT/1d", model_id=MODEL) == ()
    assert record_alarms(as_scores(broken).iloc[:0], series=BITCOIN, model_id=MODEL) == ()
    assert record_alarms(as_scores(broken), series=BITCOIN, model_id=MODEL)


def test_a_model_without_a_random_walk_beside_it_is_judged_on_its_ranges_alone() -> None:
    rows = as_scores(record(100, edge=1.0))
    assert record_alarms(rows[rows["model_id"] == MODEL], series=BITCOIN, model_id=MODEL) == ()


@pytest.mark.parametrize(
    ("newest", "now", "missing"),
    [
        (date(2026, 3, 29), datetime(2026, 3, 30, 23, tzinfo=UTC), False),
        (date(2026, 3, 29), datetime(2026, 3, 31, 5, 59, tzinfo=UTC), False),
        (date(2026, 3, 29), datetime(2026, 3, 31, 6, tzinfo=UTC), True),
        (date(2026, 3, 30), datetime(2026, 3, 31, 6, tzinfo=UTC), False),
        (None, datetime(2026, 3, 31, 6, tzinfo=UTC), True),
    ],
)
def test_todays_forecast_is_missed_from_six_o_clock(
    newest: date | None, now: datetime, missing: bool
) -> None:
    alarm = missing_forecast(BITCOIN, newest_as_of=newest, now=now)
    assert (alarm is not None) == missing
    if alarm is not None:
        assert alarm.kind == "no-forecast"
        assert "as of 2026-03-30" in alarm.message
        assert alarm.since == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("begun", "missing"),
    [
        # The day as of 30 March was due on the 31st at six.
        (datetime(2026, 3, 31, 5, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 31, 6, tzinfo=UTC), False),
        (datetime(2026, 3, 31, 11, tzinfo=UTC), False),
    ],
)
def test_a_day_that_was_due_before_anything_was_forecast_here_is_not_missed(
    begun: datetime, missing: bool
) -> None:
    now = datetime(2026, 3, 31, 12, tzinfo=UTC)
    assert (missing_forecast(BITCOIN, newest_as_of=None, now=now, begun=begun) is not None) == missing
    # A day later the next one is.
    later = missing_forecast(BITCOIN, newest_as_of=None, now=now + timedelta(days=1), begun=begun)
    assert later is not None
    assert "none was ever in time" in later.message


def test_a_forecast_missed_for_days_is_missed_since_the_first() -> None:
    alarm = missing_forecast(
        BITCOIN, newest_as_of=date(2026, 3, 1), now=datetime(2026, 3, 31, 12, tzinfo=UTC)
    )
    assert alarm is not None
    assert alarm.since == date(2026, 3, 3)


def test_a_source_is_stale_after_the_days_that_are_allowed() -> None:
    told = {"last_candle": date(2026, 3, 27), "stale_after_days": 2}
    edge = datetime(2026, 3, 30, tzinfo=UTC)
    assert stale_source(BITCOIN, now=edge, **told) is None
    alarm = stale_source(BITCOIN, now=edge + timedelta(hours=12), **told)
    assert isinstance(alarm, Alarm)
    assert (alarm.kind, alarm.since) == ("stale-source", date(2026, 3, 30))
    assert "of 2026-03-27 and ended 2.5 days ago" in alarm.message
    assert stale_source(BITCOIN, last_candle=None, now=edge, stale_after_days=2) is None


def test_a_suspect_source_names_the_file_its_fault_and_the_way_out() -> None:
    sha256, day = "7b52b9300123" + "f" * 52, date(2026, 3, 31)
    alarm = suspect_source(
        BITCOIN, sha256=sha256, reason="2144 of 3142 days are gone", since=day, last_candle=date(2026, 3, 29)
    )
    assert (alarm.kind, alarm.series, alarm.since) == ("suspect-source", BITCOIN, day)
    assert "(7b52b9300123) is suspect: 2144 of 3142 days are gone" in alarm.message
    assert "the last good one, to 2026-03-29, is" in alarm.message
    assert alarm.message.endswith("run `coincast snapshots accept 7b52b9300123`.")
    assert alarm.wrong.endswith("the last good one, to 2026-03-29, is")
