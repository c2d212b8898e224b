"""A series' file from several sources: the first that has a day is used, and the others complete it.

Each source's file is looked at, judged and kept by itself. What is used is the first source's file as it is, or, where
another one is needed, a composition of both (`composition.py`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, Final

import pandas as pd

from flows.edges.http.http_file import Answer, Progress
from flows.edges.http.retry_policy import RetryPolicy
from flows.edges.snapshots.composition import Composition, Part, part_series
from flows.edges.snapshots.download import DEFAULT_POLICY, Download, download
from flows.edges.snapshots.store import Snapshot, SnapshotStore
from flows.edges.sources.registry import Choice
from flows.edges.sources.source import Look, Source
from pipeline.addresses.address import Address
from pipeline.candles.columns import CLOSE, DATE
from pipeline.errors import CandleFileError, DamagedSnapshotError, SourceError, UnknownSeriesError
from pipeline.forecasts.columns import complete_at
from pipeline.series import Series

log: Final = logging.getLogger("coincast")


@dataclass(frozen=True)
class _One:
    """One of several sources, whose looks are kept apart from the others'."""

    source: Source
    series: Series

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def attribution(self) -> str:
        return self.source.attribution

    def place(self, series: Series, base: Address | Path) -> Address | Path:  # its own name is kept
        return self.source.place(self.series, base)

    def fetch(self, look: Look, into: BinaryIO) -> Answer:
        return self.source.fetch(look.of(self.series), into)


def download_from(
    series: Series,
    choice: Choice,
    store: SnapshotStore,
    *,
    now: datetime,
    limit_mb: int,
    on_progress: Progress | None = None,
    policy: RetryPolicy = DEFAULT_POLICY,
) -> Download:
    """Ask every source that is chosen, and keep what is to be used; arguments and errors as `download`.

    A source that fails is told and stands by what it had last, unless it is the first and the newest complete day is
    lacking then.
    """
    if choice.is_single:
        [(source, base)] = choice.places.items()
        return download(
            series,
            base,
            store,
            now=now,
            limit_mb=limit_mb,
            source=source,
            on_progress=on_progress,
            policy=policy,
        )
    before = store.latest(series)
    parts: dict[str, Snapshot] = {}
    failures: dict[str, SourceError | UnknownSeriesError] = {}
    for source, base in choice.places.items():
        line = part_series(series, source.name)
        try:
            done = download(
                line,
                base,
                store,
                now=now,
                limit_mb=limit_mb,
                source=_One(source, series),
                on_progress=on_progress,
                policy=policy,
            )
        except (SourceError, UnknownSeriesError) as error:
            failures[source.name] = error
            log.warning("%s: %s cannot be used now: %s", series, source.name, error)
            last = store.latest(line)
        else:
            last = done.snapshot
            if done.suspicion is not None:
                log.warning(
                    "%s: the newest file of %s is suspect: %s", series, source.name, done.suspicion.reason
                )
        if last is not None:
            parts[source.name] = last
    if not parts:
        raise next(iter(failures.values()))
    composition = _composed(parts, choice, store, now)
    _require_news(composition, parts, failures, choice, now)
    snapshot = _use(composition, parts, choice, store, series=series, now=now)
    suspicion, used = store.judgements(series).get(snapshot.sha256), store.latest(series)
    if suspicion and suspicion.verdict == "suspect" and used is not None:
        return Download(used, "suspect", suspicion)
    return Download(
        snapshot, "unchanged" if before is not None and before.sha256 == snapshot.sha256 else "new"
    )


