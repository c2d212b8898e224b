"""Which fits are issued for a day, and what they forecast: one rule for the daily run and the backfill."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from expectations.checking import check_forecasts
from expectations.forecast_table import forecast_table
from flows.edges.clock import clock
from flows.edges.machine.versions import arithmetic, code_version, package_versions
from flows.edges.tracking.registry import ModelVersion, RegisteredModel
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.reporting.progress import log
from pipeline.candles.filling import days_by_source
from pipeline.errors import RegistryError
from pipeline.evaluation.trial import fit_baselines
from pipeline.features.feature_grid import FeatureGrid
from pipeline.forecasts.columns import IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.manifest import Manifest
from pipeline.models.bundle import load_bundle
from pipeline.models.fitting import Model, issue
from pipeline.recipes.base import Recipe

UNREGISTERED: Final = "-"
MANIFEST_FILE: Final = "manifest.json"


@dataclass(frozen=True, eq=False)
class RegisteredFit:
    """A fit, what it was made of, and its number in the registry (`-` for one that is not registered)."""

    model: Model
    manifest: Manifest
    version: str


def issued_fits(
    job: Job, market: Market, grid: FeatureGrid, fit_day: date, own: Sequence[RegisteredFit]
) -> tuple[RegisteredFit, ...]:
    """The fits whose forecasts are issued for a day, each model once.

    Args:
        job: Whose day it is.
        market: What the fits are made of.
        grid: The days; rows after `fit_day` are not read.
        fit_day: The last day that the baselines may see.
        own: The recipe's fits. One that is a baseline too is issued as the baseline that every run fits.

    Returns:
        The baselines' fits, then the others of `own`.
    """
    baselines = fit_baselines(grid, as_of=fit_day, seed=job.seed, time_limit_s=job.fit_limit_s)
    return once_each((*(unregistered(job, market, model) for model in baselines), *own))


def once_each(fits: Iterable[RegisteredFit]) -> tuple[RegisteredFit, ...]:
    """The first fit of each model, in their order."""
    first: dict[str, RegisteredFit] = {}
    for one in fits:
        first.setdefault(one.model.model_id, one)
    return tuple(first.values())


def unregistered(job: Job, market: Market, model: Model) -> RegisteredFit:
    """A fit that the registry does not know, or not yet."""
    return RegisteredFit(
        model, manifest_of(job, market, recipe=model.recipe, fit_day=model.trained_as_of), UNREGISTERED
    )


def registered_fit(
    registered: RegisteredModel, version: ModelVersion, grid: FeatureGrid
) -> RegisteredFit | None:
    """The version's fit; None, said in the log, where this coincast cannot load it, or not forecast `grid` by it."""
    try:
        folder = registered.bundle(version)
        manifest = Manifest.from_json((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
        model = load_bundle(folder)
        if grid.pool is None and model.learned_.reads_others:
            raise RegistryError(f"{model.recipe.name} forecasts from other series too, which the day lacks.")
        return RegisteredFit(model, manifest, str(version.version))
    except (RegistryError, OSError) as error:
        log.warning("Version %d of %s is not used: %s", version.version, registered.name, error)
        return None


def manifest_of(job: Job, market: Market, *, recipe: Recipe, fit_day: date) -> Manifest:
    """What a fit of `recipe` on this market is made of."""
    learned_from = market.pool.snapshots if recipe.is_pooled and market.pool else {}
    made_of = {job.series: market.snapshot.sha256, **learned_from}
    return Manifest(
        recipe=recipe.as_values(),
        seed=job.seed,
        trained_as_of=fit_day,
        series=tuple(map(str, made_of)),
        snapshots=tuple(made_of.values()),
        vintage=market.vintage,
        code=code_version(),
        packages=package_versions(),
        arithmetic=arithmetic(),
        filled_from=days_by_source(market.account.filled_from, until=fit_day.isoformat()),
    )


def checked_forecasts(
    job: Job, grid: FeatureGrid, as_of: date, fits: Sequence[RegisteredFit]
) -> tuple[Forecast, ...]:
    """What each fit says of a day, held against the forecasts' contract."""
    issued = tuple(issue(one.model, grid, series=job.series, as_of=as_of) for one in fits)
    verdict = check_forecasts(
        forecast_table(issued), series=job.series, as_of=as_of, last_close=issued[0].last_close
    )
    verdict.raise_if_critical()
    return issued


def issue_context(
    job: Job, market: Market, source: RegisteredFit, *, run_id: str, backfilled: bool = False
) -> IssueContext:
    """What the ledger keeps beside a fit's forecasts."""
    return IssueContext(
        manifest=_with_what_is_read(source, job, market),
        model_version=source.version,
        run_id=run_id,
        snapshot_sha256=market.snapshot.sha256,
        vintage=market.vintage,
        now=job.now,
        issued_at=clock(),
        simulated_time=job.simulated_time,
        simulated_data=job.series.simulated,
        backfilled=backfilled,
    )


def _with_what_is_read(source: RegisteredFit, job: Job, market: Market) -> Manifest:
    """The fit's manifest; of a pooled fit of an earlier day with the other series' snapshots of this one."""
    is_later = market.as_of > source.model.trained_as_of
    if market.pool is None or not (is_later and source.model.learned_.reads_others):
        return source.manifest
    others = {str(one): sha256 for one, sha256 in market.pool.snapshots.items() if one != job.series}
    return replace(source.manifest, read=others)
