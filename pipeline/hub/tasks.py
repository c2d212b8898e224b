"""What a hub's tasks.json accepts: rounds, their tasks, and each task's output types."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

NOT_GIVEN: Final = frozenset({"", "NA"})
POINTS: Final = ("mean", "median")
OUTPUT_TYPES: Final = (*POINTS, "quantile", "cdf", "pmf", "sample")
_DAYS: Final = {"day": 1, "week": 7}


@dataclass(frozen=True)
class OutputType:
    """One way to state a forecast.

    Attributes:
        required: Whether every accepted task needs it.
        ids: Accepted output_type_ids in `normal` form, in the order of tasks.json; empty for points and samples.
        required_ids: Those that must all be given where the type is.
        minimum: Least accepted value; minus infinity if any.
        maximum: Greatest accepted value.
        whole: Whether values are whole numbers.
        samples: Fewest and most samples of a task.
        id_length: Most characters of a sample's id; 0 where it is a whole number.
    """

    required: bool
    ids: tuple[str, ...] = ()
    required_ids: frozenset[str] = frozenset()
    minimum: float = -math.inf
    maximum: float = math.inf
    whole: bool = False
    samples: tuple[float, float] = (0, math.inf)
    id_length: int = 0


@dataclass(frozen=True)
class Task:
    """Accepted values of each task id, in `normal` form, and the output types that go with them.

    Attributes:
        accepted: By task id; empty for one that is never given.
        required: Those values that must be given.
        output_types: By name.
        step_in_days: Of one horizon; 0 if no day or week.
    """

    accepted: Mapping[str, frozenset[str]]
    required: Mapping[str, frozenset[str]]
    output_types: Mapping[str, OutputType]
    step_in_days: int

    def accepts(self, values: Mapping[str, str], derived: frozenset[str]) -> bool:
        """Whether these values of the task ids are of this task; derived ones are not looked at."""
        return all(
            name in derived
            or value in self.accepted[name]
            or (not self.accepted[name] and value in NOT_GIVEN)
            for name, value in values.items()
        )


@dataclass(frozen=True)
class Round:
    """Tasks that are forecast together.

    Attributes:
        column: The task id whose value is the round's; None if the round has a name of its own.
        ids: The round's names, with which its files' names begin.
        task_ids: Columns, in the order of tasks.json.
        derived: Task ids that follow from others.
        tasks: At least one.
        formats: Endings that the round's files may have; empty for those of admin.json.
    """

    column: str | None
    ids: frozenset[str]
    task_ids: tuple[str, ...]
    derived: frozenset[str]
    tasks: tuple[Task, ...]
    formats: frozenset[str]


def read_rounds(tasks: Mapping[str, Any]) -> tuple[Round, ...]:
    """The rounds of a tasks.json of the schemas v2 to v6.

    Raises:
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError: It describes none.
    """
    if not tasks["rounds"]:
        raise ValueError("no rounds")
    return tuple(_round(given, tasks.get("derived_task_ids")) for given in tasks["rounds"])


@lru_cache(maxsize=100_000, typed=True)
def normal(value: Any) -> str:
    """One text for each value, however JSON, CSV or Parquet write it: `1.0` and 1 are `1`, but `"01"` stays."""
    if value is None:
        return "NA"
    if isinstance(value, bool):
        return str(value).upper()
    text = str(value)
    if isinstance(value, str) and text[:1] == "0" and text[1:2].isdigit():
        return text
    number = finite(text)
    return text if number is None else f"{number:.12g}"


def finite(text: Any) -> float | None:
    """A number, or None for what is none or not finite."""
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        return None
    return value if math.isfinite(value) else None


def _round(given: Mapping[str, Any], derived: Any) -> Round:
    tasks = tuple(_task(task) for task in given["model_tasks"])
    columns = list(given["model_tasks"][0]["task_ids"])
    if not all(task.accepted.keys() == set(columns) for task in tasks):
        raise ValueError("the tasks of a round have the same task ids")
    round_id = given["round_id"]
    column = round_id if given["round_id_from_variable"] else None
    if column is not None and column not in columns:
        raise ValueError(f"round_id {column!r} is not a task id")
    if not isinstance(round_id, str):
        raise TypeError("round_id is text")
    ids = set(_texts(given, column)) if column else {round_id}
    return Round(
        column=column,
        ids=frozenset(ids),
        task_ids=tuple(columns),
        derived=frozenset(given.get("derived_task_ids") or derived or ()),
        tasks=tasks,
        formats=frozenset(given.get("file_format") or ()),
    )


def _texts(given: Mapping[str, Any], column: str) -> Iterator[str]:
    for task in given["model_tasks"]:
        for values in task["task_ids"][column].values():
            yield from (str(value) for value in values or ())


def _task(given: Mapping[str, Any]) -> Task:
    ids = given["task_ids"]
    units = {
        _DAYS.get(target.get("time_unit"), 0) if target.get("is_step_ahead") else 0
        for target in given["target_metadata"]
    }
    types = {name: _output_type(name, value) for name, value in given["output_type"].items()}
    if not types.keys() <= set(OUTPUT_TYPES) or not types:
        raise ValueError(f"output types are of {', '.join(OUTPUT_TYPES)}, not {', '.join(types)[:60]!r}")
    return Task(
        accepted={name: _normals(value["required"], value["optional"]) for name, value in ids.items()},
        required={name: _normals(value["required"]) for name, value in ids.items()},
        output_types=types,
        step_in_days=units.pop() if len(units) == 1 else 0,
    )


def _normals(*lists: Sequence[Any] | None) -> frozenset[str]:
    if not all(values is None or isinstance(values, list) for values in lists):
        raise TypeError("accepted values are lists")
    return frozenset(normal(value) for values in lists for value in values or ())


def _output_type(name: str, given: Mapping[str, Any]) -> OutputType:
    value = given["value"]
    shared: dict[str, Any] = {
        "minimum": float(value.get("minimum", -math.inf)),
        "maximum": float(value.get("maximum", math.inf)),
        "whole": value["type"] == "integer",
    }
    if name == "sample":
        of = given["output_type_id_params"]
        return OutputType(
            required=bool(given.get("is_required", of.get("is_required", False))),
            samples=(float(of["min_samples_per_task"]), float(of["max_samples_per_task"])),
            id_length=int(of.get("max_length", 0)) if of["type"] == "character" else 0,
            **shared,
        )
    of = given["output_type_id"]
    # Until v3 ids were required or optional one by one; from v4 on the type is, with all its ids.
    required = bool(given.get("is_required", of["required"]))
    if name in POINTS:
        return OutputType(required=required, **shared)
    ids = [normal(one) for values in (of["required"], of.get("optional")) for one in values or ()]
    if name == "quantile" and not all(0 <= float(level) <= 1 for level in ids):
        raise ValueError("levels lie between 0 and 1")
    return OutputType(required=required, ids=tuple(ids), required_ids=_normals(of["required"]), **shared)
