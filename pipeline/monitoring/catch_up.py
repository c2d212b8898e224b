"""What a missed day gets: which days a run forecasts beside the newest one."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final, Literal

CatchUp = Literal["none", "latest", "all"]
# Older gaps are a backfill's: a run of the schedule must end before the next one.
REACH: Final = timedelta(days=30)


def days_due(
    policy: CatchUp, *, meant: date, newest: date, candles: Collection[date], made: Collection[date]
) -> tuple[date, ...]:
    """The as_of dates that a run forecasts, oldest first.

    Args:
        policy: `latest`: the newest day, whenever the run starts. `all`: before it, every day of the last 30 since
            the first forecast that has a candle and no forecast. `none`: nothing at all where the run starts so
            late that the newest day is no longer the one that it was meant for.
        meant: The newest complete day when the run was due.
        newest: The newest complete day now.
        candles: Days that the file has.
        made: Days that have a forecast.

    Example:
        >>> days = [date(2026, 3, day) for day in (25, 26, 27, 28, 29)]
        >>> due = days_due("all", meant=days[-1], newest=days[-1], candles=days, made={days[0], days[2]})
        >>> [day.day for day in due]
        [26, 28, 29]
    """
    if policy == "none" and meant != newest:
        return ()
    if policy != "all" or not made:
        return (newest,)
    first = max(min(made), newest - REACH)
    return (*(day for day in sorted(candles) if first <= day < newest and day not in made), newest)
