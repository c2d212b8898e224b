"""Long tables: what the stores hold in the form that the field's libraries share.

A row is one forecast of one day: `unique_id` (the series), `ds` (the day that is forecast), `cutoff` (the last day that
the forecast saw), `y` (the close, NaN until it is known) and `model`; then `horizon`, `mode` and
a column a quantile, `q0.01` to `q0.99`, in quote currency. Days are naive `datetime64[us]`.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pandas as pd

from flows.edges.files.staging import put_in_place, staged_file
from flows.edges.private_files import give_usual_mode
from pipeline.candles.columns import CLOSE, DATE
from pipeline.errors import InputError
from pipeline.forecasts.columns import (
    ACTUAL_CLOSE,
    AS_OF,
    HITS,
    HORIZON,
    KEY,
    MODE,
    MODEL_ID,
    SERIES,
    TARGET_DATE,
    WIS,
    quantile_matrix,
)
from pipeline.forecasts.quantiles import LEVELS

if TYPE_CHECKING:
    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.tracking.experiments import Experiment
    from pipeline.series import Series

UNIQUE_ID: Final = "unique_id"
DS: Final = "ds"
CUTOFF: Final = "cutoff"
Y: Final = "y"
MODEL: Final = "model"
QUANTILE_COLUMNS: Final = tuple(f"q{level:g}" for level in LEVELS)

_NAMES: Final = {SERIES: UNIQUE_ID, TARGET_DATE: DS, AS_OF: CUTOFF, MODEL_ID: MODEL, ACTUAL_CLOSE: Y}
_HEAD: Final = [UNIQUE_ID, DS, CUTOFF, Y, MODEL, HORIZON, MODE]
_SCORE_COLUMNS: Final = [*_HEAD, WIS, "absolute_error", "pit", *HITS]
_BACKTEST_KEY: Final = {
    "location": UNIQUE_ID, "target_end_date": DS, "reference_date": CUTOFF, "model_id": MODEL, "horizon": HORIZON,
}  # fmt: skip


def forecast_table(
    ledger: "Ledger",
    series: "Series | None" = None,
    *,
    since: date | None = None,
    until: date | None = None,
    models: Sequence[str] | None = None,
    mode: str | None = None,
) -> pd.DataFrame:
    """Forecasts as they were issued last, with the close where it was scored, for as_of from `since` to `until`."""
    rows = ledger.forecasts(series, since=since, until=until, model_ids=models, mode=mode)
    scored = ledger.scores(series, since=since, model_ids=models, mode=mode)[[*KEY, ACTUAL_CLOSE]]
    table = rows.merge(scored, on=list(KEY), how="left").rename(columns=_NAMES)
    quantiles = pd.DataFrame(quantile_matrix(rows), columns=list(QUANTILE_COLUMNS))
    return pd.concat([table[_HEAD], quantiles], axis="columns")


def score_table(
    ledger: "Ledger",
    series: "Series | None" = None,
    *,
    since: date | None = None,
    until: date | None = None,
    models: Sequence[str] | None = None,
    mode: str | None = None,
) -> pd.DataFrame:
    """Scores of the days from `since` to `until`: WIS (log returns), absolute error (quote currency), PIT, hits."""
    rows = ledger.scores(series, since=since, until=until, model_ids=models, mode=mode)
    return rows.rename(columns=_NAMES)[_SCORE_COLUMNS]


def truth_table(
    snapshots: "SnapshotStore", series: "Series", *, since: date | None = None, until: date | None = None
) -> pd.DataFrame:
    """Closes of the series' newest usable file from `since` to `until`: `unique_id`, `ds`, `y`.

    Raises:
        InputError: The series has no snapshot.
    """
    newest = snapshots.latest(series)
    if newest is None:
        raise InputError(f"{series} has no snapshot yet; run `coincast daily --series {series}`.")
    candles = snapshots.reading(newest).candles
    table = pd.DataFrame({UNIQUE_ID: str(series), DS: candles[DATE], Y: candles[CLOSE]})
    wanted = table[DS].between(pd.Timestamp(since or date.min), pd.Timestamp(until or date.max))
    return table[wanted].reset_index(drop=True)


def backtest_table(rows: pd.DataFrame, candles: pd.DataFrame) -> pd.DataFrame:
    """The forecasts that a backtest wrote, by cutoff and horizon, with the closes of its candles.

    Args:
        rows: The file's rows, one a level (`pipeline.evaluation.backtest.COLUMNS`).
        candles: Daily candles that it walked on.
    """
    wide = rows.pivot_table(index=list(_BACKTEST_KEY), columns="output_type_id", values="value", sort=False)
    wide.columns = list(QUANTILE_COLUMNS)
    table = wide.reset_index().rename(columns=_BACKTEST_KEY).sort_values([CUTOFF, HORIZON], ignore_index=True)
    for name in (DS, CUTOFF):
        table[name] = table[name].astype("datetime64[us]")
    closes = candles.set_index(DATE)[CLOSE]
    table.insert(3, Y, closes.reindex(table[DS]).to_numpy())
    return table


def run_table(experiment: "Experiment", *, limit: int) -> pd.DataFrame:
    """A row a run, newest first: `run_id`, `name`, `status`, `started_at`, `seconds`, `recipe`, `as_of`, metrics."""
    return pd.DataFrame(
        {
            "run_id": run.id,
            "name": run.name,
            "status": run.status,
            "started_at": run.started_at,
            "seconds": (run.ended_at - run.started_at).total_seconds() if run.ended_at else None,
            "recipe": run.tags.get("recipe"),
            "as_of": run.tags.get("as_of"),
            **run.metrics,
        }
        for run in experiment.find_runs(limit=limit)
    )


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a long table as `.csv` (days as ISO dates, unknown as empty) or `.parquet`, whole or not at all.

    Raises:
        InputError: Its folder cannot be written.
    """
    try:
        with staged_file(path.resolve().parent) as file:
            if path.suffix == ".csv":
                table.to_csv(file, index=False, lineterminator="\n")
            else:
                table.to_parquet(file, index=False)
            put_in_place(file, path.resolve())
        give_usual_mode(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}. Name a folder that exists and has room."
        ) from error
