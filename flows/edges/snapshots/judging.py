"""Which snapshots may be used: each new one is held against the last good one, and a person may accept it.

What was usable at an instant of the past is told by the judgements of then: a suspect file that was accepted later is
not what a run of that instant could have used.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import pandas as pd

from flows.edges.snapshots.index import Fetch, Judgement, Snapshot, SnapshotIndex
from pipeline.candles import Reading, resample_daily
from pipeline.candles.suspicion import suspect_reasons
from pipeline.errors import CandleFileError, DamagedSnapshotError
from pipeline.series import Series

Read = Callable[[Snapshot], Reading]
_HOURLY: Final = "1h"


@dataclass(frozen=True)
class Vintage:
    """What was to be used from an instant on.

    Attributes:
        since: When the source was first seen to have these bytes, after others or none, or when they were accepted.
        snapshot: The bytes; their own `fetched_at` may be earlier.
    """

    since: datetime
    snapshot: Snapshot


def current_judgements(
    judgements: Sequence[Judgement], *, at: datetime | None = None
) -> dict[str, Judgement]:
    """What holds of each sha256 of one series at an instant: the last judgement, and a person's for ever.

    Args:
        judgements: Of one series, oldest first.
        at: Later ones are left out; None keeps all.
    """
    standing: dict[str, Judgement] = {}
    for one in judgements:
        before = standing.get(one.sha256)
        if (at is None or one.judged_at <= at) and (before is None or before.verdict != "accepted"):
            standing[one.sha256] = one
    return standing


def suspects(judgements: Sequence[Judgement], *, at: datetime | None = None) -> frozenset[str]:
    """sha256 of what must not be used at an instant; arguments as `current_judgements`."""
    standing = current_judgements(judgements, at=at)
    return frozenset(name for name, one in standing.items() if one.verdict == "suspect")


def usable_from(
    fetches: Sequence[Fetch], judgements: Sequence[Judgement]
) -> tuple[tuple[datetime, str], ...]:
    """What was to be used, one after the other: instants and sha256, a row where it changed.

    Args:
        fetches: Looks at one series' sources, oldest first.
        judgements: Of the same series, oldest first.
    """
    changes: list[tuple[datetime, str]] = []
    seen = 0
    for instant in sorted({one.fetched_at for one in fetches} | {one.judged_at for one in judgements}):
        while seen < len(fetches) and fetches[seen].fetched_at <= instant:
            seen += 1
        barred = suspects(judgements, at=instant)
        looks = (fetches[place].sha256 for place in range(seen - 1, -1, -1))
        used = next((sha256 for sha256 in looks if sha256 not in barred), None)
        if used is not None and (not changes or changes[-1][1] != used):
            changes.append((instant, used))
    return tuple(changes)


def judge(index: SnapshotIndex, read: Read, snapshot: Snapshot, *, at: datetime) -> Judgement | None:
    """What a look at a source says of the bytes that it saw, whose object is stored already.

    Args:
        index: Of all snapshots.
        read: Gives a snapshot's candles.
        snapshot: What was seen.
        at: When.

    Returns:
        None where nothing changes: the bytes are those in use, accepted, suspect against the same snapshot as before,
        or as good as those in use.

    Raises:
        CandleFileError: The bytes are no candle file of the series.
        StoreError: The store refused.
    """
    judgements = index.judgements(snapshot.series)
    standing = current_judgements(judgements).get(snapshot.sha256)
    used = index.latest(snapshot.series, without=suspects(judgements))
    if used is None or used.sha256 == snapshot.sha256 or (standing and standing.verdict == "accepted"):
        return None
    good = _newest_readable(index, read, snapshot.series)
    if good is None or (standing and (standing.verdict, standing.against) == ("suspect", good[0].sha256)):
        return None
    base, candles = good
    reasons = suspect_reasons(candles, _days(read, snapshot))
    if not reasons and (standing is None or standing.verdict == "usable"):
        return None
    return Judgement(
        sha256=snapshot.sha256,
        series=snapshot.series,
        verdict="suspect" if reasons else "usable",
        reason="; ".join(reasons),
        against=base.sha256,
        judged_at=at,
    )


def _newest_readable(
    index: SnapshotIndex, read: Read, series: Series
) -> tuple[Snapshot, pd.DataFrame] | None:
    """The newest usable snapshot whose bytes can be read, and its days."""
    known = {one.sha256: one for one in index.snapshots(series)}
    used = usable_from(index.fetches(series), index.judgements(series))
    for sha256 in dict.fromkeys(sha256 for _, sha256 in reversed(used)):
        with suppress(CandleFileError, DamagedSnapshotError):
            return known[sha256], _days(read, known[sha256])
    return None


def _days(read: Read, snapshot: Snapshot) -> pd.DataFrame:
    candles = read(snapshot).candles
    return resample_daily(candles) if snapshot.series.timeframe == _HOURLY else candles
