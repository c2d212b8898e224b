from datetime import date, timedelta

import pytest

from pipeline.monitoring.catch_up import days_due

NEWEST = date(2026, 3, 29)


def day(back: int) -> date:
    return NEWEST - timedelta(days=back)


CANDLES = [day(back) for back in range(400)]


@pytest.mark.parametrize("policy", ["latest", "all", "none"])
def test_a_run_in_time_without_gaps_forecasts_the_newest_day(policy: str) -> None:
    made = [day(back) for back in range(1, 400)]
    assert days_due(policy, meant=NEWEST, newest=NEWEST, candles=CANDLES, made=made) == (NEWEST,)


@pytest.mark.parametrize("policy", ["latest", "all", "none"])
def test_the_first_run_has_missed_nothing(policy: str) -> None:
    assert days_due(policy, meant=NEWEST, newest=NEWEST, candles=CANDLES, made=()) == (NEWEST,)


def test_missed_days_come_before_the_newest_and_a_hole_is_none() -> None:
    candles = [one for one in CANDLES if one != day(3)]
    made = [day(5), day(2)]
    due = days_due("all", meant=NEWEST, newest=NEWEST, candles=candles, made=made)
    assert due == (day(4), day(1), NEWEST)


def test_only_the_last_thirty_days_are_caught_up_on() -> None:
    due = days_due("all", meant=NEWEST, newest=NEWEST, candles=CANDLES, made=[day(200)])
    assert due == tuple(day(back) for back in range(30, -1, -1))


def test_a_run_that_starts_a_day_late() -> None:
    due = {
        policy: days_due(policy, meant=day(1), newest=NEWEST, candles=CANDLES, made=[day(2)])
        for policy in ("none", "latest", "all")
    }
    assert due == {"none": (), "latest": (NEWEST,), "all": (day(1), NEWEST)}
