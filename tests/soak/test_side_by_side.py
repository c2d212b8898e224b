"""Commands beside each other, and clocks that go back, forward, and stand for a week: nothing lost, nothing twice."""

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.soak.installation import DAY, Installation, backfill, daily

pytestmark = [pytest.mark.slow, pytest.mark.soak, pytest.mark.timeout(4 * 3600)]

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "10"))


@pytest.mark.parametrize(
    "commands",
    [(daily(),) * 2, (daily(),) * 4, (daily(), backfill(until=DAY - timedelta(days=1)))],
    ids=["two dailies", "four dailies", "a daily beside a backfill"],
)
def test_commands_at_once_on_a_fresh_store_are_as_one_after_the_other(
    installation: Callable[..., Installation], tmp_path: Path, commands: tuple[tuple[str, ...], ...]
) -> None:
    undisturbed, lost = installation(tmp_path / "undisturbed", until=DAY), []
    for words in dict.fromkeys(commands):
        assert undisturbed.run(*words).code == 0
    for number in range(ROUNDS):
        here = installation(tmp_path / str(number), until=DAY)
        ended = [one.end() for one in [here.begin(*words) for words in commands]]
        try:
            assert [one.code for one in ended] == [0] * len(ended), [one.last_line for one in ended]
            here.require_whole()
            here.require_same(undisturbed)
        except AssertionError as error:
            lost.append(f"{number}: {error}")
            print(lost[-1][:2000])
    print(f"{ROUNDS} rounds, {len(lost)} lost")
    assert lost == []


def test_a_clock_that_goes_back_and_forward_changes_nothing(
    installation: Callable[..., Installation], tmp_path: Path
) -> None:
    days = [DAY + timedelta(days=number) for number in range(4)]
    undisturbed = installation(tmp_path / "undisturbed", until=days[-1])
    here = installation(tmp_path / "here", until=days[-1])
    for day in days:
        assert undisturbed.run(*daily(day)).code == 0
    for moved in (days[0], days[1], days[0], days[2], days[1], days[2], days[3], days[0], days[3]):
        ended = here.run(*daily(moved))
        assert ended.code == 0, ended.said
        here.require_whole()
    here.require_same(undisturbed)
    # Of days that the vendor does not have yet nothing is made.
    far = here.run(*daily(days[-1] + timedelta(days=400)))
    print(far.last_line)
    assert far.code in (1, 2)
    assert far.last_line.startswith("coincast: ")
    here.require_whole()
    done = here.contents()
    assert done["forecasts"] == undisturbed.contents()["forecasts"]


def test_a_week_offline_is_caught_up_on_as_the_settings_say(
    installation: Callable[..., Installation], tmp_path: Path
) -> None:
    back = DAY + timedelta(days=8)
    for policy, days in (("latest", 2), ("all", 9)):
        here = installation(tmp_path / policy, until=back, COINCAST_CATCH_UP=policy)
        for day in (DAY, back, back):
            ended = here.run(*daily(day))
            assert ended.code == 0, ended.said
            here.require_whole()
        # Three forecasters, seven horizons.
        forecasts = here.contents()["forecasts"]
        assert forecasts.total() == len(forecasts) == days * 3 * 7
        assert here.contents()["publications"].total() == days
