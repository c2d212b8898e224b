"""Whether a cell looks like a time: what no price is written like."""

import re
from typing import Final

_TIME: Final = re.compile(
    r"\d{10}(\.\d+)?|\d{13}|\d{16}|\d{19}"  # unix time, seconds to nanoseconds
    r"|(19|20)\d{6}([ t].*)?"  # 20230315, 20230315T000000
    r"|([^\W\d]{2,}(\.,?|,)? )?("  # a weekday before a date
    r"\d{4}[-/.] ?\d{1,2}[-/.] ?\d{1,2}(\D.*)?|\d{1,2}[-/.]\d{1,2}[-/.](\d{2}|\d{4})(\D.*)?"
    r"|\d{1,2}\.?[- /]+[^\W\d].*\d{2}(\D.*)?|[^\W\d]{3,}\.?[- /]+\d{1,2}\D+\d{2}.*|\d{4} ?[年년].*)",
    re.IGNORECASE,
)
_CLOCK: Final = re.compile(r"\d{1,2}:\d{2}(:\d{2})?")


def is_time(cell: str) -> bool:
    """Whether a cell is written as times and dates are.

    Example:
        >>> [is_time(cell) for cell in ("20230315T", "5/9/2016 4:00", "1730419200", "6.030.685", "60000.25")]
        [True, True, True, False, False]
    """
    return bool(_TIME.fullmatch(cell.strip(" \"'")))


def is_clock(cell: str) -> bool:
    """Whether a cell is a time of day, as `04:00`."""
    return bool(_CLOCK.fullmatch(cell.strip()))