def _composed(
    parts: Mapping[str, Snapshot], choice: Choice, store: SnapshotStore, now: datetime
) -> Composition:
    """Days after the first source's last from the next that has them, and its holes from the one that fills them."""
    order = [name for name in choice.order if name in parts] or list(parts)
    readable = {
        name: days for name in parts if (days := _days(store, parts[name], name, order[0])) is not None
    }
    base = order[0]
    have = readable.pop(base)
    taken: dict[str, pd.DatetimeIndex] = {}
    for name in order[1:]:
        if name in readable:
            more = readable[name][readable[name] > have[-1]]
            more = more[more < pd.Timestamp(now.date())]
            taken[name], have = more, have.union(more)
    if (filler := choice.fills) in readable:
        holes = readable[filler][(readable[filler] > have[0]) & (readable[filler] < have[-1])].difference(
            have
        )
        taken[filler] = taken.get(filler, pd.DatetimeIndex([])).union(holes)
    others = tuple(
        Part(name, parts[name].sha256, tuple(days.strftime("%Y-%m-%d")))
        for name, days in taken.items()
        if len(days)
    )
    return Composition(Part(base, parts[base].sha256), others)


def _days(store: SnapshotStore, part: Snapshot, name: str, base: str) -> pd.DatetimeIndex | None:
    """Days of a source's file; None where the file is damaged and is not the base."""
    try:
        return pd.DatetimeIndex(store.reading(part).candles[DATE])
    except (DamagedSnapshotError, CandleFileError) as error:
        if name == base:
            raise
        log.warning("%s cannot be used now: %s", name, error)
        return None


def _require_news(
    composition: Composition,
    parts: Mapping[str, Snapshot],
    failures: Mapping[str, SourceError | UnknownSeriesError],
    choice: Choice,
    now: datetime,
) -> None:
    """Let the first source's failure stand where no other has the newest complete day."""
    ends = [date.fromisoformat(one.days[-1]) for one in composition.others]
    last = max([parts[composition.base.source].last, *ends])
    failure = failures.get(choice.order[0])
    if failure is not None and complete_at(last).date() < now.date():
        raise failure


def _use(
    composition: Composition,
    parts: Mapping[str, Snapshot],
    choice: Choice,
    store: SnapshotStore,
    *,
    series: Series,
    now: datetime,
) -> Snapshot:
    """Keep what is used under the series itself."""
    base = parts[composition.base.source]
    is_plain = composition.base.source == choice.order[0] and not composition.others
    content = store.read(base) if is_plain else composition.as_bytes()
    url = base.url if is_plain else composition.url
    with store.staged() as file:
        file.write(content)
        file.flush()
        return store.add(
            Path(file.name),
            series=series,
            url=url,
            fetched_at=now,
            etag="",
            last_modified="",
            account=store.read_new(content, series=series, now=now).account,
        )


def differing_days(
    series: Series, choice: Choice, store: SnapshotStore, *, bound: float, days: int
) -> dict[str, dict[date, tuple[float, float]]]:
    """Of the last days that the first source and another one have, those whose closes differ.

    Args:
        series: Whose.
        choice: Which sources are compared, by what they had last.
        store: Where that is.
        bound: Largest difference, relative to the first source's close.
        days: How many days of each pair are compared, the newest.

    Returns:
        By the name of the other source, by day: the first one's close and its.
    """
    first, *others = (source.name for source in choice.places)
    used = _closes(series, first, store)
    differing: dict[str, dict[date, tuple[float, float]]] = {}
    for name in others:
        both = pd.concat([used, _closes(series, name, store)], axis=1, join="inner", keys=["used", "other"])
        both = both.sort_index().tail(days)
        wrong = both[(both["other"] / both["used"] - 1.0).abs() > bound]
        if len(wrong):
            differing[name] = {
                pd.Timestamp(day).date(): (float(one), float(two)) for day, one, two in wrong.itertuples()
            }
    return differing


def _closes(series: Series, source: str, store: SnapshotStore) -> pd.Series:
    """Closes by day of what a source had last; empty where that cannot be read."""
    part = store.latest(part_series(series, source))
    try:
        return store.reading(part).candles.set_index(DATE)[CLOSE] if part else pd.Series(dtype=float)
    except (DamagedSnapshotError, CandleFileError) as error:
        log.warning("%s", error)
        return pd.Series(dtype=float)
