"""One run over several series: each is forecast as soon as its file has the day, and none waits for another."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from typing import Final

from flows.day.outcome import DayOutcome, DoneDay, describe
from flows.day.series_day import BegunDay, begin_day, finish_day
from flows.day.waiting import Wait, Waiting
from flows.edges.snapshots.store import Snapshot
from flows.edges.threads import begin
from flows.inputs.failures import kept
from flows.inputs.market import read_market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.vendor_revisions import NewestFile
from flows.reporting.flow_run import due_at
from flows.reporting.progress import Stopwatch, lines_about, log
from flows.tasks import day as tasks
from pipeline.candles.columns import DATE
from pipeline.errors import CoincastError, ExpectationError
from pipeline.monitoring.catch_up import REACH, days_due
from pipeline.series import Series

# Series whose fits are begun while the first of them is finished: so many as keep four processes busy.
_AHEAD: Final = 4
# One publication of all series, unless a source takes longer than this.
_TOGETHER_S: Final = 5.0


@dataclass
class DailyRun:
    """What became of a run.

    Attributes:
        outcomes: Of the days that are done.
        failures: Of the others, by series, or series and day where it is a missed one; of what was made and
            could not be published, by `publication`. One whose scores or page failed is published all the same,
            as far as it can be.
    """

    outcomes: list[DayOutcome] = field(default_factory=list)
    failures: dict[str, CoincastError] = field(default_factory=dict)


def run_series(
    jobs: Sequence[Job], stores: Stores, waiting: Waiting, pool: ProcessPoolExecutor | None = None
) -> DailyRun:
    """Look at every source, forecast and publish what is there, rest, and look again for the others.

    Args:
        jobs: One for each series.
        stores: Where everything is kept.
        waiting: How long a late source is waited for.
        pool: Processes that make the fits of the next series meanwhile; None where fits are made here.
    """
    run = _Run(stores, Wait(waiting), {job.series: Stopwatch() for job in jobs}, pool)
    pending = [job for job in jobs if _is_meant(job)]
    while pending:
        run.work(pending)
        if run.late:
            run.wait.rest()
        pending, run.late = run.late, []
    return run.daily_run


@dataclass
class _Run:
    """A run as it goes on; `late` are those whose source is to be looked at again."""

    stores: Stores
    wait: Wait
    watches: dict[Series, Stopwatch]
    pool: ProcessPoolExecutor | None
    daily_run: DailyRun = field(default_factory=DailyRun)
    late: list[Job] = field(default_factory=list)

    def work(self, jobs: Sequence[Job]) -> None:
        """Look at all sources side by side; what is there is forecast and published while others are looked at."""
        looks = {begin(partial(self._look, job), name="look"): job for job in jobs}
        while looks:
            done: list[DoneDay] = []
            begun: deque[_Begun] = deque()
            for look in _ready(looks):
                with kept(self.daily_run.failures, str(looks[look].series)):
                    begun.extend(self._take(looks.pop(look), look))
                while len(begun) > (_AHEAD if self.pool else 0):
                    done += self._finish(begun.popleft())
            for one in begun:
                done += self._finish(one)
            if done:
                with kept(self.daily_run.failures, "publication"):
                    _publish(done, self.stores, self.daily_run)

    def _look(self, job: Job) -> NewestFile | None:
        return self.wait.look(self.wait.now(job), self.stores, self.watches[job.series])

    def _take(self, job: Job, look: "Future[NewestFile | None]") -> Iterator["_Begun"]:
        file = look.result()
        if file is None:
            self.late.append(job)
        else:
            yield from self._begin(job, file)

    def _begin(self, job: Job, file: NewestFile) -> Iterator["_Begun"]:
        """The newest day, and before it those that the settings catch up on; one that fails stops no other."""
        present = self.wait.now(job)
        days: tuple[date | None, ...] = (job.as_of,)
        if job.as_of is None and job.configuration.settings.catch_up == "all":
            days = (*_missed_days(present, self.stores, file.snapshot), None)
        for day in days:
            name = str(job.series) if day is job.as_of else f"{job.series} as of {day}"
            with kept(self.daily_run.failures, name):
                try:
                    meant, watch = replace(present, as_of=day), self.watches[job.series]
                    begun = begin_day(meant, self.stores, file, watch=watch, pool=self.pool)
                except ExpectationError as error:
                    if day is not None or not self.wait.outlasts(present, self.stores, error):
                        raise
                    self.late.append(job)
                    continue
                yield _Begun(name, begun, watch, (file.warning,) if file.warning else ())

    def _finish(self, begun: "_Begun") -> Iterator[DoneDay]:
        """Forecast and score; whether or not the days before can be scored, the forecast is published in time."""
        failures, watch = self.daily_run.failures, begun.watch
        with lines_about(as_of=begun.day.day.market.as_of), kept(failures, begun.name):
            registration = finish_day(begun.day, self.stores, watch=watch)
            made, scored = begun.day.day, 0
            with kept(failures, begun.name), watch.stage(str(made.job.series), "score"):
                scored = tasks.score(made, self.stores)
            yield DoneDay(begun.name, made, registration, scored, watch, begun.warnings)


@dataclass(frozen=True, eq=False)
class _Begun:
    name: str
    day: BegunDay
    watch: Stopwatch
    warnings: tuple[str, ...]


def _ready(looks: "dict[Future[NewestFile | None], Job]") -> "list[Future[NewestFile | None]]":
    """Those that are over, in the order of the series, as soon as there is one; usual ones end together."""
    over = wait_for(looks, timeout=_TOGETHER_S).done or wait_for(looks, return_when=FIRST_COMPLETED).done
    return [look for look in looks if look in over]


def _publish(done: Sequence[DoneDay], stores: Stores, daily_run: DailyRun) -> None:
    """One publication of all; its seconds are counted to the last series."""
    watch = done[-1].watch
    with watch.stage(f"{len({one.day.job.series for one in done})} series", "publish"):
        published = tasks.publish([one.day for one in done], stores)
    daily_run.failures |= published.failures
    for one in done:
        if one.name not in daily_run.failures:
            with kept(daily_run.failures, one.name):
                told = replace(one, warnings=one.warnings + published.warnings)
                daily_run.outcomes.append(describe(told, stores, published.publication))


def _missed_days(job: Job, stores: Stores, snapshot: Snapshot) -> tuple[date, ...]:
    market = read_market(job, stores.snapshots, snapshot)
    candles = [stamp.date() for stamp in market.truth[DATE]]
    reach = {"since": market.as_of - 2 * REACH, "until": market.as_of}
    # A day that another recipe published is no missed one.
    made = stores.ledger.complete_days(job.series, model_id=job.recipe.model_id, **reach)
    made |= stores.ledger.published_models(job.series, **reach).keys()
    due = days_due("all", meant=market.as_of, newest=market.as_of, candles=candles, made=made)
    if missed := due[:-1]:
        log.info("%s: catching up on %s", job.series, ", ".join(map(str, missed)))
    return missed


def _is_meant(job: Job) -> bool:
    """Whether the run may forecast at all; with `catch_up = "none"` not where its day has passed."""
    due = due_at()
    if job.as_of is not None or job.simulated_time or due is None:
        return True
    meant = due.date() - timedelta(days=1)
    newest = job.newest_complete
    policy = job.configuration.settings.catch_up
    if days_due(policy, meant=meant, newest=newest, candles=(), made=()):
        return True
    log.warning(
        "%s: nothing is forecast: this run was meant for %s, the newest day is %s, and catch_up is none",
        job.series,
        meant,
        newest,
    )
    return False
