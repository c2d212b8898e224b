"""What a doctor concludes from facts: every check is a function of its own that touches nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from packaging.requirements import Requirement

from flows.edges.machine.sizes import Store
from pipeline.monitoring.alarm_bounds import COVERAGE, SKILL
from pipeline.monitoring.alarms import NO_FORECAST, SOURCES_DIFFER, STALE_SOURCE, SUSPECT_SOURCE, Alarm

Status = Literal["ok", "warning", "failed"]
_GIB: Final = 2**30
# A day writes some 20 MiB; below the second, a fit or a publication may not end.
SCARCE_BYTES: Final = 5 * _GIB
FULL_BYTES: Final = _GIB // 2
# Clocks of machines that share a database differ a little.
_CLOCK_SLACK: Final = timedelta(minutes=5)
# Any recent year will do: a zone keeps its rules for long.
_A_YEAR: Final = 2026
_MONTHS_AHEAD: Final = 6
_REMEDIES: Final = {
    NO_FORECAST: "look at the last flow run, then run `coincast daily --series {series}`",
    SUSPECT_SOURCE: (
        "look at what the vendor serves; if it is right, run `coincast snapshots accept` with the digits in brackets"
    ),
    SOURCES_DIFFER: "compare both with the exchange; change `sources` in coincast.toml if the first is wrong",
    STALE_SOURCE: "look at what the vendor serves; take a delisted series out of coincast.toml",
    COVERAGE: "run `coincast scorecard --series {series}`, then refit or `coincast models rollback`",
    SKILL: "run `coincast scorecard --series {series}`, then `coincast models rollback`",
}
_BASELINE_REMEDIES: Final = {
    COVERAGE: "run `coincast scorecard --series {series}`, then choose another recipe in coincast.toml"
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        name: Of what.
        status: `ok`, `warning` (nothing is lost yet) or `failed`.
        said: What was found, one line.
        remedy: What to do about it; empty where all is well.
    """

    name: str
    status: Status
    said: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def judge_packages(required: Sequence[str], installed: Mapping[str, str]) -> Finding:
    """Whether the installed versions are those that pyproject.toml asks for.

    Args:
        required: Requirements as pyproject.toml writes them.
        installed: Version by name; a name that is not there is not installed.
    """
    wanted = [Requirement(text) for text in required]
    wrong = [
        f"{one.name} is {installed.get(one.name, 'missing')} (wanted {one.specifier or 'any'})"
        for one in wanted
        if one.name not in installed or not one.specifier.contains(installed[one.name], prereleases=True)
    ]
    if wrong:
        return Finding(
            "packages", "failed", "; ".join(wrong), "run `make setup`, and start coincast from .venv"
        )
    return Finding("packages", "ok", f"{len(wanted)} packages as pyproject.toml asks for")


def judge_disk(place: str, free: int) -> Finding:
    """Whether there is room for days to come.

    Args:
        place: The state folder.
        free: Bytes left on its disk.
    """
    said = f"{free / _GIB:.1f} GiB free for {place}"
    if free >= SCARCE_BYTES:
        return Finding("disk", "ok", said)
    remedy = "free some space; `coincast models prune` and `coincast snapshots prune` tell what is no longer needed"
    return Finding("disk", "failed" if free < FULL_BYTES else "warning", said, remedy)


def judge_sizes(stores: Sequence[Store], free: int) -> tuple[Finding, ...]:
    """How large every store is and how much of it is new, and whether the disk will do for half a year more of that.

    Args:
        stores: Those of this machine.
        free: Bytes left on the disk.
    """
    found = []
    for one in stores:
        said = f"{one.size / 1e6:.1f} MB"
        said += "" if one.month is None else f", {one.month / 1e6:.1f} MB of it from the last 30 days"
        found.append(Finding(f"size of {one.name}", "ok", said))
    month = sum(one.month or 0 for one in stores)
    if month and free < _MONTHS_AHEAD * month:
        said = f"{month / 1e6:.0f} MB a month: the disk is full in {free / month:.1f} months"
        remedy = "free some space; `coincast retention` and `coincast snapshots prune` give some back"
        return *found, Finding("growth", "warning", said, remedy)
    return *found, Finding("growth", "ok", f"{month / 1e6:.1f} MB in the last 30 days, deleted rows apart")


