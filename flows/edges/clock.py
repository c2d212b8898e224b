"""The one place that reads the clock, and waits for it."""

import time
from datetime import UTC, datetime


def clock() -> datetime:
    """The present instant in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def pause(seconds: float) -> None:
    """Do nothing for so long."""
    time.sleep(seconds)
