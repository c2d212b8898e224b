"""Whether a hub's CSV file says what its configuration accepts: names every fault by its line."""

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

VALUE_COLUMNS: Final = ("output_type", "output_type_id", "value")
_Found = tuple[int | None, str]


@dataclass(frozen=True)
class Accepted:
    """What tasks.json accepts.

    Attributes:
        task_ids: Every accepted value of each task id column, as text.
        round_id: The column that names the file.
        levels: Quantile levels that may be given.
        required_levels: Those that must be.
        minimum: Least accepted value; minus infinity if any.
        maximum: Greatest accepted value.
    """

    task_ids: Mapping[str, frozenset[str]]
    round_id: str
    levels: frozenset[float]
    required_levels: frozenset[float]
    minimum: float = -math.inf
    maximum: float = math.inf


@dataclass
class _Task:
    """Rows of one task: the line of each level's value, in the order of the file."""

    first_line: int
    values: dict[float, tuple[int, float]] = field(default_factory=dict)


def read_table(
    content: bytes, columns: Sequence[str]
) -> tuple[list[_Found], list[tuple[int, dict[str, str]]]]:
    """A CSV file's rows with their line numbers, and what is wrong with its form.

    Args:
        content: The file's bytes.
        columns: Names that the header must have, in any order.

    Returns:
        Faults and rows; without rows where the header is wrong.
    """
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return [(content[: error.start].count(b"\n") + 1, "is not UTF-8 text")], []
    if text.startswith("\ufeff"):
        return [(1, "begins with a byte order mark: write plain UTF-8")], []
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
        faults: list[_Found] = [(1, message) for message in _header_faults(header, columns)]
        return (faults, []) if faults else _rows(reader, header)
    except csv.Error as error:
        return [(reader.line_num, f"is not CSV ({error})")], []


def model_output_faults(content: bytes, accepted: Accepted, *, round_id: str) -> Iterator[_Found]:
    """Faults of a model-output file, each with its line.

    Args:
        content: The file's bytes.
        accepted: What tasks.json accepts.
        round_id: What the file's name begins with, as `2026-03-29`.
    """
    faults, rows = read_table(content, (*accepted.task_ids, *VALUE_COLUMNS))
    yield from faults
    tasks: dict[tuple[str, ...], _Task] = {}
    for line, row in rows:
        yield from ((line, message) for message in _task_faults(row, accepted, round_id))
        key = tuple(row[name] for name in accepted.task_ids)
        task = tasks.setdefault(key, _Task(line))
        yield from ((line, message) for message in _value_faults(row, line, task, accepted))
    for task in tasks.values():
        yield from _quantile_faults(task, accepted)


def target_data_faults(content: bytes, columns: Sequence[str]) -> Iterator[_Found]:
    """Faults of a target-data file: a date, a series, a number, and no pair of the first two twice."""
    faults, rows = read_table(content, columns)
    yield from faults
    day_column, location, number_column = columns
    seen: set[tuple[str, str]] = set()
    for line, row in rows:
        if _day(row[day_column]) is None:
            yield line, f"{day_column} is a date written YYYY-MM-DD, not {row[day_column][:30]!r}"
        if _number(row[number_column]) is None:
            yield line, f"{number_column} is a number, not {row[number_column][:30]!r}"
        key = (row[day_column], row[location])
        if key in seen:
            yield line, f"repeats {key[0]} of {key[1][:40]}"
        seen.add(key)


def _rows(reader: Any, header: Sequence[str]) -> tuple[list[_Found], list[tuple[int, dict[str, str]]]]:
    found: list[_Found] = []
    rows = []
    for cells in reader:
        if len(cells) == len(header):
            rows.append((reader.line_num, dict(zip(header, cells, strict=True))))
        else:
            found.append((reader.line_num, f"has {len(cells)} cells where the header has {len(header)}"))
    if not rows and not found:
        found.append((None, "has no rows"))
    return found, rows


def _header_faults(header: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    if not header:
        yield f"is empty; expected the columns {', '.join(columns)}"
        return
    missing = [name for name in columns if name not in header]
    unexpected = [name for name in header if name not in columns]
    repeated = sorted({name for name in header if header.count(name) > 1})
    if missing:
        yield f"lacks the column {', '.join(missing)}"
    if unexpected:
        yield f"has a column that does not belong: {', '.join(unexpected)[:80]}"
    if repeated:
        yield f"has a column twice: {', '.join(repeated)[:80]}"


def _task_faults(row: Mapping[str, str], accepted: Accepted, round_id: str) -> Iterator[str]:
    for name, values in accepted.task_ids.items():
        if row[name] not in values:
            yield f"{name} {row[name][:40]!r} is not accepted by tasks.json"
    if row[accepted.round_id] != round_id:
        yield f"{accepted.round_id} {row[accepted.round_id][:30]!r} is not the {round_id} of the file's name"
    start, end = _day(row.get("reference_date", "")), _day(row.get("target_end_date", ""))
    horizon = row.get("horizon", "")
    if start and end and horizon.isdigit() and end != start + timedelta(days=int(horizon)):
        yield f"target_end_date {end} is not reference_date {start} and {horizon} days"


def _value_faults(row: Mapping[str, str], line: int, task: _Task, accepted: Accepted) -> Iterator[str]:
    if row["output_type"] != "quantile":
        yield f"output_type {row['output_type'][:30]!r} is not accepted by tasks.json; it is quantile"
        return
    level, value = _number(row["output_type_id"]), _number(row["value"])
    if level is None or level not in accepted.levels:
        yield f"output_type_id {row['output_type_id'][:30]!r} is not a level of tasks.json"
    if value is None:
        yield f"value is a number, not {row['value'][:30]!r}"
    elif not accepted.minimum <= value <= accepted.maximum:
        yield f"value {value:g} is outside {accepted.minimum:g} to {accepted.maximum:g}"
    if level is None or value is None:
        return
    if level in task.values:
        yield f"repeats level {level:g} of line {task.values[level][0]}"
    else:
        task.values[level] = (line, value)


def _quantile_faults(task: _Task, accepted: Accepted) -> Iterator[_Found]:
    missing = sorted(accepted.required_levels - task.values.keys())
    if missing:
        yield task.first_line, f"lacks the level {', '.join(f'{level:g}' for level in missing)} of its task"
    ordered = sorted(task.values.items())
    for (lower, (_, below)), (level, (line, value)) in pairwise(ordered):
        if value < below:
            yield (
                line,
                f"value {value:g} at level {level:g} is below {below:g} at level {lower:g}: quantiles cross",
            )


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-29") else None
    except ValueError:
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
