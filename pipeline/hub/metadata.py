"""Whether a model's metadata is as its hub's own model-metadata-schema.json wants it."""

import json
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

_MOST_NAMED: Final = 5
_Schema = dict[str, Any]


def read_model_schema(content: bytes) -> tuple[_Schema | None, str]:
    """The schema, or None and what is wrong with it."""
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for

    try:
        schema = json.loads(content)
        if not isinstance(schema, dict):
            return None, "is not a JSON schema"
        validator_for(schema).check_schema(schema)
    except (ValueError, RecursionError, SchemaError, TypeError) as error:
        return None, f"is not a JSON schema ({_one_line(error)})"
    return schema, ""


def metadata_faults(content: bytes, model_id: str, schema: _Schema | None) -> Iterator[str]:
    """Faults of a model's YAML.

    Args:
        content: The file's bytes.
        model_id: The folder of its forecasts, `<team_abbr>-<model_abbr>`.
        schema: The hub's own; None if it has none.
    """
    import yaml

    try:
        # A JSON schema knows no dates: YAML's are taken for the text they are written as.
        value = json.loads(json.dumps(yaml.safe_load(content), default=str))
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        yield f"is not YAML ({_one_line(error)})"
        return
    if not isinstance(value, dict):
        yield "is not a list of names and values"
        return
    stated = value.get("model_id", f"{value.get('team_abbr')}-{value.get('model_abbr')}")
    if stated != model_id:
        yield f"team_abbr and model_abbr do not make {model_id}"
    if schema is not None:
        yield from _schema_faults(value, schema)


def _schema_faults(value: Any, schema: _Schema) -> Iterator[str]:
    from jsonschema.validators import validator_for
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    # An empty registry: a schema that points elsewhere is never fetched.
    validator = validator_for(schema)(schema, registry=Registry())
    try:
        for error in islice(validator.iter_errors(value), _MOST_NAMED):
            place = ".".join(map(str, error.absolute_path))
            yield f"is not as model-metadata-schema.json wants it: {place + ': ' if place else ''}{_one_line(error)}"
    except (Unresolvable, re.error, RecursionError) as error:
        yield f"cannot be held to model-metadata-schema.json ({_one_line(error)})"


def _one_line(error: BaseException) -> str:
    return " ".join(str(getattr(error, "message", error)).split())[:120]
