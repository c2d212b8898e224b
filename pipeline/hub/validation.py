"""Whether a folder is a valid hubverse hub, by its own configuration: every fault by its file and line."""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline.hub.configuration import ADMIN, MODEL_SCHEMA, TARGET_DATA, TASKS
from pipeline.hub.files import ORACLE_COLUMNS, TIME_SERIES_COLUMNS
from pipeline.hub.metadata import metadata_faults, read_model_schema
from pipeline.hub.rows import model_output_faults, target_data_faults
from pipeline.hub.tables import FORMATS
from pipeline.hub.tasks import Round, read_rounds

CONFIGURATION: Final = "configuration"
_REQUIRED: Final = {
    ADMIN: ("schema_version", "name", "maintainer", "contact", "file_format", "timezone"),
    TASKS: ("schema_version", "rounds"),
    TARGET_DATA: ("schema_version", "observable_unit"),
}
_REPOSITORY: Final = ("host", "owner", "name")
_FIRST_WITH_REPOSITORY: Final = 6
_TARGET_FILES: Final = {
    "target-data/time-series.csv": TIME_SERIES_COLUMNS,
    "target-data/oracle-output.csv": ORACLE_COLUMNS,
}
_PART: Final = "[A-Za-z0-9_+]+"
_MODEL_ID: Final = re.compile(f"{_PART}-{_PART}")
_Read = Callable[[str], bytes]


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong, and where; line 0 means the whole file."""

    path: str
    line: int
    message: str
    kind: str = CONFIGURATION

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class _Hub:
    """A folder's files; `rounds` is None where tasks.json could not be read."""

    paths: Collection[str]
    read: _Read
    rounds: tuple[Round, ...] | None
    formats: frozenset[str]
    outputs: str


def validate_hub(paths: Collection[str], read: _Read) -> tuple[Fault, ...]:
    """Every fault of a hub, in the order of its files; none if it is valid.

    Args:
        paths: Every file of the folder, relative to it, with `/`.
        read: Gives the bytes of one of them.
    """
    paths = frozenset(paths)
    found, faults = _configurations(paths, read)
    rounds = None
    if TASKS in found:
        try:
            rounds = read_rounds(found[TASKS])
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
            faults.append(Fault(TASKS, 0, f"does not describe a round of forecasts ({error!r:.80})"))
    admin = found.get(ADMIN, {})
    outputs = admin.get("model_output_dir")
    hub = _Hub(
        paths=paths,
        read=read,
        rounds=rounds,
        formats=frozenset(admin.get("file_format", FORMATS)) or frozenset(FORMATS),
        outputs=outputs.strip("/") if isinstance(outputs, str) and outputs.strip("/") else "model-output",
    )
    faults.extend(_model_faults(hub))
    faults.extend(_target_faults(hub, found))
    for path in sorted(paths):
        if path.startswith(f"{hub.outputs}/") and not _is_beside_the_point(path):
            faults.extend(_output_faults(path, hub))
    return tuple(sorted(set(faults)))


def _is_beside_the_point(path: str) -> bool:
    """What people leave beside forecasts, and every reader of hubs passes over."""
    name = path.rpartition("/")[2]
    return name.startswith((".", "README")) or name.endswith(".md")


def _configurations(paths: Collection[str], read: _Read) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    faults: list[Fault] = []
    found: dict[str, dict[str, Any]] = {}
    for path, keys in _REQUIRED.items():
        if path not in paths:
            if path != TARGET_DATA:
                faults.append(Fault(path, 0, "is missing"))
            continue
        try:
            value = json.loads(read(path))
        except (ValueError, RecursionError) as error:
            faults.append(Fault(path, getattr(error, "lineno", 0), f"is not JSON ({str(error)[:80]})"))
            continue
        missing = [key for key in keys if not isinstance(value, dict) or key not in value]
        if missing:
            faults.append(Fault(path, 0, f"lacks {', '.join(missing)}"))
        else:
            found[path] = value
            faults.extend(Fault(path, 0, message) for message in _schema_faults(path, value))
    if ADMIN in found and not _is_list_of_formats(found[ADMIN]["file_format"]):
        faults.append(Fault(ADMIN, 0, f"file_format does not name csv or {FORMATS[1]}"))
        del found[ADMIN]
    return found, faults


