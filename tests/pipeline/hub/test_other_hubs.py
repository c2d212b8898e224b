"""Hubs of others, in the shapes of the public ones: accepted whole, and every fault in them named."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.hub.validation import Fault, validate_hub

Hub = dict[str, bytes]
Rows = list[dict[str, Any]]
LEVELS = [0.025, 0.25, 0.5, 0.75, 0.975]
SATURDAYS = [(date(2026, 1, 3) + timedelta(weeks=week)).isoformat() for week in range(8)]
SHARE = {"type": "double", "minimum": 0, "maximum": 1}
COUNT = {"type": "double", "minimum": 0}


def optional(*values: Any) -> dict[str, Any]:
    return {"required": None, "optional": list(values)}


def required(*values: Any) -> dict[str, Any]:
    return {"required": list(values), "optional": None}


def task(
    ids: dict[str, Any], output: dict[str, Any], unit: str = "week", step: bool = True
) -> dict[str, Any]:
    target = {
        "target_id": "t",
        "target_name": "t",
        "target_units": "u",
        "target_keys": None,
        "is_step_ahead": step,
    }
    target |= {"target_type": "continuous"} | ({"time_unit": unit} if step else {})
    return {"task_ids": ids, "output_type": output, "target_metadata": [target]}


def round_of(column: str, *tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    due = {"relative_to": column, "start": -6, "end": 1}
    return {
        "round_id_from_variable": True,
        "round_id": column,
        "model_tasks": list(tasks),
        "submissions_due": due,
    } | more


def a_hub(
    version: str, rounds: list[dict[str, Any]], outputs: dict[str, Rows], *, ending: str = "csv", **more: Any
) -> Hub:
    """A hub of these rounds, with one model's rows by round."""
    schemas = f"https://raw.githubusercontent.com/hubverse-org/schemas/main/{version}"
    repository: dict[str, Any] = {"repository_url": "https://github.com/an/other"}
    if version.startswith("v6"):
        repository = {"repository": {"host": "github", "owner": "an", "name": "other"}}
    admin = {"name": "n", "maintainer": "m", "contact": {"name": "c", "email": "c@example.org"}}
    admin |= {"file_format": [ending], "timezone": "US/Eastern"} | repository
    metadata = {"type": "object", "properties": {"license": {"type": "string"}}, "required": ["team_abbr"]}
    hub = {
        "hub-config/admin.json": json.dumps(
            admin | {"schema_version": f"{schemas}/admin-schema.json"}
        ).encode(),
        "hub-config/tasks.json": json.dumps(
            {"schema_version": f"{schemas}/tasks-schema.json", "rounds": rounds} | more
        ).encode(),
        "hub-config/model-metadata-schema.json": json.dumps(metadata).encode(),
        "model-metadata/UMass-trends_x.yml": b"team_abbr: UMass\nmodel_abbr: 'trends_x'\nsince: 2024-01-02\n",
        "model-output/README.md": b"# What lies here",
        "model-output/.DS_Store": b"\0\1",
        "target-data/time-series.csv": b"as_of,location,target,target_end_date,observation\n,,,,NA\n",
    }
    for round_id, rows in outputs.items():
        name = f"model-output/UMass-trends_x/{round_id}-UMass-trends_x.{ending}"
        hub[name] = written(rows, ending)
    return hub


def written(rows: Rows, ending: str = "csv") -> bytes:
    table = pd.DataFrame(rows)
    if ending == "parquet":
        return bytes(table.to_parquet(index=False))
    return table.to_csv(index=False, na_rep="NA").encode()


