"""MLflow runs: one experiment a series, one tracked run a piece of work."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flows.edges.configuration import Places
from flows.edges.tracking.run import Run, RunRecord, record_of
from flows.edges.tracking.store import connect, refusals
from flows.edges.words import one_line
from pipeline.addresses.address import Address

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun

LOCAL_UI: Final = "http://127.0.0.1:5000"
# Without it MLflow 3.17 opens an experiment in its view of traces, of which there are none.
_VIEW: Final = "workflowType=machine_learning"
_NOTE: Final = "mlflow.note.content"
_DESCRIPTIONS: Final = {
    "backfills": "A run a backfill: which days, by which recipe, and how its forecasts turned out.",
    "weekly-report": "A run a week: skill, coverage and gate decisions of all series.",
}
_OF_A_SERIES: Final = (
    "Every fit of this series: the daily job's, named by day, and those of train, compare, sweep and backtest. Compare "
    "`skill_vs_random_walk` (above 0 is better than tomorrow = today) and `test_relative_wis` (below 1 is better)."
)
_PAGE: Final = 1000


@dataclass(frozen=True)
class Tracking:
    """An open tracking store.

    Attributes:
        uri: The store's URI, absolute where it is SQLite.
        client: MLflow's client of it.
        artifacts: Folder of artifacts; None where a server decides.
    """

    uri: Address
    client: "MlflowClient"
    artifacts: Path | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "uri", Address(self.uri))

    @property
    def ui(self) -> str:
        """Address of the UI: the server's, or where `ui_command` puts one."""
        return str(self.uri).rstrip("/") if self.artifacts is None else LOCAL_UI

    @property
    def ui_command(self) -> str:
        """The command that opens the UI; empty where a server runs already."""
        if self.artifacts is None:
            return ""
        return ui_command(self.uri)

    def experiment(self, name: str) -> "Experiment":
        """The experiment called `name` (a series slug), made or restored where it is not there.

        Raises:
            RegistryError: MLflow refused.
        """
        with refusals(f"experiment {name!r}"):
            return Experiment(tracking=self, id=self._experiment_id(name), name=name)

    def find_experiment(self, name: str) -> "Experiment | None":
        """The experiment called `name`, where there is one.

        Raises:
            RegistryError: MLflow refused.
        """
        with refusals(f"to find experiment {name!r}"):
            found = self.client.get_experiment_by_name(name)
        return None if found is None else Experiment(tracking=self, id=str(found.experiment_id), name=name)

    def _experiment_id(self, name: str) -> str:
        from mlflow.exceptions import MlflowException

        found = self.client.get_experiment_by_name(name)
        if found is None:
            location = None if self.artifacts is None else (self.artifacts / name).as_uri()
            try:
                return self.client.create_experiment(
                    name, artifact_location=location, tags={_NOTE: _DESCRIPTIONS.get(name, _OF_A_SERIES)}
                )
            except MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            # Another process made it between the two calls.
            return self._experiment_id(name)
        if found.lifecycle_stage == "deleted":
            self.client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)


@dataclass(frozen=True)
class Experiment:
    """One series' runs."""

    tracking: Tracking
    id: str
    name: str

    @property
    def url(self) -> str:
        """Address of its runs in the UI."""
        return self._address("")

    def run_url(self, run_id: str) -> str:
        """Address of one of its runs in the UI."""
        return self._address(f"/runs/{run_id}")

    def _address(self, page: str) -> str:
        return f"{self.tracking.ui}/#/experiments/{self.id}{page}?{_VIEW}"

    def find_runs(
        self, *, tags: Mapping[str, object] | None = None, status: str | None = None, limit: int = _PAGE
    ) -> tuple[RunRecord, ...]:
        """Runs that carry all `tags`, newest first.

        Args:
            tags: Exact values, as `{"as_of": "2026-03-29"}`.
            status: `FINISHED`, `FAILED` or `RUNNING`; None for any.
            limit: At most so many.

        Raises:
            RegistryError: MLflow refused.
        """
        conditions = [f"tags.`{key}` = {_quoted(value)}" for key, value in (tags or {}).items()]
        if status is not None:
            conditions.append(f"attributes.status = '{status}'")
        with refusals(f"to search runs of {self.name!r}"):
            found = self._pages(" and ".join(conditions), limit)
        return tuple(record_of(run, url=self.run_url(run.info.run_id)) for run in found)

    def run_tags(self, run_id: str) -> dict[str, str]:
        """The tags of one of its runs; none where the run is no longer kept.

        Raises:
            RegistryError: MLflow refused.
        """
        from mlflow.exceptions import MlflowException

        with refusals(f"to read run {run_id} of {self.name!r}"):
            try:
                return dict(self.tracking.client.get_run(run_id).data.tags)
            except MlflowException as error:
                if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                    raise
                return {}

    def _pages(self, condition: str, limit: int) -> "list[MlflowRun]":
        found: list[MlflowRun] = []
        token: str | None = None
        while True:
            page = self.tracking.client.search_runs(
                [self.id],
                condition,
                max_results=min(_PAGE, limit - len(found)),
                order_by=["attributes.start_time DESC"],
                page_token=token,
            )
            found += page
            token = page.token
            if not token or len(found) >= limit:
                return found


