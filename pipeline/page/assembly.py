"""The record of a page from the ledger's score rows."""

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from pipeline.forecasts.columns import (
    ACTUAL_CLOSE,
    HORIZON,
    MEDIAN,
    MODE,
    MODEL_ID,
    RANDOM_WALK,
    SERIES,
    TARGET_DATE,
    bounds,
    hit,
)
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.page.content import PastForecast, Record, SkillPoint
from pipeline.scores.score_history import RELATIVE_WIS, recent_forecasts, skill_over_time
from pipeline.scores.scorecard import build_scorecard
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

WINDOW_DAYS: Final = 365
PAST_DAYS: Final = 90


def build_record(
    scores: "DataFrame",
    *,
    series: Series,
    model_id: str,
    mode: str,
    as_of: date,
    window_days: int = WINDOW_DAYS,
) -> Record | None:
    """What became of a model's forecasts of one mode whose target lies in the window up to as_of.

    Args:
        scores: Rows as `Ledger.scores` gives them; of the series, the random walk's rows are used too.
        series: Of which series.
        model_id: Whose forecasts.
        mode: `live` or `backfill`.
        as_of: The last day counted.
        window_days: Calendar days counted.

    Returns:
        None where nothing is scored.
    """
    if scores.empty:
        return None
    first = datetime.combine(as_of - timedelta(days=window_days - 1), time())
    in_window = scores[TARGET_DATE].between(first, datetime.combine(as_of, time()))
    rows = scores[(scores[SERIES] == str(series)) & (scores[MODE] == mode) & in_window]
    lines = tuple(line for line in build_scorecard(rows).lines if line.model_id == model_id)
    if not lines:
        return None
    return Record(
        mode=mode,
        window_days=window_days,
        lines=tuple(sorted(lines, key=lambda line: line.horizon)),
        past=_past(rows[(rows[MODEL_ID] == model_id) & (rows[HORIZON] == 1)]),
        skill_path=_skill_path(rows, model_id),
    )


def _past(rows: "DataFrame") -> tuple[PastForecast, ...]:
    newest_first = recent_forecasts(rows, count=PAST_DAYS).to_dict("records")
    return tuple(
        PastForecast(
            target_date=row[TARGET_DATE].date(),
            median=float(row[MEDIAN]),
            ranges={
                coverage: (float(row[bounds(coverage)[0]]), float(row[bounds(coverage)[1]]))
                for coverage in COVERAGES
            },
            hits={coverage: bool(row[hit(coverage)]) for coverage in COVERAGES},
            actual=float(row[ACTUAL_CLOSE]),
        )
        for row in reversed(newest_first)
    )


def _skill_path(rows: "DataFrame", model_id: str) -> tuple[SkillPoint, ...]:
    if model_id == RANDOM_WALK:
        return ()
    path = skill_over_time(rows, model_id=model_id).to_dict("records")
    return tuple(
        SkillPoint(
            point[TARGET_DATE].date(), point[RELATIVE_WIS], point["lower"], point["upper"], int(point["n"])
        )
        for point in path
    )
