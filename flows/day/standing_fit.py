"""A day between two fits of the refit calendar: the registered fit forecasts, and none is made or judged."""

from collections.abc import Iterator
from datetime import date

from flows.day.issued_fits import (
    RegisteredFit,
    checked_forecasts,
    issued_fits,
    once_each,
    registered_fit,
)
from flows.day.registration import Registration
from flows.edges.ledger.publications import GateRecord
from flows.edges.machine.locks import locks_of
from flows.edges.snapshots.store import SnapshotStore
from flows.edges.tracking.aliases import CHAMPION
from flows.edges.tracking.registry import ModelVersion, RegisteredModel
from flows.inputs.market import Market
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from pipeline.features.feature_grid import FeatureGrid
from pipeline.models.registry import BASELINES


def standing_fit(job: Job, stores: Stores, market: Market, grid: FeatureGrid) -> Registration | None:
    """What is issued on a day that the refit calendar has no fit for: by the version of its last fit day.

    What the gate said of that fit holds until the next one, unless a person has moved the champion since.

    Returns:
        The forecasts, held against their contract; None where the registry has no such version: it is then fitted.
    """
    fit_day = job.fit_day(market.as_of)
    registered = RegisteredModel(stores.tracking, job.series, lock=locks_of(job.configuration.places))
    for version in _made_on(fit_day, job, registered):
        (decision, *_) = stores.ledger.decisions(job.series, run_id=version.run_id) or (None,)
        fit = registered_fit(registered, version, grid)
        if fit and decision and _is_of(fit, job, market, stores.snapshots):
            return _issued(job, stores, market, grid, stands=(fit, version, decision), registered=registered)
    return None


def _made_on(fit_day: date, job: Job, registered: RegisteredModel) -> Iterator[ModelVersion]:
    """The recipe's versions of that day, newest first."""
    for version in registered.versions():
        if (version.tags.get("recipe"), version.tags.get("trained_as_of")) == (job.recipe.name, str(fit_day)):
            yield version


def _is_of(fit: RegisteredFit, job: Job, market: Market, snapshots: SnapshotStore) -> bool:
    """Whether it is the job's recipe and seed, from a file that was there before the day's own."""
    manifest = fit.manifest
    learned_from = snapshots.find(manifest.snapshots[0], job.series)
    return (
        (manifest.recipe, manifest.seed, manifest.vintage)
        == (job.recipe.as_values(), job.seed, market.vintage)
        and learned_from is not None
        and learned_from.fetched_at <= market.snapshot.fetched_at
    )


def _issued(
    job: Job,
    stores: Stores,
    market: Market,
    grid: FeatureGrid,
    *,
    stands: tuple[RegisteredFit, ModelVersion, GateRecord],
    registered: RegisteredModel,
) -> Registration | None:
    fit, version, decision = stands
    champion = _champion(market, registered, grid, stands=(fit, version))
    publish = _published(decision, champion, version)
    if publish is None:
        return None
    issued = issued_fits(
        job, market, grid, fit.manifest.trained_as_of, once_each([*([champion] if champion else []), fit])
    )
    return Registration(
        fits=issued,
        forecasts=checked_forecasts(job, grid, market.as_of, issued),
        publish=publish,
        reasons=(
            f"Version {version.version}, fitted on {fit.manifest.trained_as_of}, stands until the next fit day.",
            *decision.reasons,
        ),
        figures=decision.figures,
        metrics={},
        run_id=version.run_id,
        run_url=stores.tracking.experiment(job.series.slug).run_url(version.run_id),
    )


def _champion(
    market: Market,
    registered: RegisteredModel,
    grid: FeatureGrid,
    *,
    stands: tuple[RegisteredFit, ModelVersion],
) -> RegisteredFit | None:
    """The present champion's fit; None where there is none that may speak of the day."""
    fit, version = stands
    holder = registered.at(CHAMPION)
    if holder is None or holder.version == version.version:
        return fit if holder else None
    has_seen_more = holder.tags.get("trained_as_of", "9999") > market.as_of.isoformat()
    return None if has_seen_more else registered_fit(registered, holder, grid)


def _published(decision: GateRecord, champion: RegisteredFit | None, version: ModelVersion) -> str | None:
    """Whose forecast readers see; None where the model that the gate chose is gone."""
    is_moved_up = champion is not None and champion.version == str(version.version)
    if not decision.promoted and not is_moved_up and decision.publish in {one.model_id for one in BASELINES}:
        return decision.publish
    if champion is not None:
        return champion.model.model_id
    return decision.publish if decision.promoted else None
