"""The one place that reads the clock."""

from datetime import UTC, datetime


def clock() -> datetime:
    """The present instant in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
