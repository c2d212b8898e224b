"""The law of every comparison: a day that one forecaster lacks counts for none of them, and for nobody as an error."""

import ast
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pytest
import scoringrules
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.backfill.scores import compared_models, leaderboard, scores_by_day
from pipeline.candles.grid import daily_grid
from pipeline.evaluation.backtest_summary import Outcomes, summarise
from pipeline.evaluation.comparison import Outcome, outcome_of, random_walk_of
from pipeline.evaluation.gate_evidence import common_days, fit_difference, response, score_figures
from pipeline.evaluation.holdout import Sample
from pipeline.evaluation.leaderboard import NO_COMMON_DAY, rank
from pipeline.evaluation.together import rank_together
from pipeline.evaluation.trial import Trial
from pipeline.features.day_axis import DayAxis
from pipeline.figures.backtest import cumulative_figure, pit_figure
from pipeline.forecasts.columns import bounds
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS, LEVELS, MEDIAN
from pipeline.models.calibration import skill_ends_at
from pipeline.monitoring.alarm_bounds import run_tests
from pipeline.monitoring.alarms import record_alarms
from pipeline.monitoring.week import score_week
from pipeline.page.assembly import build_record
from pipeline.point.fitting import PointFit
from pipeline.point.framing import Framing, frame
from pipeline.point.sweeping import validation_scores
from pipeline.recipes.point import Dense, PointRecipe
from pipeline.scores import formulas as scoring
from pipeline.scores.common_days import common_cells, common_forecasts, on_common_cells
from pipeline.scores.score_history import beside_random_walk, recent_forecasts, skill_over_time
from pipeline.scores.scorecard import build_scorecard
from pipeline.series import Series
from pipeline.simulation import simulate_candles
from pipeline.windows.splits import Split

pytestmark = pytest.mark.slow
SOURCE: Final = Path(__file__).resolve().parents[3]
DAYS: Final = 84
FIRST: Final = date(2025, 3, 3)
SERIES: Final = Series("binance", "BTCUSDT")
MODEL, HAR, CHAMPION = "coincast-range_lstm", "coincast-har_range", "coincast-ewma_range"
WALK: Final = "coincast-random_walk"
MODELS: Final = (MODEL, HAR, CHAMPION, WALK)
# How a forecast can be missing: its numbers are NaN, it has no row, or its cell is gone for everybody.
NAN, ABSENT, GONE = "nan", "absent", "gone"
Cells = frozenset[tuple[int, int]]
Result = Any


@cache
def quantiles(model: str) -> np.ndarray:
    """Log returns by day, horizon and level; array of shape (DAYS, 7, 23)."""
    chance = np.random.default_rng([7, *model.encode()])
    spread = 0.03 * np.exp(chance.normal(0, 0.3, (DAYS, 1, 1))) * np.sqrt(np.array(HORIZONS))[:, None]
    return spread * np.sort(chance.normal(size=(DAYS, len(HORIZONS), len(LEVELS))), axis=-1)


@cache
def outcomes() -> np.ndarray:
    """Log returns that came, array of shape (DAYS, 7)."""
    return np.random.default_rng(1).normal(0, 0.03, (DAYS, len(HORIZONS))) * np.sqrt(HORIZONS)


def forecasts(model: str, who: str, missing: Cells, how: str) -> np.ndarray:
    """A model's quantiles, NaN where they are missing; nothing is when the cell is gone for everybody."""
    values = quantiles(model).copy()
    if how != GONE and model == who:
        for day, column in missing:
            values[day, column] = np.nan
    return values


def truth(missing: Cells, how: str) -> np.ndarray:
    """Outcomes, NaN where the cell is gone."""
    values = outcomes().copy()
    if how == GONE:
        for day, column in missing:
            values[day, column] = np.nan
    return values


