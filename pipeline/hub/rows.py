"""Whether a hub's file says what its configuration accepts: names every fault by its line."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Final

from pipeline.hub.tables import Found, read_table
from pipeline.hub.tasks import NOT_GIVEN, POINTS, OutputType, Round, Task, finite, normal

VALUE_COLUMNS: Final = ("output_type", "output_type_id", "value")
# As R's all.equal with room for probabilities that were written with six digits.
_SUM_TOLERANCE: Final = 1e-5
_Cells = list[tuple[int, str, str]]


def model_output_faults(
    content: bytes, round_: Round, *, round_id: str, file_format: str = "csv"
) -> Iterator[Found]:
    """Faults of a model-output file, each with its line and kind.

    Args:
        content: The file's bytes.
        round_: What tasks.json accepts in the file's round.
        round_id: What the file's name begins with, as `2026-03-29`.
        file_format: `csv` or `parquet`.
    """
    faults, rows = read_table(content, (*round_.task_ids, *VALUE_COLUMNS), file_format=file_format)
    yield from faults
    groups: dict[tuple[str, ...], _Cells] = {}
    width = len(round_.task_ids)
    for number, row in rows:
        groups.setdefault(tuple(row[: width + 1]), []).append((number, row[width + 1], row[width + 2]))
    given: dict[tuple[int, str], dict[tuple[str, ...], int]] = {}
    for (*texts, output_type), cells in groups.items():
        line = cells[0][0]
        values = dict(zip(round_.task_ids, texts, strict=True))
        normals = {name: normal(text) for name, text in values.items()}
        yield from _round_faults(values, line, round_, round_id)
        fitting = [task for task in round_.tasks if task.accepts(normals, round_.derived)]
        yield from ((line, "task", message) for message in _task_faults(values, normals, fitting, round_))
        task = next((one for one in fitting if output_type in one.output_types), None)
        if task is not None:
            yield from ((line, "horizon", message) for message in _horizon_faults(values, task))
            yield from _output_faults(output_type, task.output_types[output_type], cells)
            place = (round_.tasks.index(task), output_type)
            given.setdefault(place, {})[tuple(normals[name] for name in _named(round_))] = line
        elif fitting:
            names = ", ".join(dict.fromkeys(name for one in fitting for name in one.output_types))
            message = f"output_type {output_type[:30]!r} is not accepted by tasks.json; it is {names}"
            yield line, "task", message
    for (index, output_type), lines in given.items():
        if round_.tasks[index].output_types[output_type].required:
            yield from _required_faults(round_.tasks[index], lines, round_)


def target_data_faults(content: bytes, columns: Sequence[str]) -> Iterator[Found]:
    """Faults of a target-data file: a date, a series, a number, and no pair of the first two twice."""
    faults, rows = read_table(content, columns)
    yield from faults
    seen: set[tuple[str, str]] = set()
    for line, (day, location, number) in rows:
        if _day(day) is None:
            yield line, "target data", f"{columns[0]} is a date written YYYY-MM-DD, not {day[:30]!r}"
        if finite(number) is None:
            yield line, "target data", f"{columns[2]} is a number, not {number[:30]!r}"
        if (day, location) in seen:
            yield line, "target data", f"repeats {day[:30]} of {location[:40]}"
        seen.add((day, location))


def _named(round_: Round) -> list[str]:
    return [name for name in round_.task_ids if name not in round_.derived and name != round_.column]


def _round_faults(values: Mapping[str, str], line: int, round_: Round, round_id: str) -> Iterator[Found]:
    if round_.column is not None and values[round_.column] != round_id:
        stated = values[round_.column][:30]
        yield line, "round", f"{round_.column} {stated!r} is not the {round_id} of the file's name"


def _task_faults(
    values: Mapping[str, str], normals: Mapping[str, str], fitting: Sequence[Task], round_: Round
) -> Iterator[str]:
    if fitting:
        return
    strange = [
        name
        for name, value in normals.items()
        if not any(task.accepts({name: value}, round_.derived) for task in round_.tasks)
    ]
    for name in strange:
        yield f"{name} {values[name][:40]!r} is not accepted by tasks.json"
    if not strange:
        said = ", ".join(f"{name} {value[:30]!r}" for name, value in values.items())
        yield f"no task of tasks.json accepts these together: {said[:200]}"


def _horizon_faults(values: Mapping[str, str], task: Task) -> Iterator[str]:
    start, end = _day(values.get("reference_date", "")), _day(values.get("target_end_date", ""))
    steps = finite(values.get("horizon", ""))
    if start is None or end is None or steps is None or not task.step_in_days:
        return
    off = abs((end - start).days - steps * task.step_in_days)
    # A week counts by its last day, whichever day of it the forecast is made on.
    if off and (off >= task.step_in_days or not off.is_integer()):
        unit = {1: "days", 7: "weeks"}[task.step_in_days]
        yield f"target_end_date {end} is not reference_date {start} and {steps:g} {unit}"


def _output_faults(name: str, output: OutputType, cells: _Cells) -> Iterator[Found]:
    """Faults of one task's rows of one output type."""
    said = "level" if name == "quantile" else "output_type_id"
    seen: dict[str, tuple[int, float | None]] = {}
    for line, text, number in cells:
        one, value = normal(text), finite(number)
        if one not in output.required_ids:
            yield from ((line, "output_type_id", message) for message in _id_faults(name, output, text))
        if value is None:
            yield line, "value", f"value is a number, not {number[:30]!r}"
        elif not output.minimum <= value <= output.maximum:
            yield line, "value", f"value {value:g} is outside {output.minimum:g} to {output.maximum:g}"
        elif output.whole and not value.is_integer():
            yield line, "value", f"value {value:g} is not a whole number"
        if one in seen:
            yield line, "repeated", f"repeats {said} {one[:30]} of line {seen[one][0]}"
        else:
            seen[one] = (line, value)
    first = cells[0][0]
    missing = [one for one in output.ids if one in output.required_ids and one not in seen]
    if missing:
        yield first, "missing", f"lacks the {said} {', '.join(missing)[:120]} of its task"
    yield from _law_faults(name, output, seen, first)


