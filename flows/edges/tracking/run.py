"""One MLflow run: what may be written to it, and what is read back."""

import io
import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pipeline.errors import RegistryError

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from mlflow import MlflowClient
    from mlflow.entities import Run as MlflowRun
    from pandas import DataFrame

# Beyond these the comparison pages of the UI cannot be read.
MOST_METRICS: Final = 30
Entity = TypeVar("Entity")

# The UI shows metrics of one group, the part before a slash, side by side, and those of none before all: the skill.
_GROUPS: Final = {
    "random_walk": re.compile(r"random_walk_"),
    "range": re.compile(r"test_(?:coverage_|wis)"),
    "price": re.compile(r"test_.*(?:_price|mase|direction)"),
    "scaled": re.compile(r"(?:test|train)_.*_scaled"),
    "epoch": re.compile(r"epoch_|loss$|val_loss$"),
}
_TEXT_LIMIT: Final = 5000
_DIGEST_LIMIT: Final = 36


@dataclass(frozen=True)
class RunRecord:
    """A run as it was stored: metrics are the last value of each."""

    id: str
    name: str
    status: str
    started_at: datetime
    ended_at: datetime | None
    tags: dict[str, str]
    parameters: dict[str, str]
    metrics: dict[str, float]
    url: str


@dataclass(frozen=True)
class Run:
    """A run that is going on. Artifacts are named with a path inside the run, without an ending."""

    client: "MlflowClient"
    id: str
    name: str
    url: str
    _metrics: set[str] = field(default_factory=set, repr=False)
    _tables: list[dict[str, str]] = field(default_factory=list, repr=False)

    def log_parameters(self, values: Mapping[str, Any]) -> None:
        """What the run was asked to do; nested mappings become dotted names, long values are cut."""
        from mlflow.entities import Param

        parameters = [Param(key, _bounded(value)) for key, value in _flat(values)]
        for chunk in _chunks(parameters, 100):
            self.client.log_batch(self.id, params=chunk, synchronous=True)

    def log_metrics(self, values: Mapping[str, float], *, step: int | None = None) -> None:
        """Numbers with their unit in the name, as `test_mape_price_pct`; the UI has it as `price/test_mape_price_pct`.

        The skill is written first: the UI lists metrics, and picks the one that it compares runs by, in that order.

        Raises:
            RegistryError: A value is not finite (MLflow would store 1.8e308), or more than 30 names.
        """
        from pipeline.scores.metrics import SKILL

        names = sorted(values, key=lambda name: name != SKILL.name)
        self._write([(name, float(values[name]), step or 0) for name in names])

    def log_curve(self, name: str, values: Sequence[float]) -> None:
        """One metric by step, counted from 1 as people count epochs.

        Raises:
            RegistryError: As `log_metrics`.
        """
        self._write([(name, float(value), step) for step, value in enumerate(values, start=1)])

    def log_figure(self, figure: "Figure", name: str) -> None:
        """A matplotlib figure as `figures/<name>.png`."""
        image = io.BytesIO()
        figure.savefig(image, format="png", dpi=120)
        image.seek(0)
        self.client.log_stream(self.id, image, f"figures/{name}.png")

    def log_table(self, rows: "Sequence[Mapping[str, Any]] | DataFrame", name: str) -> None:
        """Rows as `<name>.json`, which the UI shows as a table and compares across runs."""
        from pandas import DataFrame

        table = rows if isinstance(rows, DataFrame) else DataFrame(list(rows))
        text = table.to_json(orient="split", index=False, date_format="iso", double_precision=15)
        file = f"{name}.json"
        self._tables.append({"path": file, "type": "table"})
        self.client.log_text(self.id, text, file)
        # By this tag the UI knows which artifacts are tables.
        self.set_tags({"mlflow.loggedArtifacts": json.dumps(self._tables)})

    def log_json(self, value: Any, name: str) -> None:
        """A value as `<name>.json`; dates as ISO.

        Raises:
            RegistryError: It holds NaN or infinity, or something that JSON has no form for.
        """
        try:
            text = json.dumps(value, indent=1, default=_plain, allow_nan=False, ensure_ascii=False)
        except (ValueError, TypeError) as error:
            raise RegistryError(f"{name}.json cannot be written: {error}.") from error
        self.client.log_text(self.id, text, f"{name}.json")

    def log_text(self, text: str, file: str) -> None:
        """Text as the artifact `file`, ending included: `report.html`, `notes.md`."""
        self.client.log_text(self.id, text, file)

    def log_folder(self, folder: Path, name: str) -> None:
        """Every file of `folder` as an artifact under `name/`."""
        self.client.log_artifacts(self.id, str(folder), name)

    def log_dataset(self, candles: "DataFrame", *, name: str, digest: str, source: str) -> None:
        """The candles that the run learned from, as MLflow's dataset input.

        Args:
            candles: Candle table; only its shape, columns and days are stored.
            name: Series slug.
            digest: sha256 of the snapshot in hex; MLflow has room for its first 36 characters.
            source: URL that the snapshot came from, or the path of a file.
        """
        from mlflow.entities import Dataset, DatasetInput, InputTag

        columns = [{"name": column, "type": _column_type(kind)} for column, kind in candles.dtypes.items()]
        days = candles["date"]
        served = source.startswith(("http://", "https://"))
        dataset = Dataset(
            name=name,
            digest=digest[:_DIGEST_LIMIT],
            source_type="http" if served else "local",
            source=json.dumps({"url" if served else "uri": source}),
            schema=json.dumps({"mlflow_colspec": columns}),
        )
        # MLflow keeps one dataset for a name and a digest: what changes with the day belongs to the run's input.
        used = {"rows": len(candles), "first": str(days.iloc[0])[:10], "last": str(days.iloc[-1])[:10]}
        tags = [InputTag("mlflow.data.context", "training")]
        tags += [InputTag(key, str(value)) for key, value in used.items()]
        self.client.log_inputs(self.id, [DatasetInput(dataset, tags)])

    def set_tags(self, tags: Mapping[str, object]) -> None:
        """Facts to find the run by; None values are left out, long ones cut."""
        from mlflow.entities import RunTag

        entities = [RunTag(key, _bounded(value)) for key, value in tags.items() if value is not None]
        for chunk in _chunks(entities, 100):
            self.client.log_batch(self.id, tags=chunk, synchronous=True)

    def set_note(self, markdown: str) -> None:
        """The run's description in the UI."""
        self.set_tags({"mlflow.note.content": markdown})

    def _write(self, points: Sequence[tuple[str, float, int]]) -> None:
        from mlflow.entities import Metric

        broken = [name for name, value, _ in points if not math.isfinite(value)]
        if broken:
            raise RegistryError(
                f"Run {self.name!r}: metric {broken[0]!r} is not finite; leave out what is not defined."
            )
        names = self._metrics | {name for name, _, _ in points}
        if len(names) > MOST_METRICS:
            raise RegistryError(
                f"Run {self.name!r}: {len(names)} metrics, at most {MOST_METRICS}; put the rest in a table."
            )
        self._metrics.update(names)
        instant = time.time_ns() // 1_000_000
        metrics = [Metric(_grouped(name), value, instant, step) for name, value, step in points]
        for chunk in _chunks(metrics, 1000):
            self.client.log_batch(self.id, metrics=chunk, synchronous=True)