@cache
def ledger() -> pd.DataFrame:
    """Score rows of all models, days and horizons as the ledger gives them, live."""
    rows = []
    for model in MODELS:
        for column, horizon in enumerate(HORIZONS):
            actual, said = outcomes()[:, column], quantiles(model)[:, column]
            as_of = pd.date_range(FIRST, periods=DAYS, unit="us")
            frame = pd.DataFrame({"as_of": as_of, "target_date": as_of + timedelta(days=horizon)})
            frame = frame.assign(
                series=str(SERIES),
                horizon=horizon,
                model_id=model,
                mode="live",
                issue=1,
                last_close=100.0,
                actual_close=100 * np.exp(actual),
                median=100 * np.exp(said[:, MEDIAN]),
                wis=scoring.weighted_interval_score(actual, said),
                absolute_error=100 * np.abs(np.exp(actual) - np.exp(said[:, MEDIAN])),
                pit=scoring.probability_integral_transform(actual, said),
                simulated_time=False,
                simulated_data=False,
                cell=[(day, column) for day in range(DAYS)],
            )
            for percent in COVERAGES:
                lower, upper = scoring.interval(said, percent)
                frame[f"hit_{percent}"] = (actual >= lower) & (actual <= upper)
                frame[bounds(percent)[0]], frame[bounds(percent)[1]] = (
                    100 * np.exp(lower),
                    100 * np.exp(upper),
                )
            rows.append(frame)
    return pd.concat(rows, ignore_index=True)


def score_rows(who: str, missing: Cells, how: str) -> pd.DataFrame:
    """The ledger's rows with a forecaster's cells missing."""
    rows = ledger()
    lost = rows["cell"].isin(missing) & ((rows["model_id"] == who) | (how == GONE))
    if how != NAN:
        return rows[~lost].drop(columns="cell").reset_index(drop=True)
    rows = rows.drop(columns="cell")
    rows.loc[lost, ["wis", "absolute_error", "pit"]] = np.nan
    rows.loc[lost, [f"hit_{percent}" for percent in COVERAGES]] = False
    return rows


@cache
def grid() -> pd.DataFrame:
    last = FIRST + timedelta(days=2 * DAYS + 2)
    return daily_grid(simulate_candles(seed=2, first=FIRST, last=last, price=100.0))


def sample(who: str, missing: Cells, how: str) -> Sample:
    """Forecasts one day ahead of the second half of a market; its first half was learned from."""
    kept = np.array([how != GONE or (day, 0) not in missing for day in range(DAYS)])
    own, walk = (forecasts(name, who, missing, how)[kept, 0] for name in (MODEL, WALK))
    places = np.arange(DAYS, 2 * DAYS)[kept]
    return Sample(DayAxis.of(grid()), places, own, walk, grid().iloc[: DAYS + 1])


RECIPE: Final = PointRecipe(
    name="some", title="some", window=4, layers=(Dense(kind="dense", units=1),), split=Split(train=0.5)
)


def framing(missing: Cells, how: str) -> Framing:
    """Windows of which the days that are gone are cut out, all of them of the test."""
    whole = frame(RECIPE, grid())
    gone = [whole.parts.test.start + day for day, column in missing if column == 0] if how == GONE else []
    cut = {
        name: np.delete(getattr(whole, name), gone, axis=0)
        for name in ("dates", "inputs", "targets", "closes", "last_closes")
    }
    test = slice(whole.parts.test.start, len(whole.dates) - len(gone))
    return replace(whole, **cut, parts=replace(whole.parts, test=test))


def predicted(name: str, who: str, missing: Cells, how: str) -> np.ndarray:
    whole = frame(RECIPE, grid())
    values = whole.targets + np.random.default_rng([3, *name.encode()]).normal(0, 0.05, len(whole.targets))
    lost = [whole.parts.test.start + day for day, column in missing if column == 0]
    if how == GONE:
        return np.delete(values, lost)
    if name == who:
        values[lost] = np.nan
    return values


def ranked(who: str, missing: Cells, how: str) -> Result:
    """Two recipes, one with two seeds, and the random walk of a comparison."""
    framed = framing(missing, how)
    seeds = {"a": (MODEL, 1), "b": (MODEL, 2), "c": (HAR, 1)}
    fitted: list[Outcome] = []
    for name, (model, seed) in seeds.items():
        lacks = name if model == who and name != "b" else ""
        fit = PointFit(framed, seed, None, predicted(name, lacks, missing, how), {})
        fitted.append(replace(outcome_of(fit), recipe=model, setting="the same"))
    standings = rank([*fitted, replace(random_walk_of(framed), setting="the same")])
    return [
        (one.rank, one.recipe, one.p, one.verdict, {name: s.mean for name, s in one.metrics.items()})
        for one in standings
    ]