def flu(version: str = "v6.0.0") -> Hub:
    """Weekly horizons from -1, a quantile task, a pmf task and a peak task without a horizon."""
    shared = {"reference_date": optional(*SATURDAYS[:4]), "location": optional("US", "01", "02")}
    steps = {"horizon": optional(-1, 0, 1, 2, 3), "target_end_date": optional("2025-12-27", *SATURDAYS)}
    none = {"horizon": optional(), "target_end_date": {"required": None, "optional": None}}
    old = version < "v4"
    kind: dict[str, Any] = {} if old else {"is_required": False}
    ids: dict[str, Any] = {"optional": None} if old else {}
    quantile = {"quantile": {"output_type_id": {"required": LEVELS} | ids, "value": COUNT} | kind}
    words = ["decrease", "stable", "increase"]
    pmf = {"pmf": {"output_type_id": {"required": words} | ids, "value": SHARE} | kind}
    weeks = {"pmf": {"output_type_id": {"required": SATURDAYS} | ids, "value": SHARE} | kind}
    tasks = [
        task(shared | {"target": optional("rate change")} | steps, pmf),
        task(shared | {"target": optional("inc hosp")} | steps, quantile),
        task(shared | {"target": optional("peak week")} | none, weeks, step=False),
    ]
    rows: Rows = []
    for horizon, place in product([-1, 0, 3], ["US", "01"]):
        end = (date(2026, 1, 10) + timedelta(weeks=horizon)).isoformat()
        base = {
            "reference_date": "2026-01-10",
            "location": place,
            "horizon": str(horizon),
            "target_end_date": end,
        }
        rows += [
            base
            | {"target": "inc hosp", "output_type": "quantile", "output_type_id": level, "value": 9 + level}
            for level in LEVELS
        ]
        rows += [
            base | {"target": "rate change", "output_type": "pmf", "output_type_id": word, "value": share}
            for word, share in zip(words, [0.2, 0.3, 0.5], strict=True)
        ]
    peak = {"reference_date": "2026-01-10", "location": "US", "target": "peak week", "output_type": "pmf"}
    rows += [
        peak | {"horizon": "NA", "target_end_date": "NA", "output_type_id": week, "value": 0.125}
        for week in SATURDAYS
    ]
    return a_hub(version, [round_of("reference_date", *tasks)], {"2026-01-10": rows})


def nowcast() -> Hub:
    """A round a week, required clades, means and samples with names, Parquet, schemas of two versions."""
    rounds, outputs = [], {}
    for day, clades in (("2026-01-07", ["24A", "other"]), ("2026-01-14", ["24A", "25B", "other"])):
        ids = {
            "nowcast_date": required(day),
            "target_date": optional("2026-01-01", "2026-01-02"),
            "location": optional("MA", "NY"),
            "clade": required(*clades),
        }
        of = {"type": "character", "max_length": 15, "min_samples_per_task": 3, "max_samples_per_task": 3}
        output = {
            "mean": {"output_type_id": {"required": None, "optional": ["NA"]}, "value": SHARE},
            "sample": {"output_type_id_params": of | {"is_required": False}, "value": SHARE},
        }
        rounds.append(round_of("nowcast_date", task(ids, output, "day")))
        rows: Rows = []
        for place, when, clade in product(["MA"], ["2026-01-01", "2026-01-02"], clades):
            base = {
                "nowcast_date": day,
                "target_date": when,
                "location": place,
                "clade": clade,
                "value": 0.25,
            }
            rows.append(base | {"output_type": "mean", "output_type_id": None})
            rows += [base | {"output_type": "sample", "output_type_id": f"MA{draw}"} for draw in range(3)]
        outputs[day] = rows
    hub = a_hub("v3.0.1", rounds, outputs, ending="parquet")
    hub["hub-config/admin.json"] = hub["hub-config/admin.json"].replace(b"v3.0.1", b"v2.0.1")
    return hub


