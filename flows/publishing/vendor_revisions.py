"""What the vendor changed between the snapshots of a series, and which forecasts and models that touches."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from pipeline.candles.columns import DATE, PRICES
from pipeline.candles.revisions import Revisions, compare_candles, touched, touched_models
from pipeline.errors import CandleFileError, StoreError

if TYPE_CHECKING:
    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import Snapshot, SnapshotStore, Vintage
    from pipeline.series import Series

log: Final = logging.getLogger("coincast")


@dataclass(frozen=True, eq=False)
class Change:
    """One snapshot of a series after another.

    Attributes:
        series: Whose.
        old: The file before.
        new: The file after it.
        revisions: What changed.
        forecasts: Forecasts issued before the newer file was seen that the change touches
            (`pipeline.candles.revisions.touched`), a row for each horizon.
        models: Model versions fitted on changed figures.
    """

    series: "Series"
    old: "Vintage"
    new: "Vintage"
    revisions: Revisions
    forecasts: pd.DataFrame
    models: tuple[str, ...]

    @property
    def as_ofs(self) -> tuple[str, ...]:
        """Days whose forecasts saw figures that changed."""
        return _days(self.forecasts, "input_changed", "as_of")

    @property
    def targets(self) -> tuple[str, ...]:
        """Days that were forecast and whose close changed."""
        return _days(self.forecasts, "target_changed", "target_date")

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "series": str(self.series),
            "old_sha256": self.old.snapshot.sha256,
            "new_sha256": self.new.snapshot.sha256,
            "seen_at": self.new.since.isoformat(),
            **self.revisions.as_dict(),
            "touched": {"as_of": self.as_ofs, "target_date": self.targets, "models": self.models},
        }

    def rows(self, limit: int) -> list[dict[str, object]]:
        """Restated figures as plain values, for a table: prices before volumes, the largest changes first."""
        table = self.revisions.restated
        ranks = table.assign(other=~table["field"].isin(PRICES), size=table["relative_change"].abs())
        order = ranks.sort_values(["other", "size"], ascending=[True, False]).index[:limit]
        return [
            {
                "date": self.revisions.name(row[DATE]),
                "field": row["field"],
                "old": row["old"],
                "new": row["new"],
                "change_pct": None
                if pd.isna(row["relative_change"])
                else round(row["relative_change"] * 100, 4),
            }
            for row in table.loc[order].to_dict(orient="records")
        ]


@dataclass(frozen=True, eq=False)
class NewestFile:
    """A series' file as a run uses it.

    Attributes:
        snapshot: What is to be used.
        change: What the vendor changed in its newest file; None where there was none before.
        warning: Why the source's newest file is not the one that is used, and what to do; empty where it is.
    """

    snapshot: "Snapshot"
    change: Change | None
    warning: str = ""

    @property
    def restated_days(self) -> int:
        """Days with a changed figure."""
        return len(self.change.revisions.restated_days) if self.change else 0


def newest_file(snapshot: "Snapshot", store: "SnapshotStore", ledger: "Ledger") -> NewestFile:
    """A series' snapshot with the last change of its files."""
    changes = vendor_changes(snapshot.series, store, ledger, newest=True)
    return NewestFile(snapshot, next(changes, None))


def vendor_changes(
    series: "Series",
    store: "SnapshotStore",
    ledger: "Ledger",
    *,
    since: date | None = None,
    newest: bool = False,
) -> Iterator[Change]:
    """Each snapshot of a series compared with the one before it, oldest first.

    Snapshots that are damaged or cannot be read any more are named in the log and left out.

    Args:
        series: Which.
        store: Where its snapshots are.
        ledger: Where its forecasts are.
        since: Changes seen on this day (UTC) or later.
        newest: The last change only.
    """
    vintages = store.vintages(series)
    late = [number for number, one in enumerate(vintages) if since is None or one.since.date() >= since]
    first = max(len(vintages) - 2, 0) if newest else max(min(late, default=len(vintages)) - 1, 0)
    forecasts = ledger.forecasts(series)
    before: tuple[Vintage, pd.DataFrame] | None = None
    for vintage in vintages[first:]:
        candles = _candles(store, vintage)
        if candles is None:
            continue
        if before is not None:
            revisions = compare_candles(before[1], candles)
            known = forecasts[forecasts["issued_at"] < vintage.since]
            yield Change(
                series,
                before[0],
                vintage,
                revisions,
                touched(revisions, known),
                touched_models(revisions, known),
            )
        before = vintage, candles


def _candles(store: "SnapshotStore", vintage: "Vintage") -> pd.DataFrame | None:
    try:
        return store.reading(vintage.snapshot).candles
    except (StoreError, CandleFileError) as error:
        log.warning("%s", error)
        return None


def _days(forecasts: pd.DataFrame, marked: str, column: str) -> tuple[str, ...]:
    days = forecasts.loc[forecasts[marked].astype(bool), column].drop_duplicates().sort_values()
    return tuple(days.dt.strftime("%Y-%m-%d"))
