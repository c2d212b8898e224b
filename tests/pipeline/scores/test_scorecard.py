import json
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.forecasts.quantiles import COVERAGES
from pipeline.scores.score_history import beside_random_walk, recent_forecasts, skill_over_time
from pipeline.scores.scorecard import build_scorecard

BITCOIN = "binance/BTCUSDT/1d"
MODEL, WALK, HAR = "coincast-range_lstm", "coincast-random_walk", "coincast-har_range"


def score_rows(
    days: int,
    *,
    model_id: str = MODEL,
    mode: str = "live",
    horizon: int = 1,
    seed: int = 1,
    series: str = BITCOIN,
) -> pd.DataFrame:
    """Made-up scores: a PIT, the hits that follow from it, and a positive WIS."""
    generator = np.random.default_rng([seed, horizon, len(model_id)])
    as_of = pd.date_range("2025-01-01", periods=days, unit="us")
    pit = generator.uniform(0.005, 0.995, days)
    frame = pd.DataFrame(
        {
            "series": series,
            "as_of": as_of,
            "horizon": horizon,
            "model_id": model_id,
            "mode": mode,
            "issue": 1,
            "target_date": as_of + timedelta(days=horizon),
            "last_close": 100.0,
            "actual_close": 100 + generator.normal(0, 3, days),
            "median": 100.0,
            "wis": generator.gamma(2, 0.01, days),
            "absolute_error": generator.gamma(2, 1.0, days),
            "pit": pit,
            "simulated_time": False,
            "simulated_data": False,
        }
    )
    for coverage in COVERAGES:
        frame[f"hit_{coverage}"] = np.abs(2 * pit - 1) <= coverage / 100
        frame[f"lower_{coverage}"], frame[f"upper_{coverage}"] = 99.0, 101.0
    return frame


def test_a_line_is_what_a_loop_over_its_rows_says() -> None:
    model, walk = score_rows(200), score_rows(200, model_id=WALK)
    line = build_scorecard(pd.concat([walk, model])).line(
        series=BITCOIN, model_id=MODEL, mode="live", horizon=1
    )
    assert line is not None
    assert (line.n, line.first, line.last) == (200, date(2025, 1, 2), date(2025, 7, 20))
    assert line.mean_wis == pytest.approx(sum(model["wis"]) / 200)
    assert line.mae == pytest.approx(sum(model["absolute_error"]) / 200)
    for coverage in line.coverage:
        hits = sum(abs(2 * pit - 1) <= coverage.nominal / 100 for pit in model["pit"])
        assert (coverage.hits, coverage.share) == (hits, hits / 200)
        oracle = stats.binomtest(hits, 200).proportion_ci(0.95, method="wilson")
        assert coverage.interval == pytest.approx((oracle.low, oracle.high))
    assert line.pit == tuple(sum(k / 10 <= pit < (k + 1) / 10 for pit in model["pit"]) for k in range(10))
    assert line.skill is not None
    assert line.skill.n == 200
    assert line.skill.relative_wis == pytest.approx(sum(model["wis"]) / sum(walk["wis"]))
    difference = walk["wis"].to_numpy() - model["wis"].to_numpy()
    t = difference.mean() / (difference.std() / np.sqrt(200))
    assert (line.skill.dm_t, line.skill.dm_p) == pytest.approx((t, 2 * stats.norm.sf(abs(t))))


@pytest.mark.parametrize(("days", "tested"), [(2, False), (29, False), (30, True)])
def test_no_test_is_told_of_fewer_than_thirty_days(days: int, tested: bool) -> None:
    rows = pd.concat([score_rows(days), score_rows(days, model_id=WALK)])
    line = build_scorecard(rows).line(series=BITCOIN, model_id=MODEL, mode="live", horizon=1)
    assert line is not None
    assert line.skill is not None
    assert line.skill.n == days
    assert [bool(np.isfinite(value)) for value in (line.skill.dm_t, line.skill.dm_p)] == [tested, tested]


def test_a_line_tells_how_far_it_is_from_both_baselines() -> None:
    model, walk, har = (score_rows(200, model_id=name) for name in (MODEL, WALK, HAR))
    lines = build_scorecard(pd.concat([model, walk, har.iloc[:150]])).lines
    own, theirs = (next(line for line in lines if line.model_id == name) for name in (MODEL, HAR))
    expected = (model["wis"] - har["wis"])[:150].mean() / walk["wis"][:150].mean()
    found = own.beside(HAR)
    assert found is not None
    assert (found.days, found.value) == (150, pytest.approx(expected))
    assert own.skill is not None
    assert own.beside(WALK) is not None
    assert own.beside(WALK).value == pytest.approx(own.skill.relative_wis - 1)
    assert own.beside(WALK).value / own.beside(WALK).error == pytest.approx(-own.skill.dm_t)
    assert [one.model_id for one in theirs.comparisons] == [WALK]
    told = own.as_dict()["comparisons"][1]
    assert told == {"model_id": HAR, **found._asdict(), "words": found.words}


def test_skill_is_measured_on_the_days_that_both_were_scored() -> None:
    model, walk = score_rows(30), score_rows(30, model_id=WALK)
    rows = pd.concat([model.iloc[:20], walk.iloc[10:]])
    line = build_scorecard(rows).line(series=BITCOIN, model_id=MODEL, mode="live", horizon=1)
    assert line is not None
    assert line.skill is not None
    assert (line.n, line.skill.n) == (20, 10)
    assert line.skill.relative_wis == pytest.approx(model["wis"][10:20].mean() / walk["wis"][10:20].mean())


