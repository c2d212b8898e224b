"""Alarms as a reader needs them: what is wrong and what follows from it; what to run is told by the doctor."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from pipeline.monitoring.alarm_bounds import COVERAGE, SKILL
from pipeline.monitoring.alarms import NO_FORECAST, SOURCES_DIFFER, STALE_SOURCE, SUSPECT_SOURCE, Alarm
from pipeline.page.sentences import long_date

_SENTENCES: Final[Mapping[str, Callable[[str], str]]] = {
    NO_FORECAST: lambda day: (
        f"No forecast was issued in time for {day}; what is shown is older, or was made afterwards."
    ),
    STALE_SOURCE: lambda day: f"New prices have been overdue since {day}; the forecast rests on older ones.",
    SUSPECT_SOURCE: lambda day: (
        f"The newest prices look damaged, found on {day}; they are not used, the last good ones are."
    ),
    SOURCES_DIFFER: lambda day: (
        f"Two sources disagree about the close of {day}; the forecast follows the first of them."
    ),
    COVERAGE: lambda day: (
        f"Since {day} the ranges have held more or less often than chance explains; do not rely on them."
    ),
    SKILL: lambda day: (
        f"Since {day} the model has been worse than the random walk by more than chance explains; do not rely on it."
    ),
}


def alarm_sentences(alarms: Iterable[Alarm]) -> list[str]:
    """A sentence an alarm, without commands, digests or names of models."""
    return [_SENTENCES[alarm.kind](long_date(alarm.since)) for alarm in alarms]
