"""Whether a folder is a valid hub of quantile forecasts: every fault by its file and line."""

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline.hub.configuration import ADMIN, TARGET_DATA, TASKS
from pipeline.hub.files import ORACLE_COLUMNS, TIME_SERIES_COLUMNS
from pipeline.hub.rows import Accepted, model_output_faults, target_data_faults

_REQUIRED: Final = {
    ADMIN: ("schema_version", "name", "maintainer", "contact", "repository", "file_format", "timezone"),
    TASKS: ("schema_version", "rounds"),
    TARGET_DATA: ("schema_version", "observable_unit"),
}
_TARGET_FILES: Final = {
    "target-data/time-series.csv": TIME_SERIES_COLUMNS,
    "target-data/oracle-output.csv": ORACLE_COLUMNS,
}
_MODEL_ID: Final = re.compile(r"[A-Za-z0-9_+]+-[A-Za-z0-9_+]+")
_Read = Callable[[str], bytes]


@dataclass(frozen=True, order=True)
class Fault:
    """What is wrong, and where; line 0 means the whole file."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}{f':{self.line}' if self.line else ''}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def validate_hub(paths: Collection[str], read: _Read) -> tuple[Fault, ...]:
    """Every fault of a hub, in the order of its files; none if it is valid.

    Args:
        paths: Every file of the folder, relative to it, with `/`.
        read: Gives the bytes of one of them.
    """
    configurations, faults = _configurations(paths, read)
    accepted: Accepted | None = None
    if TASKS in configurations:
        try:
            accepted = _accepted(configurations[TASKS])
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            faults.append(Fault(TASKS, 0, f"does not describe a round of quantile forecasts ({error!r:.80})"))
    faults.extend(_model_faults(paths, read))
    for path in sorted(paths):
        faults.extend(_file_faults(path, read, accepted))
    return tuple(sorted(set(faults)))


def _configurations(paths: Collection[str], read: _Read) -> tuple[dict[str, dict[str, Any]], list[Fault]]:
    faults: list[Fault] = []
    found: dict[str, dict[str, Any]] = {}
    has_targets = any(path.startswith("target-data/") for path in paths)
    for path, keys in _REQUIRED.items():
        if path not in paths:
            if path != TARGET_DATA or has_targets:
                faults.append(Fault(path, 0, "is missing"))
            continue
        try:
            value = json.loads(read(path))
        except ValueError as error:
            faults.append(Fault(path, getattr(error, "lineno", 0), f"is not JSON ({str(error)[:80]})"))
            continue
        missing = [key for key in keys if not isinstance(value, dict) or key not in value]
        if missing:
            faults.append(Fault(path, 0, f"lacks {', '.join(missing)}"))
        else:
            found[path] = value
    faults.extend(_version_faults(found))
    return found, faults


def _version_faults(configurations: dict[str, dict[str, Any]]) -> Iterator[Fault]:
    """Each file names its own schema, and all of them the same version."""
    versions = set()
    for path, value in configurations.items():
        kind = path.rpartition("/")[2].removesuffix(".json")
        match = re.search(rf"/(v[0-9.]+)/{kind}-schema\.json$", str(value["schema_version"]))
        if match is None:
            yield Fault(path, 0, f"schema_version names no {kind}-schema.json")
        else:
            versions.add(match[1])
    if len(versions) > 1:
        yield Fault(TASKS, 0, f"schema versions differ between the files: {', '.join(sorted(versions))}")
    if ADMIN in configurations and "csv" not in configurations[ADMIN]["file_format"]:
        yield Fault(ADMIN, 0, "file_format does not name csv")


def _accepted(tasks: dict[str, Any]) -> Accepted:
    (round_,) = tasks["rounds"]
    (task,) = round_["model_tasks"]
    task_ids = {
        name: frozenset(
            str(value) for values in (given["required"], given["optional"]) for value in values or ()
        )
        for name, given in task["task_ids"].items()
    }
    quantile = task["output_type"]["quantile"]
    required = frozenset(float(level) for level in quantile["output_type_id"]["required"] or ())
    optional = frozenset(float(level) for level in quantile["output_type_id"].get("optional") or ())
    if round_["round_id"] not in task_ids:
        raise ValueError(f"round_id {round_['round_id']!r} is not a task id")
    if not all(0 < level < 1 for level in required | optional):
        raise ValueError("levels lie between 0 and 1")
    return Accepted(
        task_ids=task_ids,
        round_id=round_["round_id"],
        levels=required | optional,
        required_levels=required,
        minimum=float(quantile["value"].get("minimum", "-inf")),
        maximum=float(quantile["value"].get("maximum", "inf")),
    )


def _model_faults(paths: Collection[str], read: _Read) -> Iterator[Fault]:
    """Every model of model-output has metadata of its name."""
    outputs = [path.split("/") for path in paths if path.startswith("model-output/")]
    if not outputs:
        yield Fault("model-output", 0, "has no forecasts")
    for model_id in sorted({parts[1] for parts in outputs if len(parts) > 2}):
        path = next(
            (p for p in paths if re.fullmatch(rf"model-metadata/{re.escape(model_id)}\.ya?ml", p)), None
        )
        if path is None:
            yield Fault(f"model-metadata/{model_id}.yml", 0, "is missing")
            continue
        given = dict(
            re.findall(
                r'^(team_abbr|model_abbr): *"?([^"\s]+)"? *$', read(path).decode(errors="replace"), re.M
            )
        )
        if f"{given.get('team_abbr')}-{given.get('model_abbr')}" != model_id:
            yield Fault(path, 0, f"team_abbr and model_abbr do not make {model_id}")


def _file_faults(path: str, read: _Read, accepted: Accepted | None) -> Iterator[Fault]:
    if path in _TARGET_FILES:
        found = target_data_faults(read(path), _TARGET_FILES[path])
        yield from (Fault(path, line or 0, message) for line, message in found)
    if not path.startswith("model-output/"):
        return
    _, model_id, *names = path.split("/")
    match = re.fullmatch(rf"(\d{{4}}-\d\d-\d\d)-{re.escape(model_id)}\.csv", "/".join(names))
    if not _MODEL_ID.fullmatch(model_id) or match is None:
        yield Fault(path, 0, "is not named model-output/<team>-<model>/<reference_date>-<team>-<model>.csv")
    elif accepted is not None:
        found = model_output_faults(read(path), accepted, round_id=match[1])
        yield from (Fault(path, line or 0, message) for line, message in found)
