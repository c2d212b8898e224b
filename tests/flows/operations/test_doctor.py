"""Each conclusion of the doctor from made-up facts, on both sides of its bound."""

from datetime import UTC, date, datetime, timedelta

import pytest

from flows.edges.machine.sizes import Store
from flows.operations.doctor import (
    FULL_BYTES,
    SCARCE_BYTES,
    judge_alarms,
    judge_clock,
    judge_deployment,
    judge_disk,
    judge_packages,
    judge_sizes,
)
from pipeline.monitoring.alarms import KINDS, Alarm

NOW = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
REQUIRED = ("prefect==3.8.8", "fastapi>=0.139,<0.151", "psycopg[binary]>=3.2")
READY = {
    "status": "READY",
    "paused": False,
    "schedules": [{"active": True, "schedule": {"cron": "20 0 * * *"}}],
}


def test_the_packages_that_are_asked_for() -> None:
    assert (
        judge_packages(REQUIRED, {"prefect": "3.8.8", "fastapi": "0.140.1", "psycopg": "3.3.2"}).status
        == "ok"
    )


def test_a_moved_pin_and_a_missing_package_are_named_with_what_is_wanted() -> None:
    finding = judge_packages(REQUIRED, {"prefect": "3.8.8", "fastapi": "0.155.0"})
    assert finding.status == "failed"
    assert "fastapi is 0.155.0 (wanted <0.151,>=0.139)" in finding.said
    assert "psycopg is missing" in finding.said
    assert "prefect" not in finding.said
    assert "make setup" in finding.remedy


@pytest.mark.parametrize(
    ("free", "status"),
    [
        (SCARCE_BYTES, "ok"),
        (SCARCE_BYTES - 1, "warning"),
        (FULL_BYTES, "warning"),
        (FULL_BYTES - 1, "failed"),
    ],
)
def test_disk(free: int, status: str) -> None:
    finding = judge_disk("/srv/coincast", free)
    assert finding.status == status
    assert bool(finding.remedy) == (status != "ok")


def test_a_clock_that_is_behind_what_was_recorded() -> None:
    assert judge_clock(NOW, None).status == "ok"
    assert judge_clock(NOW, NOW + timedelta(minutes=5)).status == "ok"
    finding = judge_clock(NOW, NOW + timedelta(minutes=5, seconds=1))
    assert (finding.status, "NTP" in finding.remedy) == ("failed", True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_alarm_fails_and_says_what_to_do(kind: str) -> None:
    alarm = Alarm("binance/BTCUSDT/1d", kind, "Something is wrong.", date(2026, 3, 29))
    (finding,) = judge_alarms(alarm.series, [alarm])
    assert finding.status == "failed"
    assert finding.said == "since 2026-03-29: Something is wrong."
    assert finding.remedy
    assert "{" not in finding.remedy


def test_a_baseline_has_no_champion_to_roll_back() -> None:
    alarm = Alarm("binance/BTCUSDT/1d", "coverage", "Something is wrong.", date(2026, 3, 29))
    (model,), (baseline,) = (judge_alarms(alarm.series, [alarm], configured=one) for one in (False, True))
    assert "rollback" in model.remedy
    assert baseline.remedy.endswith("then choose another recipe in coincast.toml")


def test_no_alarm_is_said() -> None:
    (finding,) = judge_alarms("binance/BTCUSDT/1d", [])
    assert (finding.status, finding.remedy) == ("ok", "")


@pytest.mark.parametrize(
    ("status", "change", "result", "remedy"),
    [
        (200, {}, "ok", ""),
        (404, None, "warning", "run `coincast deploy`"),
        (401, None, "failed", "PREFECT_API_AUTH_STRING"),
        (200, {"paused": True}, "warning", "activate"),
        (200, {"schedules": []}, "warning", "activate"),
        (200, {"status": "NOT_READY"}, "warning", "worker start"),
    ],
)
def test_the_deployment(status: int, change: dict[str, object] | None, result: str, remedy: str) -> None:
    finding = judge_deployment(status, {} if change is None else READY | change)
    assert finding.status == result
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("zone", "result"),
    [
        (None, "ok"),
        ("UTC", "ok"),
        ("Africa/Abidjan", "ok"),
        ("Asia/Tokyo", "ok"),
        ("Europe/Berlin", "warning"),
        ("America/New_York", "warning"),
        ("Australia/Lord_Howe", "warning"),
        ("Nowhere/Atall", "warning"),
        ("../etc", "warning"),
    ],
)
@pytest.mark.parametrize("kind", [{"cron": "20 0 * * *"}, {"interval": 86400}])
def test_a_schedule_by_a_clock_that_changes_is_told(
    zone: str | None, result: str, kind: dict[str, object]
) -> None:
    schedules = [{"active": True, "schedule": {**kind, "timezone": zone}}]
    finding = judge_deployment(200, READY | {"schedules": schedules})
    assert finding.status == result
    if result == "warning":
        assert zone is not None
        assert zone in finding.said
        assert "UTC" in finding.remedy
    idle = {"active": False, "schedule": {"cron": "1 2 * * *", "timezone": "Europe/Berlin"}}
    assert judge_deployment(200, READY | {"schedules": [*READY["schedules"], idle]}).status == "ok"  # type: ignore[misc]


def test_sizes_are_told_and_a_disk_that_is_full_within_half_a_year_is_warned_of() -> None:
    there = (Store("snapshots", 12_300_000, 1_200_000), Store("publication", 8_300_000))
    first, second, growth = judge_sizes(there, free=6 * 1_200_000)
    assert (first.name, first.said) == (
        "size of snapshots", "12.3 MB, 1.2 MB of it from the last 30 days"
    )  # fmt: skip
    assert second.said == "8.3 MB"
    assert growth.status == "ok"
    *_, growth = judge_sizes(there, free=6 * 1_200_000 - 1)
    assert (growth.status, "6.0 months" in growth.said) == ("warning", True)
    assert growth.remedy
    assert [one.status for one in judge_sizes((), free=0)] == ["ok"]