def record_of(run: "MlflowRun", *, url: str) -> RunRecord:
    """What MLflow's search gave, in our words."""
    ended = run.info.end_time
    return RunRecord(
        id=run.info.run_id,
        name=run.info.run_name or "",
        status=run.info.status,
        started_at=_instant(run.info.start_time),
        ended_at=None if ended is None else _instant(ended),
        tags=dict(run.data.tags),
        parameters=dict(run.data.params),
        metrics={name.rpartition("/")[2]: value for name, value in run.data.metrics.items()},
        url=url,
    )


def _grouped(name: str) -> str:
    return next((f"{group}/{name}" for group, names in _GROUPS.items() if names.match(name)), name)


def _instant(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def _chunks(entities: Sequence[Entity], size: int) -> Iterator[Sequence[Entity]]:
    return (entities[start : start + size] for start in range(0, len(entities), size))


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _bounded(value: object) -> str:
    text = str(value)
    return text if len(text) <= _TEXT_LIMIT else f"{text[: _TEXT_LIMIT - 1]}…"


def _plain(value: Any) -> Any:
    """JSON's form of a date, a path or a numpy value."""
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "tolist"):
        return value.tolist()
    return str(value)


def _column_type(kind: object) -> str:
    text = str(kind)
    return "datetime" if text.startswith("datetime") else "double" if text.startswith("float") else "string"
