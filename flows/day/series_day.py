"""One series' day: begun up to its features, and finished with its forecasts in the ledger."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from flows.day.fits import DayFits
from flows.day.judging import fit_days_ahead
from flows.day.registration import Registration
from flows.inputs.market import is_issued, superseded_choice
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.publication import Day
from flows.publishing.vendor_revisions import NewestFile
from flows.reporting.progress import Stopwatch
from flows.tasks import day as tasks
from pipeline.evaluation.holdout import TEST_DAYS
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.fitting import Fitter, fit


@dataclass(frozen=True, eq=False)
class BegunDay:
    """A checked day. What is to be fitted for it is begun, where others make the fits.

    Attributes:
        day: Its candles.
        grid: Its days with their features; None where the ledger holds the forecast already.
        standing: From the registered fit, between two days of the refit calendar.
        fits: Who makes its fits; by default this process.
    """

    day: Day
    grid: FeatureGrid | None = None
    standing: Registration | None = None
    fits: Fitter = fit


def begin_day(
    job: Job, stores: Stores, file: NewestFile, *, watch: Stopwatch, pool: ProcessPoolExecutor | None
) -> BegunDay:
    """One series' day from its file to its features; what the ledger holds already is not made again."""
    name = str(job.series)
    with watch.stage(name, "check"):
        day = tasks.check(job, stores, file)
    as_of = day.market.as_of
    if is_issued(job, day.market, stores.ledger):
        return BegunDay(day)
    with watch.stage(name, "features"):
        grid = tasks.features(day)
    if not job.recipe.is_baseline and job.fit_day(as_of) < as_of:
        with watch.stage(name, "load"):
            if (standing := tasks.load(day, stores, grid)) is not None:
                return BegunDay(day, grid, standing)
    fits = DayFits(job, grid, pool)
    if pool is not None:
        fits.begin(job.recipe, job.fit_day(as_of))
        for ahead in fit_days_ahead(job, stores, as_of):
            fits.begin(job.recipe, ahead, watched=ahead == as_of - timedelta(days=TEST_DAYS))
    return BegunDay(day, grid, None, fits)


def finish_day(begun: BegunDay, stores: Stores, *, watch: Stopwatch) -> Registration | None:
    """From a checked day's features to its forecasts in the ledger.

    Returns:
        The registration of its fit; None where the ledger held the forecast already.
    """
    day, registration = begun.day, begun.standing
    if begun.grid is None:
        if (choice := superseded_choice(day.job, day.market, stores.ledger)) is not None:
            with watch.stage(str(day.job.series), "forecast"):
                tasks.choose_again(day, stores, choice)
        return None
    if registration is None:
        registration = _fit(day, stores, begun.grid, begun.fits, watch)
    with watch.stage(str(day.job.series), "forecast"):
        tasks.forecast(day, stores, registration)
    return registration


def _fit(day: Day, stores: Stores, grid: FeatureGrid, fits: Fitter, watch: Stopwatch) -> Registration:
    """Fitted, judged and registered."""
    job, as_of, name = day.job, day.market.as_of, str(day.job.series)
    with watch.stage(name, "train"):
        model = tasks.train(job, grid, job.fit_day(as_of), fits)
    with watch.stage(name, "evaluate"):
        evaluation = tasks.evaluate(job, grid, as_of, fits)
    judged = None
    # A baseline is published as configured: there is nothing to decide.
    if not job.recipe.is_baseline:
        with watch.stage(name, "judge"):
            judged = tasks.judge(day, stores, grid, fits=(model, evaluation), fit=fits)
    with watch.stage(name, "register"):
        return tasks.register(day, stores, grid, model=model, evaluation=evaluation, judged=judged)
