"""A recipe's values as TOML, so that one printed is the start of the next."""

import json
from collections.abc import Mapping
from typing import Any


def as_toml(values: Mapping[str, Any]) -> str:
    """TOML of JSON values; what is None is left out, for that is what it means.

    Example:
        >>> print(as_toml({"name": "x", "fitting": {"batch": 7, "patience": None}}), end="")
        name = "x"
        <BLANKLINE>
        [fitting]
        batch = 7
    """
    plain = {key: value for key, value in values.items() if not _is_table(value) and value is not None}
    lines = [f"{key} = {_value(value)}" for key, value in plain.items()]
    for key, value in values.items():
        tables = [value] if isinstance(value, Mapping) else value if _is_table(value) else []
        opening, closing = ("[", "]") if isinstance(value, Mapping) else ("[[", "]]")
        for table in tables:
            lines += ["", f"{opening}{key}{closing}"]
            lines += [f"{name} = {_value(part)}" for name, part in table.items() if part is not None]
    return "\n".join(lines) + "\n"


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) or (
        isinstance(value, list) and any(isinstance(v, Mapping) for v in value)
    )


def _value(value: Any) -> str:
    """TOML writes strings, numbers, booleans and short lists as JSON does."""
    if isinstance(value, list) and any(isinstance(part, str) for part in value) and len(str(value)) > 80:
        return "[\n" + "".join(f"    {_value(part)},\n" for part in value) + "]"
    return json.dumps(value, ensure_ascii=False)