def ranked_together(who: str, missing: Cells, how: str) -> Result:
    """Ranges of one recipe and points of another, whose days begin two later, in one leaderboard."""
    of_points, of_ranges = (missing if who == name else frozenset() for name in (HAR, MODEL))
    fit = PointFit(framing(of_points, how), 1, None, predicted("a", "a", of_points, how), {})
    points = replace(outcome_of(fit), recipe=HAR)
    judged = sample(MODEL, of_ranges, how)
    ranges = replace(points, recipe=MODEL, setting="ranges", table=judged.table().assign(part="test"))
    still = judged.random_walk.table().assign(part="test")
    walk = replace(ranges, recipe="random-walk", table=still.assign(predicted=still["random_walk"]))
    return rank_together([points, ranges, walk]).as_values()


def walked(who: str, missing: Cells, how: str) -> Outcomes:
    own, walk, har = (forecasts(name, who, missing, how) for name in (MODEL, WALK, HAR))
    days = np.datetime64(FIRST) + np.arange(DAYS)
    years = np.array([2025 + (day > 40) for day in range(DAYS)])
    return Outcomes(years, days, np.full(DAYS, 100.0), truth(missing, how), own, walk, har, 1.5)


def backtested(who: str, missing: Cells, how: str) -> Result:
    walk = walked(who, missing, how)
    bars = [patch.get_height() for patch in pit_figure(walk, horizon=1).axes[0].patches]
    gained = cumulative_figure(walk, horizon=2).axes[0].lines[0].get_ydata()
    return summarise(walk, HORIZONS), bars, list(gained)


def gated(who: str, missing: Cells, how: str) -> Result:
    actual = truth(missing, how)
    said = {name: forecasts(name, who, missing, how) for name in MODELS}
    wis = {name: scoring.weighted_interval_score(actual, values) for name, values in said.items()}
    scores = common_days(Trial(said, wis).scores(MODEL, CHAMPION), 365)
    return score_figures("fit", scores, 1)


def compared_fits(who: str, missing: Cells, how: str) -> Result:
    kept = [day for day in range(DAYS) if how != GONE or not {(day, column) for column in range(7)} & missing]
    full, judged = (forecasts(name, who, missing, how)[kept] for name in (MODEL, HAR))
    return response(full, judged)


def differing_fits(who: str, missing: Cells, how: str) -> Result:
    full, judged = (forecasts(name, who, missing, how) for name in (MODEL, HAR))
    for day, column in missing if how == GONE else ():
        full[day, column] = judged[day, column] = np.nan
    return fit_difference(full, judged)


def skill_ends(who: str, missing: Cells, how: str) -> Result:
    own, walk = (forecasts(name, who, missing, how) for name in (MODEL, WALK))
    return skill_ends_at(truth(missing, how), 3 * own, walk)


def primitives(who: str, missing: Cells, how: str) -> Result:
    actual = truth(missing, how)[:, 0]
    own, walk = (forecasts(name, who, missing, how)[:, 0] for name in (MODEL, WALK))
    losses = [scoring.weighted_interval_score(actual, values) for values in (own, walk)]
    return scoring.relative_wis(*losses), *scoring.diebold_mariano(*losses, horizon=3)


def alone(who: str, missing: Cells, how: str) -> Result:
    """Numbers of one model's own."""
    actual, own = truth(missing, how)[:, 0], forecasts(MODEL, MODEL, missing, how)[:, 0]
    levels = scoring.probability_integral_transform(actual, own)
    prices = 100 * np.exp(actual), 100 * np.exp(own[:, MEDIAN])
    last = np.where(np.isfinite(actual), 100.0, np.nan)
    return [
        *(scoring.coverage(actual, own, percent) for percent in COVERAGES),
        levels[np.isfinite(levels)].tolist(),
        scoring.mean_squared_error(*prices),
        scoring.mean_absolute_error(*prices),
        scoring.mean_absolute_percentage_error(*prices),
        scoring.mean_absolute_scaled_error(*prices, scale=2.0),
        scoring.direction_hits(*prices, last),
    ]


