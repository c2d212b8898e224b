"""What a backfill will do before it does it: a unit for each series and day, each with its outcome.

Nothing is read here: the days that candles have, that the ledger has and that failed before are arguments.
"""

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from pipeline.addresses.address import Address
from pipeline.candles.grid import MAX_FILL
from pipeline.features.day_axis import day_number, refit_day
from pipeline.models.fitting import MINIMUM_DAYS
from pipeline.recipes.base import model_id_of

Outcome = Literal["create", "retry", "skip", "refuse"]
TO_DO: Final = ("create", "retry")
_ONE_DAY: Final = timedelta(days=1)


class BackfillRequest(BaseModel):
    """What is asked for.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        first: First as_of.
        last: Last as_of.
        source: URL or folder of the vendor's files; kept in a file or a database without credentials.
        recipe: Name of the recipe, or a path ending in .toml.
        seed: Of every fit.
        refit_every: Days between fits on the refit calendar.
        vintage: `latest` cuts the newest snapshot at as_of; `known` reads what was fetched by the end of the
            day after as_of.
        reprocess: `missing` makes what the ledger lacks, `failed` only what failed before, `all` everything.
        order: Whether the oldest or the newest days come first.
        chunk_days: Days that one worker takes at a time; rounded to whole fits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    series: tuple[str, ...] = Field(min_length=1)
    first: date
    last: date
    source: Address
    recipe: str
    seed: int = Field(default=1, ge=0)
    refit_every: int = Field(default=1, ge=1)
    vintage: Literal["latest", "known"] = "latest"
    reprocess: Literal["missing", "failed", "all"] = "missing"
    order: Literal["oldest", "newest"] = "oldest"
    chunk_days: int = Field(default=28, ge=1)

    @property
    def days(self) -> list[date]:
        """Every calendar day that is wanted, oldest first."""
        return [self.first + number * _ONE_DAY for number in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class Unit:
    """One series' day.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        as_of: The day.
        fit_day: The refit calendar's last day at or before it.
        outcome: `create`, `retry` (it failed before), `skip` or `refuse`.
        why: Reason of a skip, a retry or a refusal; the same words for the same reason.
        snapshot: sha256 of the bytes that it is made of; empty where there are none.
        chunk: Number of the chunk that makes it, from 0 in the order of work; None where nothing is made.
    """

    series: str
    as_of: date
    fit_day: date
    outcome: Outcome
    why: str = ""
    snapshot: str = ""
    chunk: int | None = None

    @property
    def to_do(self) -> bool:
        """Whether it is made."""
        return self.outcome in TO_DO


class Plan(BaseModel):
    """A backfill as it will be executed, whole enough to be kept in a file.

    Attributes:
        request: What was asked for.
        recipe: The recipe's values.
        now: The instant that decides which days are complete.
        code: Version of coincast that the plan is of.
        packages: Versions of the packages that a forecast's bits depend on.
        units: Every wanted series and day; what is made comes in the order of work.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: BackfillRequest
    recipe: dict[str, Any]
    now: datetime
    code: str
    packages: dict[str, str]
    units: tuple[Unit, ...]

    @property
    def model_id(self) -> str:
        """Of the recipe."""
        return model_id_of(self.recipe["name"])

    @property
    def to_do(self) -> tuple[Unit, ...]:
        """The units that are made."""
        return tuple(unit for unit in self.units if unit.to_do)

    @property
    def counts(self) -> dict[str, int]:
        """Units by outcome."""
        outcomes = [unit.outcome for unit in self.units]
        return {name: outcomes.count(name) for name in ("create", "retry", "skip", "refuse")}

    @property
    def fits(self) -> int:
        """Fits that the units need: one for each series, fit day and snapshot."""
        return len({(unit.series, unit.fit_day, unit.snapshot) for unit in self.to_do})


@dataclass(frozen=True, eq=False)
class View:
    """What one snapshot's candles allow.

    Attributes:
        sha256: Of its bytes.
        days: Those that have a candle, as `day_number` counts them, rising.
        after_hole: Those of them that lie too soon after a long hole, from `days_after_holes`.
    """

    sha256: str
    days: Sequence[int]
    after_hole: Collection[int] = frozenset()


@dataclass(frozen=True, eq=False)
class Known:
    """What the stores know of a series.

    Attributes:
        view: The snapshot that a day is made of, as `View`; None where there is none.
        done: as_of days of which the ledger has every forecast.
        failed: as_of days that failed when a backfill last tried them.
    """

    view: Callable[[date], View | None]
    done: Collection[date]
    failed: Collection[date]


def plan_units(request: BackfillRequest, known: Mapping[str, Known], *, now: datetime) -> tuple[Unit, ...]:
    """Every wanted unit with its outcome, chunks numbered in the order of work.

    A chunk is a series' days between two fit days of the calendar, wherever the request begins: each fit
    happens in one chunk only, and never twice.

    Args:
        request: What is asked for.
        known: What the stores know, by series.
        now: Decides which days are complete.
    """
    newest_complete = now.astimezone(UTC).date() - _ONE_DAY
    units = [
        _unit(request, series, day, known[series], newest_complete)
        for series in request.series
        for day in request.days
    ]
    to_do = _in_order(request, [unit for unit in units if unit.to_do])
    return (*to_do, *(unit for unit in units if not unit.to_do))


def _unit(request: BackfillRequest, series: str, day: date, known: Known, newest_complete: date) -> Unit:
    unit = Unit(series, day, refit_day(day, request.refit_every), "create")
    if day > newest_complete:
        return replace(unit, outcome="refuse", why="not complete yet")
    if day in known.done and request.reprocess != "all":
        return replace(unit, outcome="skip", why="done")
    if request.reprocess == "failed" and day not in known.failed:
        return replace(unit, outcome="skip", why="did not fail before")
    view = known.view(day)
    if view is None:
        by_then = " was known by then" if request.vintage == "known" else " is stored"
        return replace(unit, outcome="refuse", why=f"no snapshot{by_then}")
    if reason := _refusal(view, day, unit.fit_day):
        return replace(unit, outcome="refuse", why=reason, snapshot=view.sha256)
    if day in known.failed:
        return replace(unit, outcome="retry", why="failed", snapshot=view.sha256)
    return replace(unit, snapshot=view.sha256)


def _refusal(view: View, day: date, fit_day: date) -> str:
    """Why a snapshot's candles allow no forecast of the day; empty where they do."""
    if not view.days:
        return "its snapshot's file is not stored any more"
    number = day_number(day)
    if number < view.days[0]:
        return "before the first candle"
    if number > view.days[-1]:
        return "after the last candle"
    place = bisect_right(view.days, number)
    if view.days[place - 1] != number:
        return "in a hole of the candles"
    if bisect_right(view.days, day_number(fit_day)) < MINIMUM_DAYS:
        return f"fewer than {MINIMUM_DAYS} candles before its fit"
    if number in view.after_hole:
        return f"too soon after a hole of more than {MAX_FILL} days"
    return ""


def _in_order(request: BackfillRequest, units: Sequence[Unit]) -> list[Unit]:
    every = request.refit_every
    spans = max(1, round(request.chunk_days / every))
    sign = 1 if request.order == "oldest" else -1

    def place(unit: Unit) -> tuple[int, str]:
        return sign * (day_number(unit.fit_day) // every // spans), unit.series

    ordered = sorted(units, key=lambda unit: (*place(unit), sign * day_number(unit.as_of)))
    chunks = groupby(ordered, key=place)
    return [replace(unit, chunk=number) for number, (_, group) in enumerate(chunks) for unit in group]
