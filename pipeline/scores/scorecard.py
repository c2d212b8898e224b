"""How good the published forecasts were, per series, model, mode and horizon. Live and backfill never mix."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.forecasts.columns import (
    ABSOLUTE_ERROR,
    HAR_RANGE,
    HORIZON,
    MODE,
    MODEL_ID,
    PIT,
    RANDOM_WALK,
    SERIES,
    SIMULATED_DATA,
    SIMULATED_TIME,
    TARGET_DATE,
    WIS,
    hit,
)
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.scores import metrics
from pipeline.scores.differences import Difference, paired_difference
from pipeline.scores.formulas import FEWEST_TESTED, diebold_mariano
from pipeline.scores.score_history import BASELINE_WIS, GROUP, HAR_RANGE_WIS, beside_baselines
from pipeline.scores.scored import Issued
from pipeline.scores.uncertainty import Interval, ratio_path, wilson_interval

if TYPE_CHECKING:
    from pandas import DataFrame

PIT_BINS: Final = 10
# Whom a model's scores are compared with, and which column has theirs.
_BASELINES: Final = ((RANDOM_WALK, BASELINE_WIS), (HAR_RANGE, HAR_RANGE_WIS))


@dataclass(frozen=True)
class Coverage:
    """How often one central range held.

    Attributes:
        nominal: Percent of outcomes that it should hold.
        hits: Outcomes that it held, both ends included.
        share: hits / n; best at nominal / 100.
        interval: 95 % Wilson interval of the share. Forecasts of h days overlap, so that n of them count as
            n / h independent ones.
    """

    nominal: int
    hits: int
    share: float
    interval: Interval


@dataclass(frozen=True)
class Skill:
    """Comparison with the random walk on the days that both were scored.

    Attributes:
        n: Those days.
        relative_wis: Mean WIS over the random walk's; 1 is no skill, lower is better.
        interval: 95 % interval of it (delta method, Newey–West with h − 1 lags).
        dm_t: Diebold–Mariano t of the daily differences; above 0 the model is the better one. NaN under 30 days.
        dm_p: Its two-sided p; NaN under 30 days.
    """

    n: int
    relative_wis: float
    interval: Interval
    dm_t: float
    dm_p: float


@dataclass(frozen=True)
class Comparison:
    """A model's scores beside a baseline's.

    Attributes:
        model_id: The baseline.
        difference: Of the two, in units of the random walk's mean WIS; below 0 the model is the better one.
    """

    model_id: str
    difference: Difference

    def as_dict(self) -> dict[str, Any]:
        """JSON values: with the words for it; a value and an error that cannot be said are None."""
        values = {"model_id": self.model_id, **self.difference._asdict(), "words": self.difference.words}
        return {key: _plain(value) for key, value in values.items()}


@dataclass(frozen=True)
class ScoreLine:
    """One model at one horizon in one mode.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        model_id: As `coincast-range_lstm`.
        mode: `live` or `backfill`.
        horizon: Days ahead, 1 to 7.
        n: Scored forecasts.
        first: First target day.
        last: Last target day.
        coverage: One for each of 50, 80, 90 and 95 percent.
        mean_wis: Mean WIS in log returns; lower is better.
        mae: Mean absolute error of the median, in quote currency.
        pit: Outcomes in each tenth of the forecast distribution, 10 counts; even when calibrated.
        skill: Against the random walk; None for the random walk itself and where it has no score.
        comparisons: With the random walk and with `har-range`, itself left out, on the days that each has.
        simulated_time: How many were issued by a run whose `now` was not the clock's.
        simulated_data: Whether the candles come from the simulated market.
    """

    series: str
    model_id: str
    mode: str
    horizon: int
    n: int
    first: date
    last: date
    coverage: tuple[Coverage, ...]
    mean_wis: float
    mae: float
    pit: tuple[int, ...]
    skill: Skill | None
    simulated_time: int
    simulated_data: bool
    comparisons: tuple[Comparison, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values: intervals as pairs, what cannot be said as None."""
        values = {key: _plain(value) for key, value in asdict(self).items()}
        return {**values, "comparisons": [one.as_dict() for one in self.comparisons]}

    def beside(self, model_id: str) -> Difference | None:
        """From that baseline; None for itself."""
        return next((one.difference for one in self.comparisons if one.model_id == model_id), None)