def validated(who: str, missing: Cells, how: str) -> Result:
    framed = framing(missing, how)
    # The test windows stand for the validation here: the same function, another part.
    as_validation = replace(framed, parts=replace(framed.parts, validation=framed.parts.test))
    return validation_scores(as_validation, predicted("a", "a", missing, how))


def backfilled(who: str, missing: Cells, how: str) -> Result:
    rows = score_rows(who, missing, how)
    models = compared_models(rows, MODELS)
    by_day = scores_by_day(rows, models=MODELS)
    return models, leaderboard(rows, models=MODELS), by_day.to_dict("records")


def carded(who: str, missing: Cells, how: str) -> Result:
    lines = build_scorecard(score_rows(who, missing, how)).lines
    return [
        (line.horizon, line.as_dict()["skill"]) for line in lines if line.model_id == MODEL and line.skill
    ]


def own_card(who: str, missing: Cells, how: str) -> Result:
    rows = score_rows(MODEL, missing, how)
    recent = recent_forecasts(rows[rows["model_id"] == MODEL], count=10)
    lines = build_scorecard(rows).lines
    return [line.as_dict() for line in lines if line.model_id == MODEL], recent.to_dict("records")


def skill_grown(who: str, missing: Cells, how: str) -> Result:
    return skill_over_time(score_rows(who, missing, how), model_id=MODEL, horizon=2).to_dict("records")


def alarmed(who: str, missing: Cells, how: str) -> Result:
    rows = score_rows(who, missing, how)
    record = beside_random_walk(rows, how="left")
    record = record[record["model_id"] == MODEL].sort_values("target_date")
    tests = [test for test in run_tests(record) if who == MODEL or test.kind == "skill"]
    told = [alarm.as_dict() for alarm in record_alarms(rows, series=str(SERIES), model_id=MODEL)]
    return (
        [(test.kind, list(test.days), list(test.beyond), test.surprise, test.words) for test in tests],
        told if who == MODEL else [one for one in told if one["kind"] == "skill"],
    )


def weekly(who: str, missing: Cells, how: str) -> Result:
    monday = FIRST + timedelta(days=14)
    score = score_week(
        score_rows(who, missing, how), series=SERIES, monday=monday, mode="live", published={}, usual=MODEL
    )
    if score is None:
        return None
    shared = (score.relative_wis, score.relative_wis_all, score.compared_days, score.compared)
    if not score.compared:
        return None
    return (*shared, score.scored, score.held) if who == MODEL else shared


def paged(who: str, missing: Cells, how: str) -> Result:
    last = FIRST + timedelta(days=DAYS + 6)
    record = build_record(
        score_rows(who, missing, how), series=SERIES, model_id=MODEL, mode="live", as_of=last
    )
    if record is None:
        return None
    compared = [(line.horizon, line.as_dict()["skill"]) for line in record.lines if line.skill]
    return compared, record.skill_path, record.past if who == MODEL else ()


def evaluated(who: str, missing: Cells, how: str) -> Result:
    judged = sample(who, missing, how)
    table = judged.table().dropna()
    return judged.metrics(), table.to_dict("records")


