"""How long a late vendor is waited for, and what a day gets that does not come."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from flows.edges.clock import clock, pause
from flows.edges.sources.registry import chosen
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.alarms import current_suspicion
from flows.publishing.vendor_revisions import NewestFile
from flows.reporting.artifacts import show_note
from flows.reporting.events import emit_alarms
from flows.reporting.progress import Stopwatch, log
from flows.tasks import day as tasks
from pipeline.errors import SourceError, StaleSourceError
from pipeline.monitoring.alarms import late_source
from pipeline.settings import Settings


@dataclass(frozen=True)
class Waiting:
    """How long, how often and by which clock.

    Attributes:
        limit: From the start of the run; zero takes the file as it is.
        every: Between two looks.
        clock: The present instant.
        pause: Sleeps for seconds.
    """

    limit: timedelta = timedelta()
    every: timedelta = timedelta(minutes=10)
    clock: Callable[[], datetime] = clock
    pause: Callable[[float], None] = pause

    @classmethod
    def of(cls, settings: Settings) -> "Waiting":
        """As the settings say."""
        return cls(
            timedelta(minutes=settings.wait_for_source_minutes),
            timedelta(minutes=settings.poll_every_minutes),
        )


class Wait:
    """One run's waiting, from its start on."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._begun = waiting.clock()
        self._rested = timedelta()

    def rest(self) -> None:
        """Sleep until the next look; the last one is at the deadline."""
        left = self._waiting.limit - self._elapsed
        self._waiting.pause(max(min(self._waiting.every, left).total_seconds(), 0.0))
        self._rested = self._elapsed

    def now(self, job: Job) -> Job:
        """The job at the instant at which the last rest ended: then its forecast is issued."""
        return replace(job, now=job.now + self._rested)

    def look(self, job: Job, stores: Stores, watch: Stopwatch) -> NewestFile | None:
        """The source's file once it has the newest complete day; None while that is waited for.

        Without waiting, or for a day that is named, the file is what it is.

        Raises:
            StaleSourceError: The time is over, whether the source was late or out of reach; the alarm is raised.
            SourceError: The source cannot be reached, and it is not waited for.
            UnknownSeriesError: The source does not have the file.
        """
        patient = self._waiting.limit > timedelta() and job.as_of is None
        over = self._elapsed >= self._waiting.limit
        try:
            with watch.stage(str(job.series), "download"):
                file = tasks.download(job, stores)
        except SourceError as error:
            if not patient:
                raise
            if over:
                self._give_up(job, stores, failure=str(error))
            log.warning("%s: waiting for the source: %s", job.series, error)
            return None
        if not patient or file.snapshot.last >= job.newest_complete:
            return file
        if over:
            self._give_up(job, stores)
        log.info("%s: waiting for the candle of %s", job.series, job.newest_complete)
        return None

    @property
    def _elapsed(self) -> timedelta:
        return self._waiting.clock() - self._begun

    def _give_up(self, job: Job, stores: Stores, *, failure: str = "") -> NoReturn:
        newest = stores.snapshots.latest(job.series)
        choice = chosen(job.configuration.settings, job.source)
        suspicion = current_suspicion(stores.snapshots, job.series, choice)
        alarm = late_source(
            str(job.series),
            expected=job.newest_complete,
            last_candle=newest.last if newest else None,
            waited=self._elapsed,
            failure=(failure or (suspicion.message if suspicion else "")).rstrip("."),
        )
        alarms = [alarm, suspicion] if suspicion else [alarm]
        emit_alarms(job.series, alarms, simulated_time=job.simulated_time)
        day = f"{job.series}: {job.newest_complete}"
        show_note(f"{job.series.slug}-stale", f"**{day} is stale.** {alarm.message}", day)
        raise StaleSourceError(alarm.message)
