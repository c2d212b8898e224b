"""Scored forecasts one by one: beside the random walk's, the newest of them, and skill as it grew."""

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from pipeline.forecasts.columns import (
    ACTUAL_CLOSE,
    AS_OF,
    HAR_RANGE,
    HITS,
    HORIZON,
    LAST_CLOSE,
    MEDIAN,
    MODE,
    MODEL_ID,
    RANDOM_WALK,
    SERIES,
    TARGET_DATE,
    WIS,
    bounds,
)
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.scores.common_days import CELL, with_score
from pipeline.scores.uncertainty import ratio_path

if TYPE_CHECKING:
    from pandas import DataFrame

RECENT: Final = 30
GROUP: Final = (SERIES, MODEL_ID, MODE, HORIZON)

BASELINE_WIS: Final = "baseline_wis"
HAR_RANGE_WIS: Final = "har_range_wis"
RELATIVE_WIS: Final = "relative_wis"
SKILL_COLUMNS: Final = (TARGET_DATE, "n", RELATIVE_WIS, "lower", "upper")


def beside_random_walk(scores: "DataFrame", *, how: Literal["inner", "left"] = "inner") -> "DataFrame":
    """Score rows with `baseline_wis`, the random walk's of the same series, as_of, horizon and mode.

    Args:
        scores: Rows as `Ledger.scores` gives them; those without a score are left out.
        how: `inner` leaves out forecasts that have no random walk beside them; `left` keeps them with NaN.
    """
    return _beside(with_score(scores), RANDOM_WALK, column=BASELINE_WIS, how=how)


def beside_baselines(scores: "DataFrame") -> "DataFrame":
    """Score rows with `baseline_wis` and `har_range_wis` of the same cells, NaN where there is none."""
    walk = beside_random_walk(scores, how="left")
    return _beside(walk, HAR_RANGE, column=HAR_RANGE_WIS, how="left")


def _beside(known: "DataFrame", model_id: str, *, column: str, how: Literal["inner", "left"]) -> "DataFrame":
    theirs = known.loc[known[MODEL_ID] == model_id, [*CELL, WIS]].rename(columns={WIS: column})
    return known.merge(theirs, on=list(CELL), how=how, validate="many_to_one")


def recent_forecasts(scores: "DataFrame", *, count: int = RECENT) -> "DataFrame":
    """The last `count` scored forecasts of each line, newest first: what happened and which ranges held.

    Returns:
        DataFrame with series, model_id, mode, horizon, as_of, target_date, last and actual close, median, the
        ends of each range and its hit.
    """
    ends = [name for coverage in COVERAGES for name in bounds(coverage)]
    columns = [*GROUP, AS_OF, TARGET_DATE, LAST_CLOSE, ACTUAL_CLOSE, MEDIAN, *ends, *HITS]
    newest = with_score(scores).sort_values([*GROUP, TARGET_DATE], ascending=[True] * len(GROUP) + [False])
    return newest.groupby(list(GROUP), sort=False).head(count)[columns].reset_index(drop=True)


def skill_over_time(scores: "DataFrame", *, model_id: str, horizon: int = 1) -> "DataFrame":
    """Relative WIS of all days up to each target day, with its 95 % interval.

    Args:
        scores: Rows of one series and one mode.
        model_id: Whose skill.
        horizon: Days ahead.

    Returns:
        DataFrame with `SKILL_COLUMNS`, oldest first; empty where the random walk has no score. The intervals
        of the first weeks are wide and rough.

    Raises:
        ValueError: The rows are of several series or modes, which have no common score.
    """
    from pandas import DataFrame

    if len(scores[[SERIES, MODE]].drop_duplicates()) > 1:
        raise ValueError("skill is of one series and one mode: live and backfilled forecasts never mix")
    rows = beside_random_walk(scores)
    rows = rows[(rows[MODEL_ID] == model_id) & (rows[HORIZON] == horizon)].sort_values(TARGET_DATE)
    days = rows[TARGET_DATE].to_numpy()
    path = ratio_path(rows[WIS].to_numpy(), rows[BASELINE_WIS].to_numpy(), horizon=horizon)
    return DataFrame(dict(zip(SKILL_COLUMNS, (days, np.arange(1, len(days) + 1), *path), strict=True)))