# Of each: what it tells, and who may lack a forecast without another's own number being meant.
LAW: Final[Mapping[str, tuple[Callable[[str, Cells, str], Result], tuple[str, ...]]]] = {
    "scores of one another": (primitives, (MODEL, WALK)),
    "scores of one alone": (alone, (MODEL,)),
    "evaluation": (evaluated, (MODEL, WALK)),
    "leaderboard": (ranked, (MODEL, HAR)),
    "leaderboard of all": (ranked_together, (MODEL, HAR)),
    "backtest": (backtested, (MODEL, WALK)),
    "gate": (gated, MODELS),
    "response of a fit": (compared_fits, (MODEL, HAR)),
    "difference of two fits": (differing_fits, (MODEL, HAR)),
    "where skill ends": (skill_ends, (MODEL, WALK)),
    "sweep": (validated, (MODEL,)),
    "backfill": (backfilled, MODELS),
    "scorecard": (carded, (MODEL, WALK)),
    "a line of the scorecard": (own_card, (MODEL,)),
    "skill over time": (skill_grown, (MODEL, WALK)),
    "alarms": (alarmed, (MODEL, WALK)),
    "week": (weekly, (MODEL, WALK)),
    "page": (paged, (MODEL, WALK)),
}
CASES: Final = [(name, who) for name, (_, models) in LAW.items() for who in models]
EVERYTHING: Final = frozenset((day, column) for day in range(DAYS) for column in range(len(HORIZONS)))

# What names a score and compares nobody, or does nothing but hand on what is under the law.
EXEMPT: Final = {
    "flows/backfills/report.py:log_backfill": "names two metrics of the leaderboard's rows",
    "pipeline/scores/metrics.py:_coverage": "makes the metrics of ranges, which evaluation and backtest take",
    "flows/day/judging.py:judge_fit": "hands trial and ledger to the gate",
    "flows/day/judging.py:_ledger_record": "hands the ledger's rows to paired_scores",
    "pipeline/models/lstm/members.py:watched_loss": "a loss of training, weighted 0 where there is no outcome",
    "pipeline/scores/outcomes.py:outcomes": "scores forecast by forecast, those of the ledger, which are whole",
    "pipeline/evaluation/trial.py:try_models": "scores day by day",
    "flows/publishing/metrics.py:_coverage": "one model's own ranges, told with how many they are",
    "pipeline/page/days/former.py:_with_outcomes": "lays each forecast's score beside it",
    "pipeline/page/days/former.py:_horizon": "one forecast beside the random walk's of the same day",
    "flows/edges/ledger/scoring.py:_rows": "refuses a forecast whose score is no number",
}
_SCORES: Final = (
    *(
        "relative_wis",
        "diebold_mariano",
        "coverage",
        "probability_integral_transform",
        "pinball_loss",
    ),
    *("weighted_interval_score", "direction_hits", "ratio_path", "relative_score", "cautious_t"),
    *("mean_squared_error", "mean_absolute_error", "mean_absolute_scaled_error"),
    *("mean_absolute_percentage_error", "beside_random_walk", "daily_scores", "fit_difference", "response"),
    *("paired_scores", "score_points", "score_random_walk", "measure", "common_forecasts", "skill"),
    "relative_wis_over_horizons",
    *("WIS", "BASELINE_WIS", "ABSOLUTE_ERROR", "PIT", "hit", "HITS"),
)

cells = st.frozensets(st.sampled_from(sorted(EVERYTHING)), max_size=60)
whole_days = st.frozensets(st.integers(0, DAYS - 1), max_size=DAYS).map(
    lambda days: frozenset((day, column) for day in days for column in range(len(HORIZONS)))
)


@pytest.mark.parametrize(("name", "who"), CASES)
@settings(max_examples=3)
@given(missing=cells | whole_days)
def test_a_day_that_one_lacks_is_a_day_that_nobody_has(name: str, who: str, missing: Cells) -> None:
    tell, _ = LAW[name]
    gone = tell(who, missing, GONE)
    assert_same(tell(who, missing, NAN), gone)
    assert_same(tell(who, missing, ABSENT), gone)


# Functions of arrays say NaN, and whatever is told of them leaves it out; a leaderboard goes on with the others.
@pytest.mark.parametrize(
    ("name", "who"),
    [
        (name, who)
        for name, who in CASES
        if not name.startswith(("scores", "leaderboard")) and "fit" not in name
    ],
)
def test_without_a_common_day_there_is_no_figure(name: str, who: str) -> None:
    tell, _ = LAW[name]
    for how in (NAN, ABSENT):
        told = tell(who, EVERYTHING, how)
        for path, value in leaves(told[0] if name == "backtest" else told):
            assert not isinstance(value, float) or (value == 0 and path.endswith("_days")), path


