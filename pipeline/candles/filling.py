"""Days that another source gave than the first: grouped and told."""

from collections.abc import Mapping
from typing import Final

_NAMED: Final = 3


def days_by_source(filled: Mapping[str, str], *, until: str = "9999") -> dict[str, list[str]]:
    """ISO days by the source that gave them, up to a day.

    Args:
        filled: ISO day → source.
        until: Last ISO day that counts.
    """
    days: dict[str, list[str]] = {}
    for day in sorted(filled):
        if day <= until:
            days.setdefault(filled[day], []).append(day)
    return days


def describe_filling(filled: Mapping[str, str], *, until: str = "9999") -> list[str]:
    """A sentence for each source that filled days."""
    told = []
    for source, days in days_by_source(filled, until=until).items():
        shown = ", ".join(days[-_NAMED:]) if len(days) <= _NAMED else f"{days[0]} to {days[-1]}"
        told.append(
            f"From {source}, as the first source lacks them: {len(days)} candle{'s' * (len(days) != 1)} ({shown})."
        )
    return told
