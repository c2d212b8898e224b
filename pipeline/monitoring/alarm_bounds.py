"""When a forecaster's record is more than chance: bounds with a false-alarm rate that is known beforehand.

A record is tested every day, so the budget is a rate. Under a calibrated forecaster that ties with the random walk,
the expected share of days on which any record alarm of a deployment stands is at most 1 / `FALSE_ALARM_DAYS`:

- A test looks at the trailing 14, 60 or 365 outcomes, once there are that many. On each day it exceeds its bounds
  with a probability of at most its level. Windows of neighbouring days overlap, but the expected share of days is
  the mean of these probabilities whatever their dependence: repetition needs no further correction.
- By Boole's inequality the share of days with any alarm is at most the sum of the levels. The budget is split
  evenly over the series watched; of each part one half goes to the next day's forecasts, which lead the page, the
  other evenly to the six longer horizons; within a horizon evenly to its fourteen tests: four coverages in three
  windows (exact binomial tails, both sides), relative WIS in two (Diebold–Mariano, one side: worse).
- Outcomes of h-day forecasts overlap. Only as_of dates whose count since 1970-01-01 is divisible by h are looked
  at: their outcomes are independent under the null, and the variance needs no lags.
- A mean of 14 skewed, fat-tailed differences has no usable t: relative WIS is tested from 60 on, by `cautious_t`.

An alarm that stands for a week counts as seven days here, so alarms begin several times more rarely than that.
`tests/pipeline/monitoring/test_alarms.py` measures both rates, and how soon broken forecasters are found.
"""

import math
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline.forecasts.columns import AS_OF, HORIZON, TARGET_DATE, WIS, hit
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS, FloatArray
from pipeline.scores.score_history import BASELINE_WIS
from pipeline.scores.uncertainty import binomial_bounds, cautious_t, student_critical

if TYPE_CHECKING:
    from pandas import DataFrame

FALSE_ALARM_DAYS: Final = 1000
COVERAGE_WINDOWS: Final = (14, 60, 365)
SKILL_WINDOWS: Final = (60, 365)

COVERAGE: Final = "coverage"
SKILL: Final = "skill"

_TESTS: Final = len(COVERAGE_WINDOWS) * len(COVERAGES) + len(SKILL_WINDOWS)


class RecordTest(NamedTuple):
    """One test of a record on each day that it has enough outcomes for.

    Attributes:
        kind: `coverage` or `skill`.
        days: Target days, array of shape (n,), oldest first.
        beyond: Whether the bounds are exceeded, array of shape (n,).
        surprise: Distance of the last day's figure from what is expected, in standard deviations.
        words: The last day's figures, without a full stop.
    """

    kind: str
    days: NDArray[np.object_]
    beyond: NDArray[np.bool_]
    surprise: float
    words: str

    @property
    def since(self) -> date:
        """First of the unbroken run of days beyond the bounds that ends on the last day."""
        within = np.flatnonzero(~self.beyond)
        first: date = self.days[int(within[-1]) + 1 if len(within) else 0]
        return first


def level(horizon: int, *, series_watched: int = 1) -> float:
    """Probability with which one test of one horizon may exceed its bounds on a day.

    Example:
        >>> f"{level(1):.2g}, {level(7):.2g}"
        '3.6e-05, 6e-06'
    """
    share = 0.5 if horizon == 1 else 0.5 / (len(HORIZONS) - 1)
    return share / (FALSE_ALARM_DAYS * series_watched * _TESTS)


def run_tests(record: "DataFrame", *, series_watched: int = 1) -> Iterator[RecordTest]:
    """Every test that has enough outcomes.

    Args:
        record: Live score rows of one series and model in the order of their targets, with `baseline_wis`: the
            random walk's, NaN where there is none to compare with.
        series_watched: Series that share the false alarms of one deployment.
    """
    for horizon in HORIZONS:
        rows = record[record[HORIZON] == horizon]
        rows = rows[_days_since_epoch(rows[AS_OF].to_numpy()) % horizon == 0]
        allowed = level(horizon, series_watched=series_watched)
        days = rows[TARGET_DATE].dt.date.to_numpy()
        for nominal in COVERAGES:
            yield from _coverage_tests(
                rows[hit(nominal)].to_numpy(dtype=int), days, nominal, horizon, allowed
            )
        compared = rows[BASELINE_WIS].notna().to_numpy()
        losses = rows.loc[compared, [WIS, BASELINE_WIS]].to_numpy(dtype=float)
        yield from _skill_tests(losses, days[compared], horizon, allowed)


def _coverage_tests(
    hits: NDArray[np.int_], days: NDArray[np.object_], nominal: int, horizon: int, allowed: float
) -> Iterator[RecordTest]:
    share = nominal / 100
    for window in (length for length in COVERAGE_WINDOWS if length <= len(hits)):
        held = np.convolve(hits, np.ones(window, dtype=int), mode="valid")
        fewest, most = binomial_bounds(window, share, level=allowed)
        deviation = math.sqrt(window * share * (1 - share))
        words = (
            f"{nominal} % ranges {_ahead(horizon)} held on {held[-1]} of the last {window} {_outcomes(horizon)}, "
            f"{fewest} to {most} are usual"
        )
        surprise = abs(int(held[-1]) - window * share) / deviation
        yield RecordTest(COVERAGE, days[window - 1 :], (held < fewest) | (held > most), surprise, words)


def _skill_tests(
    losses: FloatArray, days: NDArray[np.object_], horizon: int, allowed: float
) -> Iterator[RecordTest]:
    for window in (length for length in SKILL_WINDOWS if length <= len(losses)):
        t = cautious_t(losses[:, 0] - losses[:, 1], window)
        own, walk = losses[-window:].sum(axis=0)
        words = (
            f"WIS {_ahead(horizon)} was {100 * (own / walk - 1) if walk > 0 else 0:+.1f} % against the random walk's "
            f"over the last {window} {_outcomes(horizon)} (t {t[-1]:.1f})"
        )
        yield RecordTest(
            SKILL, days[window - 1 :], t > student_critical(allowed, window - 1), float(t[-1]), words
        )


def _days_since_epoch(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    return days.astype("datetime64[D]").astype(np.int64)


def _ahead(horizon: int) -> str:
    return "1 day ahead" if horizon == 1 else f"{horizon} days ahead"


def _outcomes(horizon: int) -> str:
    return "days" if horizon == 1 else f"outcomes {horizon} days apart"