def test_recipes_that_share_no_day_have_no_figure() -> None:
    framed = framing(frozenset(), NAN)
    halves = {MODEL: range(40), HAR: range(40, DAYS)}
    fits = [
        PointFit(framed, 1, None, predicted("a", "a", frozenset((day, 0) for day in days), NAN), {})
        for days in halves.values()
    ]
    fitted = [replace(outcome_of(fit), recipe=name) for name, fit in zip(halves, fits, strict=True)]
    standings = rank([*fitted, random_walk_of(framed)])
    assert [one.verdict for one in standings] == [NO_COMMON_DAY] * 3
    for one in standings:
        assert {
            name: spread.mean for name, spread in one.metrics.items() if not name.startswith("train")
        } == {"test_days": 0}
        assert one.setting.startswith(f"none of {DAYS} test days ")


def test_where_nothing_is_missing_every_figure_is_there() -> None:
    for name, (tell, models) in LAW.items():
        values = [value for _, value in leaves(tell(models[0], frozenset(), NAN)) if isinstance(value, float)]
        assert values or name == "where skill ends", name


def test_every_function_that_compares_is_under_the_law() -> None:
    ran: set[str] = set()

    def watch(frame: Any, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(SOURCE)):
            path = Path(frame.f_code.co_filename).relative_to(SOURCE).as_posix()
            ran.add(f"{path}:{frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        for tell, models in LAW.values():
            tell(models[0], frozenset({(3, 0)}), NAN)
    finally:
        sys.setprofile(before)
    comparing = set(comparing_functions())
    assert comparing - ran - set(EXEMPT) == set()
    assert set(EXEMPT) <= comparing


def comparing_functions() -> Iterator[str]:
    """Every function that uses a score, by file and name."""
    for path in sorted((*(SOURCE / "pipeline").rglob("*.py"), *(SOURCE / "flows").rglob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                inside = list(ast.walk(node))
                own = {one.arg for one in inside if isinstance(one, ast.arg)}
                names = [one for one in inside if isinstance(one, ast.Name)]
                own |= {one.id for one in names if isinstance(one.ctx, ast.Store)}
                if {one.id for one in names} & set(_SCORES) - own:
                    yield f"{path.relative_to(SOURCE).as_posix()}:{node.name}"


def assert_same(told: Result, expected: Result) -> None:
    """Equal but for rounding, NaN being equal to itself."""
    ours, theirs = list(leaves(told)), list(leaves(expected))
    assert [path for path, _ in ours] == [path for path, _ in theirs]
    for (path, value), (_, other) in zip(ours, theirs, strict=True):
        if isinstance(value, float) and isinstance(other, float):
            assert value == pytest.approx(other, rel=1e-9, abs=1e-15, nan_ok=True), path
        else:
            assert value == other, path


def leaves(value: Result, path: str = "") -> Iterator[tuple[str, Result]]:
    """Every number and text of a nested value, with the way to it."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from leaves(part, f"{path}/{key}")
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            yield from leaves(part, f"{path}/{index}")
    elif hasattr(value, "__dataclass_fields__"):
        yield from leaves(vars(value), path)
    else:
        yield path, float(value) if isinstance(value, np.floating) else value


@given(missing=whole_days)
@settings(max_examples=20)
def test_an_evaluation_is_a_loop_over_the_days_that_both_forecast(missing: Cells) -> None:
    lost = {day for day, _ in missing}
    judged = sample(MODEL, missing, NAN)
    metrics = judged.metrics()
    days = [day for day in range(DAYS) if day not in lost]
    assert metrics["test_days"] == len(days)
    if not days:
        assert metrics == {"test_days": 0}
        return
    close = judged.days.close
    own, walk, inside, squared, still = [], [], 0, 0.0, 0.0
    for day in days:
        last, actual = close[DAYS + day], close[DAYS + day + 1]
        said = quantiles(MODEL)[day, 0]
        came = math.log(actual) - math.log(last)
        for scores, ends in ((own, said), (walk, quantiles(WALK)[day, 0])):
            losses = [
                scoringrules.quantile_score(came, end, level) for end, level in zip(ends, LEVELS, strict=True)
            ]
            scores.append(2 * sum(map(float, losses)) / len(LEVELS))
        inside += said[LEVELS.index(0.025)] <= came <= said[LEVELS.index(0.975)]
        squared += (actual - last * math.exp(said[MEDIAN])) ** 2
        still += (actual - last) ** 2
    assert metrics["test_relative_wis"] == pytest.approx(sum(own) / sum(walk))
    assert metrics["test_coverage_95_pct"] == pytest.approx(100 * inside / len(days))
    assert metrics["test_mse_price"] == pytest.approx(squared / len(days))
    assert metrics["random_walk_test_mse_price"] == pytest.approx(still / len(days))
    assert metrics["skill_vs_random_walk"] == pytest.approx(1 - squared / still)


@given(missing=cells, who=st.sampled_from(MODELS))
@settings(max_examples=20)
def test_a_backfills_leaderboard_is_a_loop_over_the_cells_that_all_have(missing: Cells, who: str) -> None:
    board = {row["model_id"]: row for row in leaderboard(score_rows(who, missing, ABSENT))}
    common = [cell for cell in sorted(EVERYTHING) if cell not in missing]
    rows = ledger()
    wis = {model: dict(zip(own["cell"], own["wis"], strict=True)) for model, own in rows.groupby("model_id")}
    for model in MODELS:
        mean = sum(wis[model][cell] for cell in common) / len(common)
        walk = sum(wis[WALK][cell] for cell in common) / len(common)
        assert board[model]["n"] == len(common)
        assert board[model]["days"] == len({day for day, _ in common})
        assert (board[model]["wis"], board[model]["relative_wis"]) == pytest.approx((mean, mean / walk))


def test_a_model_that_was_backfilled_before_on_some_days_takes_no_day_from_the_others() -> None:
    rows = score_rows(CHAMPION, frozenset((day, 0) for day in range(10)), ABSENT)
    own = (MODEL, HAR, WALK)
    assert compared_models(rows, own) == own
    assert compared_models(score_rows(CHAMPION, frozenset(), ABSENT), own) == MODELS
    assert {row["n"] for row in leaderboard(rows, models=own)} == {7 * DAYS}
    assert {row["n"] for row in leaderboard(rows)} == {7 * DAYS - 10}


def test_live_and_backfilled_forecasts_of_a_day_are_not_common() -> None:
    rows = score_rows(MODEL, frozenset(), ABSENT)
    late = rows.copy()
    late.loc[(rows["model_id"] == WALK) & (rows["horizon"] == 1), "mode"] = "backfill"
    assert set(common_forecasts(late, MODELS)["horizon"]) == set(HORIZONS) - {1}
    assert [line.skill for line in build_scorecard(late).lines if line.horizon == 1] == [None] * 4


def test_a_recipe_without_any_forecast_is_told_so_and_takes_no_day_from_the_others() -> None:
    standings = {
        recipe: (verdict, metrics) for _, recipe, _, verdict, metrics in ranked(HAR, EVERYTHING, NAN)
    }
    assert standings[HAR] == (NO_COMMON_DAY, {"test_days": 0} | train_scores(standings[HAR][1]))
    others = {name: metrics["test_days"] for name, (_, metrics) in standings.items() if name != HAR}
    assert set(others.values()) == {len(frame(RECIPE, grid()).dates) - frame(RECIPE, grid()).parts.test.start}


def train_scores(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if name.startswith("train_")}


def test_cells_are_known_as_a_whole() -> None:
    days, levels = np.array([1.0, np.nan, 3.0]), np.ones((3, 4))
    levels[2, 1] = np.inf
    assert common_cells(days, levels).tolist() == [True, False, False]
    both = on_common_cells({"a": levels, "b": np.ones((3, 4))})
    assert np.isnan(both["b"]).all(axis=1).tolist() == [False, False, True]
    assert both["b"][:2].tolist() == np.ones((2, 4)).tolist()