def _is_list_of_formats(value: Any) -> bool:
    return (
        isinstance(value, list)
        and any(name in FORMATS for name in value if isinstance(name, str))
        and all(isinstance(name, str) for name in value)
    )


def _schema_faults(path: str, value: Mapping[str, Any]) -> Iterator[str]:
    """The file names its own schema; admin.json names the hub's repository as that version asks for."""
    kind = path.rpartition("/")[2].removesuffix(".json")
    match = re.search(rf"/v([0-9]{{1,4}})[0-9.]*/{kind}-schema\.json$", str(value["schema_version"]))
    if match is None:
        yield f"schema_version names no {kind}-schema.json"
        return
    repository = value.get("repository")
    if path != ADMIN or (repository is None and int(match[1]) < _FIRST_WITH_REPOSITORY):
        return
    missing = [key for key in _REPOSITORY if not isinstance(repository, dict) or key not in repository]
    if missing:
        yield f"repository lacks {', '.join(missing)}"


def _model_faults(hub: _Hub) -> Iterator[Fault]:
    """Every model of model-output has metadata of its name, as the hub's own schema wants it."""
    models = {
        parts[0]
        for path in hub.paths
        if path.startswith(f"{hub.outputs}/") and not _is_beside_the_point(path)
        if len(parts := path.removeprefix(f"{hub.outputs}/").split("/")) > 1
    }
    if not any(path.startswith(f"{hub.outputs}/") for path in hub.paths):
        yield Fault(hub.outputs, 0, "has no forecasts")
    schema = None
    if MODEL_SCHEMA in hub.paths:
        schema, message = read_model_schema(hub.read(MODEL_SCHEMA))
        if message:
            yield Fault(MODEL_SCHEMA, 0, message)
    for model_id in sorted(models):
        names = [f"model-metadata/{model_id}.{ending}" for ending in ("yml", "yaml")]
        path = next((name for name in names if name in hub.paths), None)
        if path is None:
            yield Fault(names[0], 0, "is missing", "metadata")
            continue
        messages = metadata_faults(hub.read(path), model_id, schema)
        yield from (Fault(path, 0, message, "metadata") for message in messages)


def _target_faults(hub: _Hub, found: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    """Target data of coincast's form is checked; what other hubs keep there is theirs."""
    ours = found.get(TARGET_DATA, {}).get("observable_unit") == list(TIME_SERIES_COLUMNS[:2])
    for path, columns in _TARGET_FILES.items():
        if path not in hub.paths:
            continue
        content = hub.read(path)
        if not ours and content.partition(b"\n")[0].strip() != ",".join(columns).encode():
            continue
        yield from (
            Fault(path, line, text, kind) for line, kind, text in target_data_faults(content, columns)
        )


def _output_faults(path: str, hub: _Hub) -> Iterator[Fault]:
    model_id, _, name = path.removeprefix(f"{hub.outputs}/").partition("/")
    match = re.fullmatch(
        rf"(\d{{4}}-\d\d-\d\d|[A-Za-z0-9_]+)-{re.escape(model_id)}(?:\.[a-z0-9]+)?\.([a-z]+)", name
    )
    if not _MODEL_ID.fullmatch(model_id) or match is None:
        form = f"{hub.outputs}/<team>-<model>/<round_id>-<team>-<model>.{'|'.join(sorted(hub.formats))}"
        yield Fault(path, 0, f"is not named {form}", "file name")
        return
    if hub.rounds is None:
        return
    round_id, ending = match.groups()
    round_ = next((one for one in hub.rounds if round_id in one.ids), None)
    if ending not in ((round_.formats if round_ else None) or hub.formats):
        yield Fault(path, 0, f"is of a format that admin.json does not name: {ending}", "file name")
        return
    if round_ is None:
        yield Fault(path, 0, f"is of the round {round_id}, which tasks.json does not have", "round")
        round_ = hub.rounds[0]
    if ending in FORMATS:
        found = model_output_faults(hub.read(path), round_, round_id=round_id, file_format=ending)
        yield from (Fault(path, line, message, kind) for line, kind, message in found)