def complex_hub() -> Hub:
    """Every output type, derived task ids, samples by number, and a round with a name of its own."""
    ids = {
        "reference_date": optional(*SATURDAYS[:2]),
        "target": required("wk inc"),
        "horizon": {"required": [0, 1], "optional": [2]},
        "location": optional("US", "01"),
        "target_end_date": optional(*SATURDAYS),
    }
    none = {"output_type_id": {"required": None}, "is_required": True}
    of = {"type": "integer", "min_samples_per_task": 2, "max_samples_per_task": 4}
    of_sample = {"output_type_id_params": of | {"compound_taskid_set": ["location"]}, "is_required": False}
    output = {
        "mean": none | {"value": COUNT},
        "median": none | {"value": COUNT},
        "quantile": {"output_type_id": {"required": LEVELS}, "is_required": True, "value": COUNT},
        "cdf": {"output_type_id": {"required": [1, 2.5, 10]}, "is_required": False, "value": SHARE},
        "sample": of_sample | {"value": {"type": "integer"}},
    }
    rows: Rows = []
    for horizon, place in product([0, 1], ["US", "01"]):
        base = {"location": place, "reference_date": SATURDAYS[0], "target": "wk inc", "horizon": horizon}
        base |= {"target_end_date": SATURDAYS[horizon]}
        cells = [("mean", "NA", 5), ("median", "NA", 4)]
        cells += [("quantile", level, 10 * level) for level in LEVELS]  # type: ignore[misc]
        cells += [("cdf", "1.0", 0.1), ("cdf", 2.5, 0.1), ("cdf", 10, 1)]  # type: ignore[list-item]
        cells += [("sample", draw, -draw) for draw in range(1, 4)]  # type: ignore[misc]
        rows += [
            base | {"output_type": kind, "output_type_id": one, "value": value} for kind, one, value in cells
        ]
    scenario = task({"location": required("US")}, {"mean": {**none, "value": COUNT}}, step=False)
    named = round_of("round_1", scenario) | {"round_id_from_variable": False}
    one = [{"location": "US", "output_type": "mean", "output_type_id": "", "value": 1}]
    derived = {"derived_task_ids": ["target_end_date"], "output_type_id_datatype": "auto"}
    hub = a_hub(
        "v6.0.0", [round_of("reference_date", task(ids, output)), named], {SATURDAYS[0]: rows}, **derived
    )
    return hub | {"model-output/UMass-trends_x/round_1-UMass-trends_x.csv": written(one)}


def midweek(day: str, first: int, unit: str) -> Hub:
    """Forecasts of a weekday whose weeks end on Saturdays; months end on any day."""
    steps = [first, first + 1, first + 2]
    ids = {"reference_date": optional(day), "horizon": optional(*steps), "location": optional("US")}
    levels = {"quantile": {"output_type_id": {"required": LEVELS}, "is_required": True, "value": COUNT}}
    rows: Rows = [
        {"reference_date": day, "horizon": step, "location": "US", "target_end_date": end}
        | {"output_type": "quantile", "output_type_id": level, "value": level}
        for step, end in zip(steps, SATURDAYS[1:], strict=False)
        for level in LEVELS
    ]
    tasks = task(ids | {"target_end_date": optional(*SATURDAYS)}, levels, unit)
    return a_hub("v6.0.0", [round_of("reference_date", tasks)], {day: rows})


HUBS: dict[str, Callable[[], Hub]] = {
    "made on Wednesdays": lambda: midweek("2026-01-07", 0, "week"),
    "made on Mondays, counted from 1": lambda: midweek("2026-01-05", 1, "week"),
    "months": lambda: midweek("2026-01-07", 0, "month"),
    "flu": flu,
    "flu of v2": lambda: flu("v2.0.0"),
    "flu of v4": lambda: flu("v4.0.0"),
    "nowcast": nowcast,
    "complex": complex_hub,
}


def faults(hub: Hub) -> tuple[Fault, ...]:
    return validate_hub(list(hub), hub.__getitem__)


def output(hub: Hub) -> str:
    return next(path for path in sorted(hub) if path.endswith("UMass-trends_x.csv"))


def changed(hub: Hub, change: Callable[[Rows], Rows | None]) -> Hub:
    path = output(hub)
    rows: Rows = list(csv.DictReader(io.StringIO(hub[path].decode())))
    return hub | {path: written(change(rows) or rows)}


def first(rows: Rows, **where: Any) -> dict[str, Any]:
    return next(row for row in rows if all(row[name] == value for name, value in where.items()))


def without(**where: Any) -> Callable[[Rows], Rows]:
    return lambda rows: [row for row in rows if row is not first(rows, **where)]


def put(where: dict[str, Any], **what: Any) -> Callable[[Rows], None]:
    return lambda rows: first(rows, **where).update(what)


