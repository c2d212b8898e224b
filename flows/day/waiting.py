"""How long a late vendor is waited for, and what a day gets that does not come."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NoReturn

from flows.edges.clock import clock, pause
from flows.edges.sources.registry import chosen
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.alarms import current_suspicion, raise_alarms
from flows.publishing.vendor_revisions import NewestFile
from flows.reporting.artifacts import show_note
from flows.reporting.progress import Stopwatch, log
from flows.tasks import day as tasks
from pipeline.errors import CoincastError, SourceError, StaleSourceError
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
            SourceError: The source cannot be reached, and it is not waited for; the alarm is raised.
            UnknownSeriesError: The source does not have the file.
        """
        try:
            with watch.stage(str(job.series), "download"):
                file = tasks.download(job, stores)
        except SourceError as error:
            if self.outlasts(job, stores, error):
                return None
            if job.as_of is None:
                self._raise_alarm(job, stores, failure=str(error))
            raise
        if not self._is_patient(job) or file.snapshot.last >= job.newest_complete:
            return file
        if self._is_over:
            self._give_up(job, stores)
        log.info("%s: waiting for the candle of %s", job.series, job.newest_complete)
        return None

    def outlasts(self, job: Job, stores: Stores, error: CoincastError) -> bool:
        """Whether the source is looked at again after what it has, or that it has nothing, was of no use.

        Raises:
            StaleSourceError: It would be, but the time is over; the alarm is raised.
        """
        if not self._is_patient(job):
            return False
        if self._is_over:
            self._give_up(job, stores, failure=str(error))
        log.warning("%s: waiting for the source: %s", job.series, error)
        return True

    def _is_patient(self, job: Job) -> bool:
        return self._waiting.limit > timedelta() and job.as_of is None

    @property
    def _is_over(self) -> bool:
        return self._elapsed >= self._waiting.limit

    @property
    def _elapsed(self) -> timedelta:
        return self._waiting.clock() - self._begun

    def _give_up(self, job: Job, stores: Stores, *, failure: str = "") -> NoReturn:
        message = self._raise_alarm(job, stores, failure=failure)
        day = f"{job.series}: {job.newest_complete}"
        show_note(f"{job.series.slug}-stale", f"**{day} is stale.** {message}", day)
        raise StaleSourceError(message)

    def _raise_alarm(self, job: Job, stores: Stores, *, failure: str) -> str:
        """Tell of a day that its source does not give, as events; the message."""
        newest = stores.snapshots.latest(job.series)
        choice = chosen(job.configuration.settings, job.source)
        suspicion = current_suspicion(stores.snapshots, job.series, choice)
        alarm = late_source(
            str(job.series),
            expected=job.newest_complete,
            last_candle=newest.last if newest else None,
            waited=self._elapsed if self._is_patient(job) else timedelta(),
            failure=(failure or (suspicion.message if suspicion else "")).rstrip("."),
        )
        alarms = [alarm, suspicion] if suspicion else [alarm]
        raise_alarms(stores.ledger, job.series, alarms, now=job.now, simulated_time=job.simulated_time)
        return alarm.message
