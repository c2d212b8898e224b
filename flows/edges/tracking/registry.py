"""One registered model a series and its versions; which of them is champion is in flows/edges/tracking/aliases.py."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from flows.edges.machine.locks import Lock
from flows.edges.tracking.experiments import Tracking
from flows.edges.tracking.run import Run
from flows.edges.tracking.store import refusals
from pipeline.series import Series

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion as MlflowVersion
    from pandas import DataFrame

# The tag of a version that was published: the last day that it was published for.
PUBLISHED: Final = "published"


@dataclass(frozen=True)
class ModelVersion:
    """One fit, as the registry keeps it.

    Attributes:
        name: Registered model, as `coincast-binance-btcusdt-1d`.
        version: Counted from 1.
        aliases: Those that point here, sorted.
        run_id: The MLflow run that made it.
        logged_model_id: MLflow's id of its files.
        created_at: The server's instant.
        tags: The gate's figures, as_of, recipe, and what became of it.
        description: The model card.
    """

    name: str
    version: int
    aliases: tuple[str, ...]
    run_id: str
    logged_model_id: str
    created_at: datetime
    tags: dict[str, str]
    description: str

    @property
    def uri(self) -> str:
        """Address for `mlflow models serve -m`."""
        return f"models:/{self.name}/{self.version}"


class RegisteredModel:
    """The versions of one series' model."""

    def __init__(self, tracking: Tracking, series: Series, *, lock: Lock) -> None:
        self.name: Final = f"coincast-{series.slug}"
        self.series: Final = series
        self.client: Final = tracking.client
        self.lock: Final = lock

    def register(
        self, bundle: Path, *, run: Run, candles: "DataFrame", card: str, tags: Mapping[str, str]
    ) -> ModelVersion:
        """Add a version: the bundle as a served model, with its card.

        Args:
            bundle: Folder that `save_bundle` wrote.
            run: The run that made the fit; it shows the model.
            candles: The candles that it was fitted on.
            card: Markdown: what, data, metrics, limits.
            tags: recipe, model_id, as_of, manifest and the like.

        Raises:
            RegistryError: MLflow refused; no version was added.
        """
        with refusals(f"a version of {self.name}"):
            logged = self._log_model(bundle, run, candles)
            with self.lock(self.name):
                self._make_name()
                made = self.client.create_model_version(
                    self.name,
                    source=f"models:/{logged}",
                    run_id=run.id,
                    model_id=logged,
                    tags=dict(tags),
                    description=card,
                    await_creation_for=0,
                )
            return _version(made, {})

    def aliases(self) -> dict[str, int]:
        """The version that each alias points to, as it is now."""
        from mlflow.exceptions import MlflowException

        try:
            aliases: Mapping[str, Any] = self.client.get_registered_model(self.name).aliases
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return {}
        return {alias: int(version) for alias, version in aliases.items()}

    def versions(self) -> tuple[ModelVersion, ...]:
        """All versions, newest first; none where nothing was registered yet."""
        with refusals(f"to list {self.name}"):
            aliases = self.aliases()
            found: list[MlflowVersion] = []
            token: str | None = None
            while True:
                page = self.client.search_model_versions(f"name = '{self.name}'", page_token=token)
                found += page
                token = page.token
                if not token:
                    break
        return tuple(sorted((_version(one, aliases) for one in found), key=lambda one: -one.version))

    def at(self, alias: str) -> ModelVersion | None:
        """The version that an alias points to."""
        with refusals(f"to read {self.name}"):
            aliases = self.aliases()
            if alias not in aliases:
                return None
            return _version(self.client.get_model_version(self.name, str(aliases[alias])), aliases)

    def find(self, version: int) -> ModelVersion:
        """One version.

        Raises:
            RegistryError: There is none.
        """
        with refusals(
            f"to show version {version} of {self.name}; `coincast models list` shows what there is"
        ):
            return _version(self.client.get_model_version(self.name, str(version)), self.aliases())

    def bundle(self, version: ModelVersion) -> Path:
        """Folder of the version's bundle, downloaded where it is not on this machine."""
        import mlflow

        with refusals(f"the files of {version.uri}"):
            folder = mlflow.artifacts.download_artifacts(artifact_uri=version.uri)
        return Path(folder) / "artifacts" / "bundle"

    def set_tags(self, version: int, tags: Mapping[str, str]) -> None:
        """Add facts to a version: the gate's decision, or the day it was published for."""
        with refusals(f"tags of {self.name} {version}"):
            for key, value in tags.items():
                self.client.set_model_version_tag(self.name, str(version), key, value[:5000])

    def _make_name(self) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self.client.create_registered_model(
                self.name,
                tags={"series": str(self.series)},
                description=f"Fits of {self.series}. `champion` is the version whose forecasts are published, "
                "`previous` the one before it, `challenger` the one that the gate judged last.",
            )
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def _log_model(self, bundle: Path, run: Run, candles: "DataFrame") -> str:
        """The bundle as a logged model of the run; its id."""
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        from flows.edges.tracking.model_folder import write_model_folder

        experiment = self.client.get_run(run.id).info.experiment_id
        logged = self.client.create_logged_model(
            experiment, name=self.series.slug, source_run_id=run.id
        ).model_id
        try:
            with tempfile.TemporaryDirectory(prefix="coincast-model-") as folder:
                target = Path(folder) / "model"
                described = Model(run_id=run.id, model_id=logged)
                write_model_folder(
                    target, bundle, series=self.series, candles=candles, described_by=described
                )
                self.client.log_model_artifacts(logged, str(target))
        except BaseException:
            self.client.finalize_logged_model(logged, "FAILED")
            raise
        self.client.finalize_logged_model(logged, "READY")
        self.client.log_outputs(run.id, [LoggedModelOutput(logged, step=0)])
        return str(logged)


def _version(found: "MlflowVersion", aliases: Mapping[str, int]) -> ModelVersion:
    version = int(found.version)
    return ModelVersion(
        name=found.name,
        version=version,
        aliases=tuple(sorted(alias for alias, held in aliases.items() if held == version)),
        run_id=found.run_id or "",
        # MLflow leaves the id out of search results; the address of the files always has it.
        logged_model_id=(found.source or "").removeprefix("models:/"),
        created_at=datetime.fromtimestamp(found.creation_timestamp / 1000, tz=UTC),
        tags=dict(found.tags),
        description=found.description or "",
    )
