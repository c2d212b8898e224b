"""A hub's configuration: what may be forecast in it, who runs it, what its models are."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pipeline.forecasts.columns import LIVE
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.recipes.base import Recipe

SCHEMAS: Final = "https://raw.githubusercontent.com/hubverse-org/schemas/main/v6.0.0"
TASKS: Final = "hub-config/tasks.json"
ADMIN: Final = "hub-config/admin.json"
MODEL_SCHEMA: Final = "hub-config/model-metadata-schema.json"
TARGET_DATA: Final = "hub-config/target-data.json"

_TEAM: Final = "coincast"
# Nothing is ever too late for a hub of forecasts made afterwards.
_A_CENTURY_IN_DAYS: Final = 36500
_NAME: Final = {"type": "string", "pattern": "^[a-zA-Z0-9_+]+$", "maxLength": 40}
_MODEL_PROPERTIES: Final = {
    "team_name": {"type": "string"},
    "team_abbr": _NAME,
    "model_name": {"type": "string"},
    "model_abbr": _NAME,
    "designated_model": {"type": "boolean"},
    "methods": {"type": "string", "maxLength": 200},
}


def tasks_json(task_ids: Mapping[str, Iterable[Any]], *, mode: str) -> bytes:
    """The forecasts that the hub accepts.

    Args:
        task_ids: Every value of each task id column.
        mode: `live` or `backfill`.
    """
    quantile = {
        "output_type_id": {"required": list(LEVELS)},
        "is_required": True,
        "value": {"type": "double", "minimum": 0},
    }
    target = {
        "target_id": "daily close",
        "target_name": "Close of the day (UTC)",
        "target_units": "quote currency of the series",
        "target_keys": None,
        "target_type": "continuous",
        "is_step_ahead": True,
        "time_unit": "day",
    }
    task = {
        "task_ids": {
            name: {"required": None, "optional": sorted(values)} for name, values in task_ids.items()
        },
        "output_type": {"quantile": quantile},
        "target_metadata": [target],
    }
    due = max(HORIZONS) if mode == LIVE else _A_CENTURY_IN_DAYS
    value = {
        "schema_version": f"{SCHEMAS}/tasks-schema.json",
        "rounds": [
            {
                "round_id_from_variable": True,
                "round_id": "reference_date",
                "model_tasks": [task],
                "submissions_due": {"relative_to": "reference_date", "start": 0, "end": due},
            }
        ],
        "output_type_id_datatype": "double",
        "derived_task_ids": ["target_end_date"],
    }
    return write_json(value)


def merge_tasks(published: bytes, new: bytes) -> bytes:
    """The days and series of both; everything else as the new file has it."""
    merged = json.loads(new)
    before = task_ids_of(json.loads(published))
    for name, values in task_ids_of(merged).items():
        values["optional"] = sorted({*values["optional"], *before[name]["optional"]})
    return write_json(merged)


def task_ids_of(tasks: dict[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """The accepted values of each task id column, by `required` and `optional`."""
    found: dict[str, dict[str, list[Any]]] = tasks["rounds"][0]["model_tasks"][0]["task_ids"]
    return found


def admin_json(*, mode: str, simulated: bool) -> bytes:
    """Who runs the hub, and in what format."""
    when = "live forecasts" if mode == LIVE else "forecasts made afterwards"
    return write_json(
        {
            "schema_version": f"{SCHEMAS}/admin-schema.json",
            "name": f"coincast: {when}{' of a simulated market' if simulated else ''}",
            "maintainer": _TEAM,
            "contact": {"name": _TEAM},
            # Official readers look the hub's files up here only where they lie on GitHub.
            "repository": {
                "host": "github",
                "owner": _TEAM,
                "name": "hub" if mode == LIVE else "hub-backfill",
            },
            "file_format": ["csv"],
            # The schema's list has no UTC; this zone has no other offset.
            "timezone": "Africa/Abidjan",
        }
    )


def target_data_json() -> bytes:
    """What identifies a row of target-data."""
    return write_json(
        {
            "schema_version": f"{SCHEMAS}/target-data-schema.json",
            "observable_unit": ["target_end_date", "location"],
            "date_col": "target_end_date",
            "versioned": False,
        }
    )


def model_schema_json() -> bytes:
    """What a model's metadata must say."""
    return write_json(
        {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Metadata of a coincast model",
            "type": "object",
            "properties": _MODEL_PROPERTIES,
            "required": list(_MODEL_PROPERTIES),
            "additionalProperties": False,
        }
    )


def model_metadata(recipe: Recipe, *, simulated: bool) -> bytes:
    """A model in hubverse's words, as YAML."""
    values = {
        "team_name": _TEAM,
        "team_abbr": _TEAM,
        "model_name": recipe.title,
        "model_abbr": recipe.model_id.partition("-")[2],
        "designated_model": not recipe.is_baseline,
        "methods": f"{'Fitted to a simulated market. ' if simulated else ''}{recipe.title}"[:200],
    }
    # Every JSON value is a YAML value.
    return "".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items()
    ).encode()


def write_json(value: Any) -> bytes:
    """Indented JSON with a final newline."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
