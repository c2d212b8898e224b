"""A week of one series, summed up: skill, coverage, gate decisions and the state of the data. Nothing is fitted."""

import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.forecasts.columns import (
    AS_OF,
    HORIZON,
    MODE,
    MODEL_ID,
    RANDOM_WALK,
    SERIES,
    TARGET_DATE,
    WIS,
    hit,
)
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.monitoring.alarms import Alarm
from pipeline.scores.formulas import relative_wis_over_horizons
from pipeline.scores.score_history import BASELINE_WIS, beside_random_walk
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

DAYS: Final = 7


@dataclass(frozen=True)
class WeekScore:
    """What became of the published forecasts of one mode whose days lie in the week.

    Attributes:
        mode: `live` or `backfill`; the two are never in one score.
        scored: Forecasts that met their day, all horizons.
        days: Those one day ahead.
        held: How many of these days each range held, by coverage in percent.
        relative_wis: Mean WIS one day ahead over the random walk's; 1 is no skill, lower is better. None without a
            day that both have.
        relative_wis_all: The same over all horizons, each WIS divided by √horizon.
        compared_days: How many days `relative_wis` is of.
        compared: How many forecasts `relative_wis_all` is of.
        of_random_walk: Whether all of them are the random walk's own, which then is compared with itself.
    """

    mode: str
    scored: int
    days: int
    held: Mapping[int, int]
    relative_wis: float | None
    relative_wis_all: float | None
    compared_days: int
    compared: int
    of_random_walk: bool = False


@dataclass(frozen=True)
class GateDay:
    """What the gate said of the fit of one day."""

    as_of: date
    promoted: bool
    published: str
    reasons: str


@dataclass(frozen=True)
class WeekHealth:
    """What state the data were in.

    Attributes:
        candles: Days of the week that have a candle.
        unforecast: Days of the week that nothing was said of in time.
        restated: Days that the vendor changed in the week.
        contract: The worst verdict on the week's candles: `ok`, `warning`, `critical`; empty where none was kept.
    """

    candles: int
    unforecast: tuple[date, ...]
    restated: int
    contract: str


@dataclass(frozen=True)
class DayMark:
    """What became of the 80 percent range that was published the day before a day of the week.

    Attributes:
        day: Which one.
        outcome: `held`, `missed`, `pending`, or `none` where nothing was forecast.
        mode: `live` or `backfill`.
    """

    day: date
    outcome: str = "none"
    mode: str = "live"


@dataclass(frozen=True)
class SeriesWeek:
    """One series' week.

    Attributes:
        series: What was forecast.
        monday: Its first day.
        live: Forecasts issued in time; None where none met its day.
        backfill: Forecasts made afterwards; None without any.
        decisions: Of the gate, oldest first.
        health: State of the data.
        alarms: That stand now.
        marks: One for each of the seven days.
    """

    series: Series
    monday: date
    live: WeekScore | None
    backfill: WeekScore | None
    decisions: tuple[GateDay, ...]
    health: WeekHealth
    alarms: tuple[Alarm, ...]
    marks: tuple[DayMark, ...] = ()

    @property
    def name(self) -> str:
        """As ISO 8601 has it: `2026-W13`."""
        return week_name(self.monday)

    def as_row(self) -> dict[str, Any]:
        """One line of a table of series, of plain values."""
        live = self.live
        return {
            "series": str(self.series),
            "days": live.days if live else 0,
            **{f"held_{coverage}": live.held[coverage] if live else 0 for coverage in COVERAGES},
            "relative_wis": live.relative_wis if live else None,
            "relative_wis_all": live.relative_wis_all if live else None,
            "compared_days": live.compared_days if live else 0,
            "compared": live.compared if live else 0,
            "promoted": sum(one.promoted for one in self.decisions),
            "decisions": len(self.decisions),
            "candles": self.health.candles,
            "unforecast": len(self.health.unforecast),
            "restated": self.health.restated,
            "contract": self.health.contract,
            "alarms": len(self.alarms),
            "backfilled": self.backfill.scored if self.backfill else 0,
        }

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        alarms = [alarm.message for alarm in self.alarms]
        return {**asdict(self), "series": str(self.series), "week": self.name, "alarms": alarms}


def week_name(monday: date) -> str:
    """A week by its number: `2026-W13`."""
    return f"{monday:%G-W%V}"


def last_whole_week(now: datetime) -> date:
    """Monday of the last week whose days are all over."""
    today = now.date()
    return today - timedelta(days=today.weekday() + DAYS)


def week_days(monday: date) -> tuple[date, ...]:
    """Its seven days."""
    return tuple(monday + timedelta(days=number) for number in range(DAYS))


def score_week(
    scores: "DataFrame", *, series: Series, monday: date, mode: str, published: Mapping[date, str], usual: str
) -> WeekScore | None:
    """What became of the forecasts that were published.

    Args:
        scores: Rows as `Ledger.scores` gives them, the random walk's among them.
        series: Whose.
        monday: First target day.
        mode: `live` or `backfill`.
        published: model_id by as_of.
        usual: model_id of a day of which nothing was published, such as a backfilled one.
    """
    if scores.empty:
        return None
    first = datetime.combine(monday, time())
    in_week = scores[TARGET_DATE].between(first, first + timedelta(days=DAYS - 1))
    rows = beside_random_walk(
        scores[(scores[SERIES] == str(series)) & (scores[MODE] == mode) & in_week], how="left"
    )
    said = np.array([published.get(day.date(), usual) for day in rows[AS_OF]], dtype=object)
    rows = rows[(rows[MODEL_ID] == said).to_numpy(dtype=bool)] if len(rows) else rows
    if rows.empty:
        return None
    next_day = rows[rows[HORIZON] == 1]
    (relative, compared_days), (relative_all, compared) = (_compared(some) for some in (next_day, rows))
    return WeekScore(
        mode=mode,
        scored=len(rows),
        days=len(next_day),
        held={coverage: int(next_day[hit(coverage)].sum()) for coverage in COVERAGES},
        relative_wis=relative,
        relative_wis_all=relative_all,
        compared_days=compared_days,
        compared=compared,
        of_random_walk=bool((rows[MODEL_ID] == RANDOM_WALK).all()),
    )


def missing_days(monday: date, said: Collection[date]) -> tuple[date, ...]:
    """The days of the week that are not among those."""
    return tuple(day for day in week_days(monday) if day not in said)


def _compared(rows: "DataFrame") -> tuple[float | None, int]:
    """Relative WIS on what both have, and how many forecasts those are."""
    both = rows.dropna(subset=[BASELINE_WIS])
    columns = (both[name].to_numpy(dtype=float) for name in (WIS, BASELINE_WIS, HORIZON))
    ratio = relative_wis_over_horizons(*columns)
    return ratio if math.isfinite(ratio) else None, len(both)