def test_live_and_backfilled_forecasts_are_never_averaged_or_compared_together() -> None:
    live, backfill = score_rows(20), score_rows(40, mode="backfill", seed=9)
    walk = score_rows(40, model_id=WALK, mode="backfill")
    card = build_scorecard(pd.concat([live, backfill, walk]))
    names = {"series": BITCOIN, "model_id": MODEL, "horizon": 1}
    first, second = card.line(mode="live", **names), card.line(mode="backfill", **names)
    assert first is not None
    assert second is not None
    assert (first.n, second.n) == (20, 40)
    assert first.mean_wis == pytest.approx(live["wis"].mean())
    assert first.skill is None
    assert second.skill is not None
    assert [line.mode for line in card.lines] == ["live", "backfill", "backfill"]
    with pytest.raises(ValueError, match="never mix"):
        skill_over_time(pd.concat([live, backfill, walk]), model_id=MODEL)


def test_overlapping_forecasts_count_for_less() -> None:
    day, week = score_rows(140), score_rows(140, horizon=7)
    lines = build_scorecard(pd.concat([day, week])).lines
    widths = [line.coverage[1].interval.upper - line.coverage[1].interval.lower for line in lines]
    share = lines[1].coverage[1].share
    oracle = stats.binomtest(round(20 * share), 20).proportion_ci(0.95, method="wilson")
    assert widths[1] == pytest.approx(oracle.high - oracle.low, abs=0.01)
    assert widths[1] > 2 * widths[0]


def test_the_best_model_comes_first_and_the_random_walk_last() -> None:
    rows = [score_rows(3, model_id=model, horizon=h) for h in (2, 1) for model in (MODEL, WALK)]
    worse = score_rows(3, model_id="coincast-a", horizon=1)
    lines = build_scorecard(pd.concat([*rows, worse.assign(wis=worse["wis"] * 3)])).lines
    told = [(line.model_id, line.horizon) for line in lines]
    assert told == [(MODEL, 1), (MODEL, 2), ("coincast-a", 1), (WALK, 1), (WALK, 2)]
    assert [line.skill for line in lines[3:]] == [None, None]


def test_a_model_of_a_few_lucky_days_stands_below_those_with_a_record() -> None:
    """Thirty days are where a difference is tested at all."""
    rows = [score_rows(60, model_id=model) for model in (MODEL, WALK)]
    for days, first in ((29, MODEL), (30, "coincast-a")):
        lucky = score_rows(days, model_id="coincast-a")
        lines = build_scorecard(pd.concat([*rows, lucky.assign(wis=lucky["wis"] / 10)])).lines
        assert (lines[0].model_id, lines[-1].model_id) == (first, WALK)


def test_no_scores_make_an_empty_scorecard() -> None:
    assert build_scorecard(score_rows(3).iloc[:0]).lines == ()


def test_one_score_is_a_line_that_json_can_hold() -> None:
    card = build_scorecard(pd.concat([score_rows(1), score_rows(1, model_id=WALK)]))
    values = json.loads(json.dumps(card.lines[0].as_dict(), allow_nan=False))
    assert values["n"] == 1
    assert values["first"] == "2025-01-02"
    assert values["skill"]["interval"] == [None, None]
    assert values["skill"]["dm_t"] is None
    assert values["coverage"][1]["nominal"] == 80


def test_simulated_time_and_data_are_said() -> None:
    rows = score_rows(5)
    rows.loc[[0, 1], "simulated_time"] = True
    rows["simulated_data"] = True
    line = build_scorecard(rows).lines[0]
    assert (line.simulated_time, line.simulated_data) == (2, True)


def test_recent_forecasts_are_the_newest_of_each_line() -> None:
    rows = pd.concat([score_rows(40), score_rows(10, horizon=2), score_rows(40, model_id=WALK)])
    recent = recent_forecasts(rows.sample(frac=1, random_state=1), count=30)
    own = recent[(recent["model_id"] == MODEL) & (recent["horizon"] == 1)]
    assert own["target_date"].dt.date.tolist() == [date(2025, 2, 10) - timedelta(days=k) for k in range(30)]
    assert len(recent[recent["horizon"] == 2]) == 10
    assert {"hit_80", "lower_80", "upper_80", "median", "actual_close"} <= set(recent.columns)


def test_skill_over_time_ends_where_the_scorecard_is() -> None:
    rows = pd.concat([score_rows(120, horizon=3), score_rows(120, model_id=WALK, horizon=3)])
    path = skill_over_time(rows, model_id=MODEL, horizon=3)
    line = build_scorecard(rows).line(series=BITCOIN, model_id=MODEL, mode="live", horizon=3)
    assert line is not None
    assert line.skill is not None
    last = path.iloc[-1]
    assert (last["n"], last["relative_wis"]) == (120, line.skill.relative_wis)
    assert (last["lower"], last["upper"]) == tuple(line.skill.interval)
    assert path["target_date"].is_monotonic_increasing
    halfway = rows[rows["target_date"] <= path["target_date"][59]].groupby("model_id")["wis"].mean()
    assert path["relative_wis"][59] == pytest.approx(halfway[MODEL] / halfway[WALK])


def test_without_a_random_walk_there_is_no_skill_to_show() -> None:
    assert skill_over_time(score_rows(5), model_id=MODEL).empty
    assert beside_random_walk(score_rows(5), how="left")["baseline_wis"].isna().all()
    assert skill_over_time(score_rows(5).iloc[:0], model_id=MODEL).empty
