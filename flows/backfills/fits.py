"""What a backfill's worker keeps warm: the snapshot that it read last, and the fit that it made last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from expectations.verdict import Verdict
from flows.day.issued_fits import RegisteredFit, issued_fits, unregistered
from flows.day.stages import train
from flows.edges.backfill_store.units import Backfill
from flows.edges.configuration import Configuration
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.publishing.reproduction import kept_recipe
from pipeline.errors import CoincastError
from pipeline.features.feature_grid import FeatureGrid
from pipeline.recipes.base import Recipe
from pipeline.series import Series


@dataclass(frozen=True, eq=False)
class Seen:
    """A snapshot as it was read: its candles, their features, and what the contract says of all of them."""

    job: Job
    market: Market
    grid: FeatureGrid
    verdict: Verdict


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fits of one day on one snapshot, or why there are none.

    Attributes:
        key: Series, snapshot and fit day.
        fits: The baselines' and the recipe's.
        error: What the fit raised; it is raised for each unit that needs it.
    """

    key: tuple[Series, str, date]
    fits: Sequence[RegisteredFit] = ()
    error: CoincastError | None = None


def job_of(backfill: Backfill, series: Series, settings: Configuration) -> Job:
    """A series' day as the backfill sees it."""
    request = backfill.request
    chosen = settings.settings.model_copy(update={"seed": request.seed, "refit_every": request.refit_every})
    recipe: Recipe = kept_recipe(backfill.recipe)
    return Job(
        series=series,
        source=request.source,
        as_of=None,
        now=backfill.now,
        simulated_time=False,
        recipe=recipe,
        seed=request.seed,
        configuration=replace(settings, settings=chosen),
    )


def fits_of(seen: Seen, fit_day: date) -> Sequence[RegisteredFit]:
    """Those that a day is forecast by; the recipe's is not registered."""
    job, market = seen.job, seen.market
    own = unregistered(job, market, train(job, seen.grid, fit_day))
    return issued_fits(job, market, seen.grid, fit_day, [own])