@pytest.mark.parametrize("name", HUBS)
def test_hubs_of_others_are_valid(name: str) -> None:
    assert faults(HUBS[name]()) == ()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("flu", put({"output_type": "pmf"}, value="0.9"), "probabilities sum to 1.7"),
        ("flu", put({"output_type": "pmf"}, output_type_id="rising"), "'rising' is not an id"),
        ("flu", without(output_type_id="stable"), "lacks the output_type_id stable"),
        ("flu", put({"location": "01"}, location="1"), "location '1' is not accepted"),
        ("flu", put({"target": "inc hosp"}, target="rate change"), "output_type 'quantile' is not accepted"),
        ("flu", put({"horizon": "NA"}, horizon="0"), "no task of tasks.json accepts these together"),
        ("flu", put({"horizon": "3"}, target_end_date="2026-01-13"), "target_end_date '2026-01-13'"),
        (
            "flu",
            put({"horizon": "3"}, target_end_date="2026-01-17"),
            "2026-01-17 is not reference_date 2026-01-10 and 3 weeks",
        ),
        ("complex", put({"output_type": "mean"}, output_type_id="0.5"), "a mean has none"),
        ("complex", put({"output_type_id": "10"}, value="0.05"), "a cdf does not fall"),
        ("complex", put({"output_type": "sample"}, value="1.5"), "is not a whole number"),
        ("complex", put({"output_type": "sample"}, output_type_id="a"), "that names a sample"),
        ("complex", put({"output_type": "sample"}, output_type_id="2"), "repeats output_type_id 2"),
        (
            "complex",
            lambda rows: [
                row for row in rows if row["output_type"] != "sample" or row["output_type_id"] == "1"
            ],
            "has 1 samples; tasks.json accepts 2 to 4",
        ),
        (
            "complex",
            lambda rows: [row for row in rows if (row["horizon"], row["location"]) != ("1", "01")],
            "gives 1 of the 2 combinations",
        ),
        (
            "complex",
            put({"horizon": "1"}, target_end_date="2026-01-31"),
            "2026-01-31 is not reference_date 2026-01-03 and 1 weeks",
        ),
    ],
)
def test_a_fault_in_them_is_named(name: str, change: Callable[[Rows], Rows | None], message: str) -> None:
    found = faults(changed(HUBS[name](), change))
    assert [fault for fault in found if message in fault.message], found


def test_metadata_is_held_to_the_hubs_own_schema() -> None:
    hub = flu()
    hub["hub-config/model-metadata-schema.json"] = b'{"required": ["designated_model"]}'
    assert [fault.kind for fault in faults(hub)] == ["metadata"]
    hub["hub-config/model-metadata-schema.json"] = b'{"$ref": "https://example.org/elsewhere.json"}'
    assert "cannot be held to" in faults(hub)[0].message, "nothing is fetched"


def test_a_repository_that_version_6_refuses_is_a_fault() -> None:
    hub = flu()
    admin = json.loads(hub["hub-config/admin.json"]) | {"repository": {}}
    found = faults(hub | {"hub-config/admin.json": json.dumps(admin).encode()})
    assert [fault.message for fault in found] == ["repository lacks host, owner, name"]


def test_a_file_of_another_form_beside_the_forecasts_is_named() -> None:
    path = "model-output/UMass-trends_x/2026-01-10"
    assert [(fault.path, fault.kind) for fault in faults(flu() | {path: b""})] == [(path, "file name")]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a JSON value at which another can be put."""
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
CONFIGURATIONS = st.sampled_from([path for path in flu() if path.startswith("hub-config/")])


@pytest.mark.slow
@settings(max_examples=150)
@given(name=st.sampled_from(["flu", "complex"]), path=CONFIGURATIONS, where=st.integers(0), value=json_values)
def test_any_configuration_is_judged(name: str, path: str, where: int, value: Any) -> None:
    hub = HUBS[name]()
    content = json.loads(hub[path])
    spots = list(places(content))
    holder, key = spots[where % len(spots)]
    holder[key] = value
    faults(hub | {path: json.dumps(content).encode()})
    faults(hub | {path: json.dumps(value).encode()})


@pytest.mark.slow
@given(
    name=st.sampled_from(["flu", "nowcast"]),
    where=st.integers(0),
    bits=st.binary(max_size=8),
    cut=st.booleans(),
)
def test_any_bytes_are_judged(name: str, where: int, bits: bytes, cut: bool) -> None:
    hub = HUBS[name]()
    for path, content in hub.items():
        at = where % (len(content) + 1)
        faults(hub | {path: content[:at] + bits + (b"" if cut else content[at + len(bits) :])})
