"""What is deleted from a registered model, in the order in which MLflow lets go of it."""

import io
from collections.abc import Collection
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

from flows.edges.credentials import full_address
from flows.edges.tracking.experiments import Tracking, store_word
from flows.edges.tracking.registry import PUBLISHED, ModelVersion, RegisteredModel
from flows.edges.tracking.store import refusals


@dataclass(frozen=True)
class Pruning:
    """What a pruning deleted, or would delete.

    Attributes:
        versions: Version numbers, newest first.
        orphans: Those of them whose run somebody deleted: they go however new they are.
        runs: Runs that made only those; none that the ledger names.
        logged_models: MLflow's ids of their files.
        collect: The command that frees the space where a server keeps the store, for a shell whose
            MLFLOW_BACKEND_STORE_URI is the server's; empty where it was freed.
    """

    versions: tuple[int, ...]
    runs: tuple[str, ...]
    logged_models: tuple[str, ...]
    collect: str = ""
    orphans: tuple[int, ...] = ()


def plan_pruning(
    model: RegisteredModel, *, keep: int, published_versions: Collection[int], published_runs: Collection[str]
) -> Pruning:
    """The versions that are neither aliased nor published, and either past the newest `keep` or without their run.

    MLflow deletes a run, and collects it with its files, without a look at the versions that it made.

    Args:
        model: The series' model.
        keep: Newest versions to keep in any case.
        published_versions: Versions that the ledger names.
        published_runs: Runs that the ledger names: their versions may go, they stay.

    Raises:
        RegistryError: MLflow refused.
    """
    versions = model.versions()
    free = [one for one in versions if _is_free(one, published_versions)]
    with refusals(f"to look for the runs of {model.name}"):
        orphans = {one.version for one in free if one.run_id and not _has_run(model, one.run_id)}
    gone = [one for one in free if one in versions[keep:] or one.version in orphans]
    kept_runs = {one.run_id for one in versions if one not in gone} | set(published_runs)
    return Pruning(
        versions=tuple(one.version for one in gone),
        runs=tuple(
            sorted({one.run_id for one in gone if one.run_id and one.version not in orphans} - kept_runs)
        ),
        logged_models=tuple(one.logged_model_id for one in gone if one.logged_model_id),
        orphans=tuple(one.version for one in gone if one.version in orphans),
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
        logged = tuple(identity for identity in logged if _is_deleted(model, identity))
        runs = tuple(run for run in planned.runs if run in {one.run_id for one in gone})
        for run in runs:
            client.delete_run(run)
        orphans = tuple(one.version for one in gone if one.version in planned.orphans)
        return _collected(
            Pruning(tuple(one.version for one in gone), runs, logged, orphans=orphans), tracking
        )


def _is_free(one: ModelVersion, published: Collection[int]) -> bool:
    return not one.aliases and PUBLISHED not in one.tags and one.version not in published


def _has_run(model: RegisteredModel, run_id: str) -> bool:
    """Whether a version's run is there, and not in MLflow's bin."""
    from mlflow.exceptions import MlflowException

    try:
        return bool(model.client.get_run(run_id).info.lifecycle_stage == "active")
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False


def _is_deleted(model: RegisteredModel, logged_model_id: str) -> bool:
    """Delete a version's files; whether they were there to be deleted."""
    from mlflow.exceptions import MlflowException

    try:
        model.client.delete_logged_model(logged_model_id)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return False
    return True


def _collected(done: Pruning, tracking: Tracking) -> Pruning:
    """Free the space here where the store is a database; a server's host must do it itself."""
    if tracking.artifacts is None:
        # The server knows where files lie; without its address the command refuses, whatever else it is given.
        command = f'mlflow gc --tracking-uri {store_word(tracking.uri)} --backend-store-uri "$MLFLOW_BACKEND_STORE_URI"'
        for option, values in (("--run-ids", done.runs), ("--logged-model-ids", done.logged_models)):
            command += f" {option} {','.join(values)}" if values else ""
        return replace(done, collect=command if done.logged_models or done.runs else "")
    if done.runs or done.logged_models:
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
