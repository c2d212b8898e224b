"""Commands that are killed with SIGKILL at points chosen by a seed, and the same again: nothing is lost or twice."""

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from tests.soak.installation import DAY, SEED, Installation, backfill, daily
from tests.soak.processes import Ended

pytestmark = [pytest.mark.slow, pytest.mark.timeout(4 * 3600)]

KILLS = int(os.environ.get("SOAK_KILLS", "100"))
NEXT = DAY + timedelta(days=1)
# A worker of a killed driver finds out by its lease.
ORPHANS_S = 30.0


FRESH = (daily(), (), "har-range")
BACKFILL = (*backfill(), "--chunk", "2", "--lease", "2")


@dataclass(frozen=True)
class Work:
    """A command, the stores before it, and what they hold after one that nobody disturbed."""

    words: tuple[str, ...]
    before: Installation
    undisturbed: Installation
    ended: Ended

    def killed(self, folder: Path, chance: random.Random) -> Installation:
        """The stores after one that was killed: at one of its writes, or at any time."""
        here = self.before.copy(folder)
        by_write = chance.random() < 0.5
        at = chance.randint(1, self.ended.writes) if by_write else 0
        command = here.begin(*self.words, killed_at=at)
        if not by_write and command.wait(chance.uniform(0, self.ended.seconds)) is None:
            command.kill()
        ended = command.end()
        assert ended.code in (-9, 0), ended.said
        print(f"{self.words[0]}: killed", f"at write {at}" if by_write else f"after {ended.seconds:.1f} s")
        until = time.monotonic() + ORPHANS_S
        while command.family and time.monotonic() < until:
            time.sleep(0.1)
        assert command.family == []
        return here

    def check(self, here: Installation) -> None:
        """Whole at once; and after the same command again as if nobody had disturbed it."""
        here.require_whole()
        again = here.run(*self.words)
        assert again.code == 0, again.said
        here.require_whole()
        here.require_same(self.undisturbed)


@pytest.fixture
def stores(tmp_path: Path, installation: Callable[..., Installation]) -> Callable[..., Work]:
    """Makes the stores before a command, on which a former one was run, and those after it."""

    def make(words: tuple[str, ...], former: tuple[str, ...], recipe: str) -> Work:
        folder = tmp_path / "stores"
        before = installation(folder / "before", until=NEXT if former else DAY, recipe=recipe)
        if former:
            assert before.run(*former).code == 0
        after = before.copy(folder / "after")
        ended = after.run(*words)
        assert ended.code == 0, ended.said
        after.require_whole()
        return Work(words, before, after, ended)

    return make


def tried(work: Work, folder: Path, kills: int) -> Iterator[str]:
    """What was lost, by kill."""
    for number in range(kills):
        chance = random.Random(f"{SEED} {work.words[0]} {number}")
        here = folder / f"{number}"
        try:
            work.check(work.killed(here, chance))
        except (AssertionError, TimeoutError) as error:
            yield f"kill {number} of {here}: {error}"


@pytest.mark.parametrize(
    ("kind", "kills"),
    [
        pytest.param(FRESH, 2, id="daily, sample"),
        *(
            pytest.param(kind, KILLS, id=name, marks=pytest.mark.soak)
            for name, kind in {
                "daily": FRESH,
                "daily after another": (daily(NEXT), daily(), "har-range"),
                "daily with a network": (daily(), (), "tiny-range"),
                "backfill": (BACKFILL, (), "har-range"),
                "backfill by two processes": ((*BACKFILL, "--max-parallel", "2"), (), "har-range"),
            }.items()
        ),
    ],
)
def test_what_is_killed_is_done_by_the_same_command_again(
    stores: Callable[..., Work],
    tmp_path: Path,
    kind: tuple[tuple[str, ...], tuple[str, ...], str],
    kills: int,
) -> None:
    lost = list(tried(stores(*kind), tmp_path, kills))
    print(f"{kills} kills, {len(lost)} lost")
    assert lost == []