def judge_clock(now: datetime, newest: datetime | None) -> Finding:
    """Whether the clock is not behind what was written already.

    Args:
        now: The clock's instant.
        newest: Newest instant at which a download or a forecast was recorded; None before the first.
    """
    if newest is not None and now < newest - _CLOCK_SLACK:
        said = (
            f"it is {now:%Y-%m-%d %H:%M:%S} UTC here, and {newest:%Y-%m-%d %H:%M:%S} UTC was recorded already"
        )
        return Finding(
            "clock", "failed", said, "set the clock (NTP): a wrong one issues forecasts as live or as late"
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%d %H:%M:%S} UTC")


def judge_alarms(series: str, alarms: Sequence[Alarm], *, configured: bool = False) -> tuple[Finding, ...]:
    """A finding for each alarm that stands; one that all is quiet where none does.

    Args:
        series: As `binance/BTCUSDT/1d`.
        alarms: Of it.
        configured: The recipe is a baseline: there is no champion to roll back.
    """
    if not alarms:
        return (Finding(f"alarms {series}", "ok", "none stands"),)
    remedies = _REMEDIES | (_BASELINE_REMEDIES if configured else {})
    return tuple(
        Finding(
            f"{alarm.kind} {series}",
            "failed",
            f"since {alarm.since}: {alarm.wrong}",
            remedies[alarm.kind].format(series=series),
        )
        for alarm in alarms
    )


def judge_service(name: str, place: str, log: str, *, alive: bool) -> Finding:
    """Whether what `coincast up` left running still runs.

    Args:
        name: Of the service.
        place: What it serves, or of the server that it works for.
        log: File of its output.
        alive: Whether its process is there, and answers.
    """
    if alive:
        return Finding(f"service {name}", "ok", f"runs, {place}")
    return Finding(
        f"service {name}",
        "failed",
        f"it was started by `coincast up` and is gone; see {log}",
        "run `coincast up`",
    )


def judge_automation(wanted: str, there: Sequence[Mapping[str, Any]]) -> Finding:
    """Whether runs whose machine dies are told from those that go on.

    Args:
        wanted: Name of the automation on lost heartbeats.
        there: The server's automations.
    """
    if any(one.get("name") == wanted and one.get("enabled") for one in there):
        return Finding("automation", "ok", "runs without a heartbeat are set to Crashed")
    said = "a run whose worker and machine die stays Running for ever"
    return Finding("automation", "warning", said, "run `coincast deploy`, which makes the automation")


def judge_deployment(status: int, content: Mapping[str, Any]) -> Finding:
    """Whether Prefect's server has the deployment `daily`, and somebody works for it.

    Args:
        status: HTTP status of the server's answer.
        content: The deployment, where the server has it.
    """
    name = "deployment"
    if status in (401, 403):
        return Finding(
            name, "failed", "the server refuses us", "set PREFECT_API_AUTH_STRING as its server has it"
        )
    if not content or status >= 400:
        return Finding(name, "warning", "daily/daily is not deployed", "run `coincast deploy`")
    schedules = [one for one in content.get("schedules", []) if one.get("active")]
    if content.get("paused") or not schedules:
        remedy = "activate its schedule in the UI; where it has none, run `prefect --no-prompt deploy --name daily`"
        return Finding(name, "warning", "daily/daily has no active schedule", remedy)
    if content.get("status") != "READY":
        remedy = "run `prefect worker start --pool coincast` in the project folder"
        return Finding(name, "warning", "no worker asks for the runs of daily/daily", remedy)
    zones = sorted({str(one["schedule"].get("timezone") or "UTC") for one in schedules})
    moving = [zone for zone in zones if _changes_its_clock(zone, year=_A_YEAR)]
    if moving:
        said = f"daily/daily is scheduled by the clock of {', '.join(moving)}, which changes twice a year"
        return Finding(name, "warning", said, "give its schedule the zone UTC (docs/operations.md says why)")
    crons = ", ".join(str(one["schedule"].get("cron", "")) for one in schedules)
    return Finding(name, "ok", f"daily/daily runs at {crons} (UTC), and a worker asks for its runs")


def _changes_its_clock(zone: str, *, year: int) -> bool:
    """Whether a zone's offset differs between the months of a year; one that nobody knows counts as such."""
    try:
        known = ZoneInfo(zone)
    except (OSError, LookupError, ValueError):
        return True
    return len({datetime(year, month, 1, tzinfo=known).utcoffset() for month in range(1, 13)}) > 1
