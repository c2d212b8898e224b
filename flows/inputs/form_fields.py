"""Parameters as a deployment's form has them: date pickers, and what the server refuses before a run is made.

What is told in Python is checked by `arguments.py`, whose words are the same for all.
"""

from typing import Annotated, Final

from pydantic import Field

_DAY: Final = r"\d{4}-\d{2}-\d{2}"
DateText = Annotated[str, Field(json_schema_extra={"format": "date", "pattern": f"^{_DAY}$"})]
InstantText = Annotated[str, Field(json_schema_extra={"format": "date-time", "pattern": f"^{_DAY}"})]
SeriesText = Annotated[
    str, Field(json_schema_extra={"pattern": "^[^/]+/[^/]+/1d$", "examples": ["binance/BTCUSDT/1d"]})
]
CountNumber = Annotated[int, Field(json_schema_extra={"minimum": 1})]
