"""What is said of a backfill: its plan in stretches of days, how long it will take, what changed, how far it is."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final

from pipeline.backfill.plan import Plan, Unit

_ONE_DAY: Final = timedelta(days=1)


@dataclass(frozen=True)
class Stretch:
    """Consecutive days of a series with one outcome for one reason."""

    series: str
    first: date
    last: date
    outcome: str
    why: str

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1


def stretches(units: Sequence[Unit]) -> Iterator[Stretch]:
    """The units by series and day, with neighbours of one outcome and reason drawn together."""
    current: Stretch | None = None
    for unit in sorted(units, key=lambda one: (one.series, one.as_of)):
        same = current is not None and (unit.series, unit.outcome, unit.why) == (
            current.series,
            current.outcome,
            current.why,
        )
        if current is not None and same and unit.as_of == current.last + _ONE_DAY:
            current = replace(current, last=unit.as_of)
            continue
        if current is not None:
            yield current
        current = Stretch(unit.series, unit.as_of, unit.as_of, unit.outcome, unit.why)
    if current is not None:
        yield current


@dataclass(frozen=True)
class Timings:
    """What earlier units of a recipe took, in seconds.

    Attributes:
        fit: Mean of a fit, with the baselines'.
        rest: Mean of what a unit takes beside its fit.
    """

    fit: float
    rest: float


def estimated_seconds(plan: Plan, timings: Timings | None, *, workers: int) -> float | None:
    """Seconds that the plan will take on so many workers; None where no earlier run tells."""
    if timings is None:
        return None
    return (plan.fits * timings.fit + len(plan.to_do) * timings.rest) / workers


def status_rows(units: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Units by series: days, how many of each status that any of them has, attempts and seconds."""
    rows, present = [], dict.fromkeys(unit["status"] for unit in units)
    for series in dict.fromkeys(unit["series"] for unit in units):
        own = [unit for unit in units if unit["series"] == series]
        statuses = [unit["status"] for unit in own]
        rows.append(
            {
                "series": series,
                "first": own[0]["as_of"].isoformat(),
                "last": own[-1]["as_of"].isoformat(),
                **{status: statuses.count(status) for status in present},
                "attempts": sum(unit["attempts"] for unit in own),
                "seconds": round(sum(unit["total_s"] or 0.0 for unit in own), 1),
            }
        )
    return rows


def differences(plan: Plan, again: Plan) -> list[str]:
    """Why a plan cannot be executed as it stands: how it differs from the same plan made now.

    A unit that was made meanwhile is no difference, it is skipped; nor is one that failed meanwhile.
    """
    found = [
        f"{name} was {getattr(plan, name)} and is {getattr(again, name)}"
        for name in ("code", "packages", "recipe")
        if getattr(plan, name) != getattr(again, name)
    ]
    if strays := _strays(plan, again):
        return [*found, *strays]
    present = {(unit.series, unit.as_of): unit for unit in again.units}
    for unit in plan.units:
        new = present[unit.series, unit.as_of]
        made = unit.to_do and new.why == "done"
        still_to_do = unit.to_do and new.to_do and new.snapshot == unit.snapshot
        same = (new.outcome, new.why, new.snapshot) == (unit.outcome, unit.why, unit.snapshot)
        if not (made or still_to_do or same):
            found.append(f"{unit.series} {unit.as_of} was {_told(unit)} and is {_told(new)}")
    return found


def _strays(plan: Plan, again: Plan) -> list[str]:
    """Units that only one of both has, or that one has more than once."""
    planned, asked = (Counter((unit.series, unit.as_of) for unit in one.units) for one in (plan, again))
    return [
        *(f"{series} {day} is missing" for series, day in sorted(asked - planned)),
        *(f"{series} {day} is more than its request asks for" for series, day in sorted(planned - asked)),
    ]


def _told(unit: Unit) -> str:
    reason = f": {unit.why}" if unit.why else ""
    return f"{unit.outcome}{reason} (snapshot {unit.snapshot[:8] or 'none'})"
