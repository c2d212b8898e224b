"""What Prefect calls a run: what it does, for which day, of what."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

# What a name may repeat of a parameter: nothing that could be an address, a path or a credential.
_WORD: Final = re.compile(r"[\w.-]{1,40}|[\w-]{1,40}/[\w-]{1,40}/\w{1,4}")
_MOST: Final = 3


def flow_run_name() -> str:
    """As `daily 2026-03-29 · 3 series` or `compare guide-lstm, lecture-lstm`; Prefect calls it within the run."""
    from prefect.runtime import flow_run

    values = dict(flow_run.parameters)
    asked = values.get("request", values)
    parameters = asked if isinstance(asked, Mapping) else getattr(asked, "__dict__", {})
    return run_name(flow_run.flow_name or "", parameters, due=flow_run.scheduled_start_time)


def run_name(flow: str, parameters: Mapping[str, Any], *, due: datetime) -> str:
    """The flow's name, what it is of, and how many series were asked for.

    Args:
        flow: As `daily`.
        parameters: The run's, as Prefect or a caller gave them: nothing of them has been checked.
        due: When the run was to begin.
    """
    if chunk := _listed(parameters.get("backfill_id")):
        return f"{chunk} chunk {parameters.get('chunk', '')!s:.5}"
    days = _days(flow, parameters, due)
    recipes = _listed(parameters.get("recipes") or parameters.get("recipe"))
    series = parameters.get("series")
    count = len(series) if isinstance(series, Sequence) and not isinstance(series, str) else 0
    named = _listed(series) if count < 2 else f"{count} series"
    plan = _listed(parameters.get("plan"))
    how = "dry run" if parameters.get("dry_run") is True else f"plan {plan}" if plan else ""
    return " · ".join([" ".join(filter(None, (flow, how, days, recipes))), *filter(None, (named,))])


def _days(flow: str, parameters: Mapping[str, Any], due: datetime) -> str:
    first, last = _listed(parameters.get("first")), _listed(parameters.get("last"))
    if first and last:
        return f"{first} to {last}"
    if flow != "daily":
        return _listed(parameters.get("week"))
    believed = _day(parameters.get("now")) or due.astimezone(UTC).date()
    return str(_day(parameters.get("as_of")) or believed - timedelta(days=1))


def _day(value: Any) -> date | None:
    try:
        return datetime.fromisoformat(str(value)).date() if value else None
    except ValueError:
        return None


def _listed(value: Any) -> str:
    """One word or the first of several; nothing where it is none."""
    given = [value] if isinstance(value, str | date) else value
    words = [str(one) for one in given] if isinstance(given, Sequence) else []
    shown = [word for word in words if _WORD.fullmatch(word)]
    return ", ".join(shown[:_MOST]) + (f" and {len(shown) - _MOST} more" if len(shown) > _MOST else "")
