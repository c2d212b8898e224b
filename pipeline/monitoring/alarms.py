"""When a person must look: a record that chance does not explain, no forecast today, a source gone stale or suspect."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pipeline.forecasts.columns import LIVE, MODE, MODEL_ID, SERIES, TARGET_DATE, complete_at
from pipeline.monitoring.alarm_bounds import COVERAGE, SKILL, run_tests
from pipeline.scores.score_history import beside_random_walk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pandas import DataFrame

NO_FORECAST: Final = "no-forecast"
STALE_SOURCE: Final = "stale-source"
SUSPECT_SOURCE: Final = "suspect-source"
SOURCES_DIFFER: Final = "sources-differ"
KINDS: Final = (NO_FORECAST, SUSPECT_SOURCE, SOURCES_DIFFER, STALE_SOURCE, COVERAGE, SKILL)

# Files of one exchange's market agree to its last digit but for corrections, and 0.5 % is what a forecast of the next
# day is off by at its best; older days are what `coincast revisions` is for.
DIFFERING_CLOSE: Final = 0.005
COMPARED_DAYS: Final = 30

# A daily run after midnight, UTC, waits for a late vendor; until then today's forecast is not missed.
GRACE: Final = timedelta(hours=6)

_ADVICE: Final = {
    COVERAGE: "do not rely on these ranges; see `coincast scorecard`, then refit or roll back",
    SKILL: "do not rely on this model; see `coincast scorecard`, then roll back or publish the random walk",
}
_BEFORE_ADVICE: Final = re.compile(r"[;:] (?=run `|look at |do not rely on )")
_BASELINE_ADVICE: Final = "do not rely on these ranges; see `coincast scorecard`, then choose another recipe"


@dataclass(frozen=True)
class Alarm:
    """Something a person must look at.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        kind: `no-forecast`, `suspect-source`, `sources-differ`, `stale-source`, `coverage` or `skill`.
        message: What is wrong, what is usual, and what to do; one line.
        since: First day of the present alarm, UTC.
    """

    series: str
    kind: str
    message: str
    since: date

    @property
    def wrong(self) -> str:
        """What is wrong and what is usual: its message without what to do."""
        return _BEFORE_ADVICE.split(self.message, maxsplit=1)[0]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {**asdict(self), "since": self.since.isoformat()}

    def __str__(self) -> str:
        return f"{self.series} {self.kind}, since {self.since}: {self.message}"


def missing_forecast(
    series: str, *, newest_as_of: date | None, now: datetime, begun: datetime | None = None
) -> Alarm | None:
    """An alarm where the newest complete day has no forecast six hours after it ended.

    A day that was due before anything was forecast here is nobody's fault.

    Args:
        series: As `binance/BTCUSDT/1d`.
        newest_as_of: as_of of the newest live forecast; None before the first.
        now: The instant that the run believes in.
        begun: When the first forecast was made, live or afterwards; None before it.
    """
    expected = (now.astimezone(UTC) - GRACE).date() - timedelta(days=1)
    if newest_as_of is not None and newest_as_of >= expected:
        return None
    if begun is not None and complete_at(expected) + GRACE <= begun:
        return None
    none = "none was ever in time" if begun else "there is none at all"
    known = none if newest_as_of is None else f"the newest is as of {newest_as_of}"
    missed = expected if newest_as_of is None else newest_as_of + timedelta(days=1)
    message = f"No forecast as of {expected} was issued, {known}; run `coincast daily --series {series}`"
    return Alarm(series, NO_FORECAST, f"{message} or look at the failed run.", complete_at(missed).date())


def stale_source(
    series: str, *, last_candle: date | None, now: datetime, stale_after_days: float
) -> Alarm | None:
    """An alarm where the source's newest candle ended more than `stale_after_days` ago.

    Args:
        series: As `binance/BTCUSDT/1d`.
        last_candle: Day of the newest complete candle; None where nothing was ever downloaded, which is a missing
            forecast and no stale source.
        now: The instant that the run believes in.
        stale_after_days: Age in days up to which a source is fresh.
    """
    if last_candle is None:
        return None
    stale_at = complete_at(last_candle) + timedelta(days=stale_after_days)
    if now <= stale_at:
        return None
    age = now - complete_at(last_candle)
    message = (
        f"The source's newest candle is of {last_candle} and ended {age / timedelta(days=1):.1f} days ago, "
        f"{stale_after_days:g} are allowed; the vendor is late or the series is delisted: look at the source."
    )
    return Alarm(series, STALE_SOURCE, message, stale_at.date())


def suspect_source(series: str, *, sha256: str, reason: str, since: date, last_candle: date) -> Alarm:
    """The alarm of a source whose newest file lost days of the one before it, or tells other closes.

    Args:
        series: As `binance/BTCUSDT/1d`.
        sha256: Of that file.
        reason: What it lost, or tells otherwise.
        since: Day on which it was found.
        last_candle: Day of the newest candle of the file that is used instead.
    """
    name = sha256[:12]
    message = (
        f"The source's newest file ({name}) is suspect: {reason}; it is not used, the last good one, to {last_candle}, "
        "is: look at the source, which heals by serving a whole file, or, if this one is right, run "
        f"`coincast snapshots accept {name}`."
    )
    return Alarm(series, SUSPECT_SOURCE, message, since)


def differing_sources(series: str, *, day: date, closes: "Mapping[str, float]", days: int) -> Alarm:
    """The alarm of closes that two sources tell otherwise.

    Args:
        series: As `binance/BTCUSDT/1d`.
        day: The newest such day.
        closes: Its closes by the name of the source, the one that is used first.
        days: How many of the last `COMPARED_DAYS` differ.
    """
    (used, first), (other, second) = closes.items()
    message = (
        f"Sources differ by {abs(second / first - 1):.2%} in the close of {day}: {used} has {first:.10g}, {other} "
        f"{second:.10g}; of the last {COMPARED_DAYS} days {days} differ by more than {DIFFERING_CLOSE:.1%}: look at "
        f"both; {used} is used."
    )
    return Alarm(series, SOURCES_DIFFER, message, day)


def late_source(
    series: str, *, expected: date, last_candle: date | None, waited: timedelta, failure: str = ""
) -> Alarm:
    """The alarm of a day that its run looked for in vain.

    Args:
        series: As `binance/BTCUSDT/1d`.
        expected: The newest complete day.
        last_candle: Day of the newest candle that it had when it was seen last; None where it never was.
        waited: How long; zero where it was looked at once.
        failure: Why the last look at it failed; empty where it did not.
    """
    newest = f"its newest is of {last_candle}" if last_candle else "it has never been read"
    # One that is there failed the contract.
    what = "no usable candle" if last_candle and last_candle >= expected else "no candle"
    after = f" after {waited / timedelta(minutes=1):.0f} minutes of waiting" if waited else ""
    message = (
        f"The source has {what} of {expected}{after}, {newest}{f' ({failure})' if failure else ''}; "
        f"nothing was forecast: run `coincast daily --series {series}` when it has come."
    )
    return Alarm(series, STALE_SOURCE, message, complete_at(expected).date())


def record_alarms(
    scores: "DataFrame", *, series: str, model_id: str, series_watched: int = 1, configured: bool = False
) -> tuple[Alarm, ...]:
    """At most one alarm on coverage and one on skill, on the live record of the published model.

    Each names its most surprising test; the bounds and their false-alarm rate are those of
    `pipeline.monitoring.alarm_bounds`.

    Args:
        scores: Rows as `Ledger.scores` gives them, the random walk's among them; backfilled ones are ignored.
        series: As `binance/BTCUSDT/1d`.
        model_id: Whose record.
        series_watched: Series that share the false alarms of one deployment.
        configured: The recipe is a baseline, published whatever its skill: its ranges alone can alarm.
    """
    rows = beside_random_walk(scores[(scores[SERIES] == series) & (scores[MODE] == LIVE)], how="left")
    record = rows[rows[MODEL_ID] == model_id].sort_values(TARGET_DATE)
    found = [test for test in run_tests(record, series_watched=series_watched) if test.beyond[-1]]
    alarms = []
    advice = {COVERAGE: _BASELINE_ADVICE} if configured else _ADVICE
    for kind in advice:
        ranked = sorted((test for test in found if test.kind == kind), key=lambda test: -test.surprise)
        if ranked:
            message = f"{model_id}: {ranked[0].words}; {advice[kind]}."
            alarms.append(Alarm(series, kind, message, min(test.since for test in ranked)))
    return tuple(alarms)
