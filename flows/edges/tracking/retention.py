"""What is deleted from a registered model, in the order in which MLflow lets go of it."""

import io
from collections.abc import Collection
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from flows.edges.credentials import full_address
from flows.edges.tracking.experiments import Tracking
from flows.edges.tracking.registry import PUBLISHED, ModelVersion, RegisteredModel
from flows.edges.tracking.store import refusals


@dataclass(frozen=True)
class Pruning:
    """What a pruning deleted, or would delete.

    Attributes:
        versions: Version numbers, newest first.
        runs: Runs that made only those; none that the ledger names.
        logged_models: MLflow's ids of their files.
        collect: The command that frees the space where a server keeps the store; empty where it was freed.
    """

    versions: tuple[int, ...]
    runs: tuple[str, ...]
    logged_models: tuple[str, ...]
    collect: str = ""


def plan_pruning(
    model: RegisteredModel, *, keep: int, published_versions: Collection[int], published_runs: Collection[str]
) -> Pruning:
    """The versions that are neither among the newest `keep`, nor aliased, nor published.

    Args:
        model: The series' model.
        keep: Newest versions to keep in any case.
        published_versions: Versions that the ledger names.
        published_runs: Runs that the ledger names: their versions may go, they stay.
    """
    versions = model.versions()
    gone = [one for one in versions[keep:] if _is_free(one, published_versions)]
    kept_runs = {one.run_id for one in versions if one not in gone} | set(published_runs)
    return Pruning(
        versions=tuple(one.version for one in gone),
        runs=tuple(sorted({one.run_id for one in gone if one.run_id} - kept_runs)),
        logged_models=tuple(one.logged_model_id for one in gone if one.logged_model_id),
    )


def prune(model: RegisteredModel, tracking: Tracking, planned: Pruning) -> Pruning:
    """Delete what was planned: versions, then their files, then their runs, then collect the garbage.

    A version that became aliased since is left alone, files and run with it.

    Raises:
        RegistryError: MLflow refused.
    """
    client = model.client
    with refusals(f"to prune {model.name}"):
        with model.lock(model.name):
            there = {one.version: one for one in model.versions()}
            gone = [
                there[number] for number in planned.versions if number in there and not there[number].aliases
            ]
            for one in gone:
                client.delete_model_version(model.name, str(one.version))
        logged = tuple(one.logged_model_id for one in gone if one.logged_model_id)
        for identity in logged:
            client.delete_logged_model(identity)
        runs = tuple(run for run in planned.runs if run in {one.run_id for one in gone})
        for run in runs:
            client.delete_run(run)
        return _collected(Pruning(tuple(one.version for one in gone), runs, logged), tracking)


def _is_free(one: ModelVersion, published: Collection[int]) -> bool:
    return not one.aliases and PUBLISHED not in one.tags and one.version not in published


def _collected(done: Pruning, tracking: Tracking) -> Pruning:
    """Free the space here where the store is a database; a server's host must do it itself."""
    if tracking.artifacts is None:
        command = "mlflow gc --backend-store-uri URI-OF-THE-SERVER'S-DATABASE"
        for option, values in (("--run-ids", done.runs), ("--logged-model-ids", done.logged_models)):
            command += f" {option} {','.join(values)}" if values else ""
        return replace(done, collect=command)
    _collect(done, full_address(tracking.uri), tracking.artifacts)
    return done


def _collect(done: Pruning, uri: str, artifacts: Path) -> None:
    """What `mlflow gc` does, for these runs and files only: the command also empties the bin of experiments."""
    from mlflow.cli import _gc_tracking_resources
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore(uri, artifacts.as_uri())  # type: ignore[no-untyped-call]
    with redirect_stdout(io.StringIO()):
        _gc_tracking_resources(
            store,
            run_ids=list(done.runs),
            experiment_ids=None,
            logged_model_ids=list(done.logged_models),
            older_than=None,
            time_delta=0,
            skip_experiments=True,
            skip_logged_models=False,
        )
    store.engine.dispose()
