"""The table of metrics: every number that forecasts are judged by, with its formula, unit and direction.

Whatever evaluates, compares, logs or shows selects from the groups at the end and spells no name itself: a metric that
is added to a group is there wherever the group is, in MLflow, in JSON and in tables. `docs/recipes.md` lists them.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Generic, Literal, TypeVar

from pipeline.forecasts.quantiles import COVERAGES, FloatArray
from pipeline.scores.differences import Difference
from pipeline.scores.formulas import (
    FEWEST_TESTED,
    coverage,
    diebold_mariano,
    direction_hits,
    mean,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_absolute_scaled_error,
    mean_squared_error,
    relative_wis,
    skill,
)
from pipeline.scores.scored import ComparedRanges, Issued, Losses, Points, Prices, Ranges

_Scored = TypeVar("_Scored", contravariant=True)


@dataclass(frozen=True)
class Metric(Generic[_Scored]):
    """A number that forecasts are judged by.

    Attributes:
        name: Its key, after what it is of, as in `test_mae_price`; what is multiplied by 100 ends in `_pct`.
        title: Its heading in a table.
        unit: What it is measured in.
        direction: Which value is better: `lower`, `higher`, the `reference`, or none.
        description: What it is, and what is left out.
        function: Gives it of scored forecasts; NaN where it is not defined.
        form: How a table shows it, as a format specification; a share in percent.
        reference: Its value without skill, or the nominal one; None without either.
    """

    name: str
    title: str
    unit: str
    direction: Literal["lower", "higher", "reference", "none"]
    description: str
    function: Callable[[_Scored], float]
    form: str = ".4g"
    reference: float | None = None

    def text(self, value: float | None) -> str:
        """As a table shows it; a dash where it is not defined."""
        return "–" if value is None else format(value, self.form).rstrip("%")


def measure(metrics: Iterable[Metric[_Scored]], scored: _Scored, *, of: str = "") -> dict[str, float]:
    """Values by key, what they are `of` before each name; what is not defined is left out."""
    values = {f"{of}{metric.name}": metric.function(scored) for metric in metrics}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def _points(
    formula: Callable[[FloatArray, FloatArray], float], *, times: int = 1
) -> Callable[[Points], float]:
    return lambda s: times * formula(s.actual, s.predicted)


_MAPE = _points(mean_absolute_percentage_error, times=100)
_PERCENT, _CURRENCY, _RETURNS, _RATIO = "percent", "quote currency", "log returns", "–"

DAYS: Final[Metric[Points]] = Metric(
    "days",
    "days",
    "days",
    "none",
    "the days that the others are on: those that all who are compared have a forecast for",
    lambda s: float(len(s.actual)),
)
MSE_SCALED: Final[Metric[Points]] = Metric(
    "mse_scaled",
    "MSE",
    "scaled units²",
    "lower",
    "mean of (y − ŷ)² in the scaler's units, as the texts print it",
    _points(mean_squared_error),
)
MAPE_SCALED: Final[Metric[Points]] = Metric(
    "mape_scaled_pct",
    "MAPE %",
    _PERCENT,
    "lower",
    "100 × mean of abs((y − ŷ) / y) in the scaler's units, targets of exactly 0 left out",
    _MAPE,
)
MSE: Final[Metric[Prices]] = Metric(
    "mse_price", "MSE", "quote currency²", "lower", "mean of (y − ŷ)²", _points(mean_squared_error)
)
RMSE: Final[Metric[Prices]] = Metric(
    "rmse_price",
    "RMSE",
    _CURRENCY,
    "lower",
    "square root of the MSE",
    lambda s: math.sqrt(mean_squared_error(s.actual, s.predicted)),
)
MAE: Final[Metric[Prices]] = Metric(
    "mae_price", "MAE", _CURRENCY, "lower", "mean of abs(y − ŷ)", _points(mean_absolute_error)
)
MAPE: Final[Metric[Prices]] = Metric(
    "mape_price_pct", "MAPE %", _PERCENT, "lower", "100 × mean of abs((y − ŷ) / y)", _MAPE
)
MASE: Final[Metric[Prices]] = Metric(
    "mase",
    "MASE",
    _RATIO,
    "lower",
    "MAE / MAE of one-day persistence on the training rows",
    lambda s: mean_absolute_scaled_error(s.actual, s.predicted, scale=s.persistence),
    ".3f",
)
DIRECTION: Final[Metric[Prices]] = Metric(
    "direction_pct",
    "direction %",
    _PERCENT,
    "higher",
    "days whose rise or fall was predicted, of those that moved; the random walk has no direction",
    lambda s: 100 * direction_hits(s.actual, s.predicted, s.last),
)
SKILL: Final[Metric[Prices]] = Metric(
    "skill_vs_random_walk",
    "skill",
    _RATIO,
    "higher",
    "1 − MSE / MSE of the random walk, in price",
    lambda s: skill(mean_squared_error(s.actual, s.predicted), mean_squared_error(s.actual, s.last)),
    reference=0.0,
)
WIS: Final[Metric[Losses]] = Metric(
    "wis", "WIS", _RETURNS, "lower", "mean weighted interval score", lambda s: mean(s.wis), ".5f"
)
RELATIVE_WIS: Final[Metric[Losses]] = Metric(
    "relative_wis",
    "rel. WIS",
    _RATIO,
    "lower",
    "mean WIS / the random walk's on the same days",
    lambda s: relative_wis(s.wis, s.walk_wis),
    ".4f",
    reference=1.0,
)
DM_T: Final[Metric[Ranges]] = Metric(
    "dm_t",
    "DM t",
    _RATIO,
    "higher",
    "Diebold–Mariano t of WIS against the random walk's, Newey–West with h − 1 lags; from 30 days on",
    lambda s: diebold_mariano(s.wis, s.walk_wis, horizon=s.horizon, fewest=FEWEST_TESTED).t,
    ".2f",
    reference=0.0,
)
DM_P: Final[Metric[Ranges]] = Metric(
    "dm_p",
    "DM p",
    _RATIO,
    "none",
    "its two-sided p",
    lambda s: diebold_mariano(s.wis, s.walk_wis, horizon=s.horizon, fewest=FEWEST_TESTED).p,
)


def _paired(
    other: str, description: str, of: Callable[[ComparedRanges], Difference]
) -> tuple[Metric[ComparedRanges], Metric[ComparedRanges]]:
    """How far the model's score is from another's, and the error of that."""
    name = f"less_{other.translate(str.maketrans(' -', '__'))}"
    error = "its standard error, Newey–West with h − 1 lags; from 30 days on"
    return (
        Metric(name, f"less {other}", _RATIO, "lower", description, lambda s: of(s).value, "+.4f", 0.0),
        Metric(f"{name}_error", "±", _RATIO, "none", error, lambda s: of(s).error, ".4f"),
    )


LESS_RANDOM_WALK: Final = _paired("random walk", "`relative_wis` − 1", lambda s: s.beside_random_walk)
LESS_HAR_RANGE: Final = _paired(
    "har-range",
    "mean WIS less that of `har-range` / the random walk's, on the days that all three have",
    lambda s: s.beside_har_range,
)
_HAR_RANGE_DAYS: Final[Metric[ComparedRanges]] = Metric(
    "har_range_days", "days", "days", "none", "those days", lambda s: float(s.beside_har_range.days), ".0f"
)
ABSOLUTE_ERROR: Final[Metric[Issued]] = Metric(
    "absolute_error", "MAE", _CURRENCY, "lower", "mean of abs(y − median)", lambda s: mean(s.absolute_error)
)
HIT_80: Final[Metric[Issued]] = Metric(
    "hit_80",
    "in 80 %",
    "share",
    "reference",
    "outcomes inside the 80 % range",
    lambda s: mean(s.hit_80),
    ".0%",
    reference=0.8,
)


def _coverage(percent: int) -> Metric[Ranges]:
    return Metric(
        f"coverage_{percent}_pct",
        f"{percent} %",
        _PERCENT,
        "reference",
        f"outcomes inside the {percent} % range, both ends included",
        lambda s: 100 * coverage(s.outcome, s.quantiles, percent),
        ".1f",
        reference=float(percent),
    )


COVERAGE: Final = {percent: _coverage(percent) for percent in COVERAGES}
# A backtest has prices and no scaled units beside them.
_BACKTEST_MAE: Final = replace(MAE, name="mae")
_WALK_MAE: Final[Metric[Prices]] = replace(
    MAE,
    name="mae_random_walk",
    description="MAE of the random walk",
    function=lambda s: mean_absolute_error(s.actual, s.last),
)
_WALK_WIS: Final[Metric[Losses]] = replace(
    WIS, name="wis_random_walk", description="WIS of the random walk", function=lambda s: mean(s.walk_wis)
)

# Of `test_` and `train_`, in the units that a recipe learns in.
SCALED: Final = (MSE_SCALED, MAPE_SCALED)
# Of `test_`, the random walk's beside them.
PRICE: Final = (MSE, RMSE, MAE, MAPE, MASE, DIRECTION)
# Of `test_`, of recipes that forecast ranges.
RANGES: Final[tuple[Metric[Ranges], ...]] = (WIS, RELATIVE_WIS, *COVERAGE.values())
# Of ranges and points in one leaderboard: the loss of a day is of the same name.
TOGETHER: Final = (WIS, MSE, MAPE)
# Of `validation_`: what a sweep chooses by.
VALIDATION: Final[tuple[Metric[Prices], ...]] = (DAYS, MSE, SKILL)
# Of each horizon and year of a backtest, and what its table in a terminal shows beside the paired differences.
BACKTEST: Final[tuple[Metric[ComparedRanges], ...]] = (
    WIS,
    _WALK_WIS,
    RELATIVE_WIS,
    *COVERAGE.values(),
    _BACKTEST_MAE,
    _WALK_MAE,
    MASE,
    DM_T,
    DM_P,
    *LESS_RANDOM_WALK,
    *LESS_HAR_RANGE,
    _HAR_RANGE_DAYS,
)
BACKTEST_TABLE: Final[tuple[Metric[Ranges], ...]] = (*COVERAGE.values(), MASE)
# Of each model of a backfill, over all series and horizons.
LEADERBOARD: Final[tuple[Metric[Issued], ...]] = (WIS, RELATIVE_WIS, ABSOLUTE_ERROR, HIT_80)
# A mean in several currencies says nothing at a glance.
LEADERBOARD_TABLE: Final = tuple(metric for metric in LEADERBOARD if metric is not ABSOLUTE_ERROR)