def _law_faults(
    name: str, output: OutputType, seen: Mapping[str, tuple[int, float | None]], first: int
) -> Iterator[Found]:
    """What holds between the values of one task: order, sum, number."""
    known = [(one, *seen[one]) for one in output.ids if one in seen]
    if name in ("quantile", "cdf"):
        if all(finite(one) is not None for one, *_ in known):
            known.sort(key=lambda cell: float(cell[0]))
        for (lower, _, below), (upper, line, value) in pairwise(known):
            if below is not None and value is not None and value < below:
                law = f"{name}s cross" if name == "quantile" else "a cdf does not fall"
                yield line, "order", f"value {value:g} at {upper} is below {below:g} at {lower}: {law}"
    values = [value for *_, value in known if value is not None]
    if name == "pmf" and len(values) == len(known) and output.required_ids <= seen.keys():
        total = math.fsum(values)
        if abs(total - 1) > _SUM_TOLERANCE:
            yield first, "sum", f"probabilities sum to {total:g}, not 1"
    fewest, most = output.samples
    if name == "sample" and not fewest <= len(seen) <= most:
        yield first, "samples", f"has {len(seen)} samples; tasks.json accepts {fewest:g} to {most:g} a task"


def _id_faults(name: str, output: OutputType, text: str) -> Iterator[str]:
    stated = f"output_type_id {text[:30]!r}"
    if name in POINTS:
        if text not in NOT_GIVEN:
            yield f"{stated} is given; a {name} has none (NA)"
    elif name == "sample":
        if not output.id_length and not text.lstrip("-").isdecimal():
            yield f"{stated} is not a whole number that names a sample"
        elif output.id_length and (text in NOT_GIVEN or len(text) > output.id_length):
            yield f"{stated} is not a sample's name of 1 to {output.id_length} characters"
    elif normal(text) not in output.ids:
        yield f"{stated} is not {'a level' if name == 'quantile' else 'an id'} of tasks.json"


def _required_faults(task: Task, given: Mapping[tuple[str, ...], int], round_: Round) -> Iterator[Found]:
    """For each choice of optional values, every combination of the required ones is given."""
    names = _named(round_)
    parts: dict[tuple[str | None, ...], dict[tuple[str, ...], int]] = {}
    for values, line in given.items():
        chosen = tuple(
            None if value in task.required[name] else value for name, value in zip(names, values, strict=True)
        )
        parts.setdefault(chosen, {})[values] = line
    for chosen, found in parts.items():
        wanted = math.prod(
            len(task.required[name]) for name, value in zip(names, chosen, strict=True) if value is None
        )
        if len(found) < wanted:
            line = min(found.values())
            message = f"gives {len(found)} of the {wanted} combinations that tasks.json requires together"
            yield line, "missing", message


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("2026-03-29") else None
    except ValueError:
        return None
