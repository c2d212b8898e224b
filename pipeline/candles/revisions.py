"""What a vendor changed between two files of one series: new, restated, vanished and filled days."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.candles.columns import CANDLE_COLUMNS, CLOSE, DATE, PRICES

# Two figures nearer than this, relatively, are the same written twice: 11761.000000000002.
SAME: Final = 1e-9
_FIELDS: Final = [name for name in CANDLE_COLUMNS if name != DATE]


@dataclass(frozen=True, eq=False)
class Revisions:
    """The differences of two candle tables; days are bars of the table's own step.

    Attributes:
        new: Days after the older table's last.
        filled: Days that the older table left out, before its last.
        vanished: Days that the newer table does not have any more.
        restated: A row for each figure that changed: `date`, `field`, `old`, `new` and `relative_change`, which is
            new / old − 1 and NaN where old is zero. Figures that only one table tells are no restatement.
        hourly: Whether days are hours.
    """

    new: tuple[datetime, ...]
    filled: tuple[datetime, ...]
    vanished: tuple[datetime, ...]
    restated: pd.DataFrame
    hourly: bool = False

    @property
    def is_history_changed(self) -> bool:
        """Whether anything but new days came."""
        return bool(self.filled or self.vanished or len(self.restated))

    @property
    def restated_days(self) -> tuple[datetime, ...]:
        """Days with a changed figure."""
        return _days(pd.DatetimeIndex(self.restated[DATE].unique()))

    @property
    def summary(self) -> str:
        """One bounded sentence.

        Example: 1 new day (2026-03-30); 2 figures of 1 day restated, close by up to +3.73 % (2020-11-20).
        """
        kinds = {"new": self.new, "filled": self.filled, "vanished": self.vanished}
        parts = [self._counted(days, kind) for kind, days in kinds.items() if days]
        if len(self.restated):
            parts.append(self._restatement())
        return f"{'; '.join(parts)}." if parts else "Nothing changed."

    def as_dict(self) -> dict[str, Any]:
        """JSON values: `summary`, `new`, `filled`, `vanished` and `restated`, a mapping for each changed figure."""
        table = self.restated.astype({"relative_change": object})
        rows = table.where(table.notna(), None).to_dict(orient="records")
        return {
            "summary": self.summary,
            "new": [self.name(day) for day in self.new],
            "filled": [self.name(day) for day in self.filled],
            "vanished": [self.name(day) for day in self.vanished],
            "restated": [{**row, DATE: self.name(row[DATE])} for row in rows],
        }

    def name(self, day: datetime) -> str:
        """ISO date, with the hour in hourly tables."""
        return day.strftime("%Y-%m-%dT%H:%M" if self.hourly else "%Y-%m-%d")

    @property
    def _bar(self) -> str:
        return "hour" if self.hourly else "day"

    def _counted(self, days: Sequence[datetime], kind: str) -> str:
        """As `12 filled days (2019-03-20 to 2019-03-31)`."""
        span = " to ".join(dict.fromkeys(self.name(day) for day in (days[0], days[-1])))
        return f"{_number(len(days), f'{kind} {self._bar}')} ({span})"

    def _restatement(self) -> str:
        """How much was restated, and the largest change of the close, or of the prices where no close changed."""
        bars = _number(len(self.restated_days), self._bar)
        told = f"{_number(len(self.restated), 'figure')} of {bars} restated"
        for fields in ([CLOSE], list(PRICES), _FIELDS):
            changes = self.restated[self.restated["field"].isin(fields)].dropna()
            if len(changes):
                worst = changes.iloc[int(changes["relative_change"].abs().argmax())]
                change = f"{worst['relative_change'] * 100:+.3g} %"
                return f"{told}, {worst['field']} by up to {change} ({self.name(worst[DATE])})"
        return told


def compare_candles(old: pd.DataFrame, new: pd.DataFrame) -> Revisions:
    """What changed from one candle table of a series to a later one.

    Args:
        old: Candle table (`pipeline.candles.columns`) of the file that came first.
        new: Candle table of the file that came after it.
    """
    before, after = pd.DatetimeIndex(old[DATE]), pd.DatetimeIndex(new[DATE])
    came = after.difference(before)
    is_new = came > before.max() if len(before) else np.ones(len(came), dtype=bool)
    bars = before.union(after)
    return Revisions(
        new=_days(came[is_new]),
        filled=_days(came[~is_new]),
        vanished=_days(before.difference(after)),
        restated=_restated(old.set_index(DATE), new.set_index(DATE)),
        hourly=bool((bars != bars.normalize()).any()),
    )


def touched(revisions: Revisions, forecasts: pd.DataFrame, *, window_days: int = 90) -> pd.DataFrame:
    """Forecasts that were made from, or scored against, figures that the vendor has changed since.

    Args:
        revisions: Of the file that the forecasts were made from and a later one; daily.
        forecasts: With columns `as_of` and `target_date`, both naive `datetime64`.
        window_days: How many days before its as_of a forecast's own inputs reach back. What its model was
            fitted on may reach further.

    Returns:
        The forecasts that are touched, in their order, and two columns besides: `input_changed`, a day from
        as_of − window_days to as_of was restated, filled or vanished; `target_changed`, the target's close was.
    """
    gone = [*revisions.filled, *revisions.vanished]
    inputs = pd.DatetimeIndex([*revisions.restated_days, *gone]).unique().sort_values()
    closes = revisions.restated.loc[revisions.restated["field"] == CLOSE, DATE]
    result = forecasts.assign(
        input_changed=_any_within(inputs, pd.DatetimeIndex(forecasts["as_of"]), window_days),
        target_changed=forecasts["target_date"].isin([*closes, *gone]),
    )
    return result[result["input_changed"] | result["target_changed"]]


def touched_models(revisions: Revisions, forecasts: pd.DataFrame) -> tuple[str, ...]:
    """Model versions that were fitted on figures that the vendor has changed since.

    A fit sees every day up to the one it was trained to, which is at or before the as_of of its first forecast.

    Args:
        revisions: As in `touched`.
        forecasts: With columns `model_id`, `model_version` and `as_of`.

    Returns:
        Names as `coincast-range_lstm 12`, sorted; models that are not registered (version `-`) are not named.
    """
    changed = [*revisions.restated_days, *revisions.filled, *revisions.vanished]
    versions = forecasts[forecasts["model_version"] != "-"]
    if not changed or versions.empty:
        return ()
    first = versions.groupby(["model_id", "model_version"])["as_of"].min()
    late = first[first >= min(changed)]
    return tuple(sorted(" ".join(map(str, key)) for key in late.index.to_flat_index()))


def _restated(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    common = before.index.intersection(after.index)
    old, new = before.loc[common, _FIELDS].to_numpy(), after.loc[common, _FIELDS].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.where(old == 0, np.nan, new / old - 1.0)
    # Comparisons with NaN are false: a figure that one table does not tell is no restatement.
    rows, columns = np.nonzero(np.abs(new - old) > SAME * np.maximum(np.abs(new), np.abs(old)))
    return pd.DataFrame(
        {
            DATE: common[rows],
            "field": np.array(_FIELDS, dtype=object)[columns],
            "old": old[rows, columns],
            "new": new[rows, columns],
            "relative_change": change[rows, columns],
        }
    ).astype({"field": str})


def _any_within(days: pd.DatetimeIndex, ends: pd.DatetimeIndex, window_days: int) -> np.ndarray:
    """Whether any of the sorted days lies in the window that ends at each end, both ends included."""
    first = days.searchsorted(ends - pd.Timedelta(days=window_days), side="left")
    behind = days.searchsorted(ends, side="right")
    return np.asarray(behind > first)


def _days(index: pd.DatetimeIndex) -> tuple[datetime, ...]:
    return tuple(day.to_pydatetime() for day in index.sort_values())


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"
