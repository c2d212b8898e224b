"""The one reading of dates, instants and series from text: of the command line and of a deployment."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from pipeline.errors import DateError, InputError, UnknownSeriesError
from pipeline.series import Series

if TYPE_CHECKING:
    from pipeline.recipes.base import Recipe


def parse_series(texts: Sequence[str] | None, default: Sequence[str]) -> tuple[Series, ...]:
    """Series named on the command line, or the settings'; each once.

    Raises:
        UnknownSeriesError: A text is not exchange/SYMBOL/timeframe.
    """
    names = [part for text in texts or default for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(Series.parse(name) for name in names))


def require_daily(series: Sequence[Series]) -> None:
    """Refuse series of hours, which nothing is forecast of.

    Raises:
        UnknownSeriesError: One is.
    """
    for one in series:
        if one.timeframe != "1d":
            raise UnknownSeriesError(
                f"{one}: forecasts are of daily series; write {one.exchange}/{one.symbol}/1d."
            )


def require_pooled(recipes: "Sequence[Recipe]", beside: Sequence[object]) -> None:
    """Refuse other series beside recipes that each learn from one.

    Raises:
        InputError: They were given, and no recipe is pooled.
    """
    if beside and not any(recipe.is_pooled for recipe in recipes):
        names = ", ".join(recipe.name for recipe in recipes)
        raise InputError(
            f"{names} learns from one series, got {1 + len(beside)}; give one, or a pooled recipe as pooled-blend."
        )


def parse_date(text: str, *, option: str) -> date:
    """A day written YYYY-MM-DD.

    Raises:
        DateError: It is not one.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DateError(
            f"{option} is a date written YYYY-MM-DD, as in 2026-03-29; got {text[:40]!r}."
        ) from None


def parse_now(text: str | None) -> datetime | None:
    """An instant in UTC; a date alone means its midnight; None stays None (the clock decides).

    Raises:
        DateError: It is neither.
    """
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise DateError(f"--now is an ISO instant, as in 2026-03-30T00:20:00Z; got {text[:40]!r}.") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