def runs_page(ui: str) -> str:
    """Address of all experiments in a UI, in the view of runs."""
    return f"{ui.rstrip('/')}/#/experiments?{_VIEW}"


def ui_command(uri: Address) -> str:
    """The command that serves a database of runs; one with a login is not written out."""
    return f"mlflow ui --backend-store-uri {store_word(uri)}"


def store_word(uri: Address) -> str:
    """The store's address for a shell; one with a login is left in the variable."""
    return f"'{uri}'" if uri == Address(str(uri)) else '"$MLFLOW_TRACKING_URI"'


def open_tracking(places: Places) -> Tracking:
    """Open the store that `places.tracking_uri` names, making a SQLite one where there is none.

    Any number of processes may open a fresh SQLite store at once. Its artifacts lie in `artifacts/` beside
    the database; a server decides its own locations.

    Raises:
        SettingsError: The URI is one that MLflow no longer takes.
        RegistryError: The server does not answer, or the store is of another MLflow version.
        StoreError: Another process has held the lock for two minutes.
    """
    uri, client, artifacts = connect(places)
    return Tracking(uri=uri, client=client, artifacts=artifacts)


@contextmanager
def tracked_run(
    experiment: Experiment, name: str, *, tags: Mapping[str, object], parent: Run | str | None = None
) -> Iterator[Run]:
    """One piece of work as an MLflow run; when the body raises, the run ends FAILED with the reason.

    Args:
        experiment: From `Tracking.experiment`.
        name: As a person would give it, the day first, for the UI cuts it: `2026-03-29 binance-btcusdt-1d`.
        tags: Recipe, series, as_of, vintage, snapshot, git_commit, seed, versions, flow run.
        parent: Run (or its id) that this one belongs to.

    Raises:
        RegistryError: MLflow refused.
    """
    client = experiment.tracking.client
    with refusals(f"run {name!r}"):
        created = client.create_run(experiment.id, run_name=name).info.run_id
        run = Run(client=client, id=created, name=name, url=experiment.run_url(created))
        with _going_on(run):
            run.set_tags(_origin(parent, tags.get("git_commit")) | dict(tags))
            yield run


@contextmanager
def resumed_run(experiment: Experiment, record: RunRecord) -> Iterator[Run]:
    """A run that was killed, failed or ended earlier, gone on with; it ends as a tracked run does.

    Args:
        experiment: The one it lies in.
        record: From `Experiment.find_runs`.

    Raises:
        RegistryError: MLflow refused.
    """
    run = Run(client=experiment.tracking.client, id=record.id, name=record.name, url=record.url)
    with refusals(f"run {record.name!r}"):
        run.client.update_run(run.id, status="RUNNING")
        if "failure" in record.tags:
            run.client.delete_tag(run.id, "failure")
        with _going_on(run):
            yield run


@contextmanager
def _going_on(run: Run) -> Iterator[None]:
    """Mark the run by how the body ends."""
    try:
        yield
    except BaseException as error:
        _mark_failed(run, error)
        raise
    run.client.set_terminated(run.id, "FINISHED")


def _origin(parent: Run | str | None, commit: object) -> dict[str, object]:
    """The tags by which the UI shows source, commit and parent."""
    return {
        "mlflow.source.name": "coincast",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
        "mlflow.parentRunId": parent.id if isinstance(parent, Run) else parent,
    }


def _mark_failed(run: Run, error: BaseException) -> None:
    from mlflow.exceptions import MlflowException

    stopped = isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
    # The body's error matters more than a store that cannot write it down.
    try:
        run.set_tags({"failure": f"{type(error).__name__}: {one_line(error)}"})
        run.client.set_terminated(run.id, "KILLED" if stopped else "FAILED")
    except MlflowException:
        logging.getLogger(__name__).exception("Run %s failed and could not be marked so", run.name)


def _quoted(value: object) -> str:
    """A literal of MLflow's filter language, which has two kinds of quotes and no escape."""
    quote = '"' if "'" in str(value) else "'"
    return f"{quote}{value}{quote}"