@dataclass(frozen=True)
class Scorecard:
    """All lines, by series, mode, model and horizon.

    The best model comes first, one with fewer than 30 days after those that have more, the random walk last.
    """

    lines: tuple[ScoreLine, ...]

    def line(self, *, series: str, model_id: str, mode: str, horizon: int) -> ScoreLine | None:
        """The one line of that name; None where nothing was scored."""
        wanted = (series, model_id, mode, horizon)
        found = (row for row in self.lines if (row.series, row.model_id, row.mode, row.horizon) == wanted)
        return next(found, None)


def build_scorecard(scores: "DataFrame") -> Scorecard:
    """Sum up score rows.

    Args:
        scores: Rows as `Ledger.scores` gives them: of each forecast the last issue and the last revision.
    """
    lines = [_line(group) for group in _groups(scores)]
    order = {
        line: (line.series, line.mode != "live", *_standing(line, lines), line.horizon) for line in lines
    }
    return Scorecard(tuple(sorted(lines, key=order.__getitem__)))


def _standing(row: ScoreLine, lines: Sequence[ScoreLine]) -> tuple[bool, bool, float, str]:
    """By relative WIS at the model's shortest horizon; with few days after the others, the random walk last."""
    own = [
        one for one in lines if (one.series, one.mode, one.model_id) == (row.series, row.mode, row.model_id)
    ]
    nearest = min(own, key=lambda one: one.horizon)
    skill = nearest.skill
    known = skill is not None and math.isfinite(skill.relative_wis)
    few = nearest.n < FEWEST_TESTED
    return row.model_id == RANDOM_WALK, few, skill.relative_wis if skill and known else math.inf, row.model_id


def _groups(scores: "DataFrame") -> "Iterator[DataFrame]":
    if scores.empty:
        return
    for _, group in beside_baselines(scores).groupby(list(GROUP)):
        yield group.sort_values(TARGET_DATE)


def _line(group: "DataFrame") -> ScoreLine:
    head = group.iloc[0]
    horizon = int(head[HORIZON])
    rows = Issued(
        *(group[name].to_numpy(dtype=float) for name in (WIS, BASELINE_WIS, ABSOLUTE_ERROR, hit(80)))
    )
    return ScoreLine(
        series=str(head[SERIES]),
        model_id=str(head[MODEL_ID]),
        mode=str(head[MODE]),
        horizon=horizon,
        n=len(group),
        first=head[TARGET_DATE].date(),
        last=group.iloc[-1][TARGET_DATE].date(),
        coverage=tuple(_coverage(group, nominal, horizon) for nominal in COVERAGES),
        mean_wis=metrics.WIS.function(rows),
        mae=metrics.ABSOLUTE_ERROR.function(rows),
        pit=tuple(np.histogram(group[PIT], bins=PIT_BINS, range=(0, 1))[0].tolist()),
        skill=None if head[MODEL_ID] == RANDOM_WALK else _skill(group, horizon),
        simulated_time=int(group[SIMULATED_TIME].sum()),
        simulated_data=bool(group[SIMULATED_DATA].any()),
        comparisons=tuple(_comparisons(group, horizon)),
    )


def _comparisons(group: "DataFrame", horizon: int) -> "Iterator[Comparison]":
    own, walk = (group[column].to_numpy(dtype=float) for column in (WIS, BASELINE_WIS))
    for model_id, column in _BASELINES:
        if model_id != group.iloc[0][MODEL_ID]:
            theirs = group[column].to_numpy(dtype=float)
            yield Comparison(model_id, paired_difference(own, theirs, walk, horizon=horizon))


def _coverage(group: "DataFrame", nominal: int, horizon: int) -> Coverage:
    hits = int(group[hit(nominal)].sum())
    share = hits / len(group)
    return Coverage(nominal, hits, share, wilson_interval(share, len(group) / horizon))


def _skill(group: "DataFrame", horizon: int) -> Skill | None:
    rows = group.dropna(subset=[BASELINE_WIS])
    if rows.empty:
        return None
    own, walk = rows[WIS].to_numpy(dtype=float), rows[BASELINE_WIS].to_numpy(dtype=float)
    path = ratio_path(own, walk, horizon=horizon)
    test = diebold_mariano(own, walk, horizon=horizon, fewest=FEWEST_TESTED)
    last = Interval(float(path.lower[-1]), float(path.upper[-1]))
    return Skill(len(rows), float(path.ratio[-1]), last, test.t, test.p)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, date):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value
