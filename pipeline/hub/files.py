"""Forecasts as a hubverse hub: a folder of CSV files and JSON configuration that other forecasters' tools read.

    hub/model-output/coincast-range_lstm/2026-03-29-coincast-range_lstm.csv
    hub/model-metadata/coincast-range_lstm.yml
    hub/hub-config/admin.json  tasks.json  model-metadata-schema.json  target-data.json
    hub/target-data/time-series.csv  oracle-output.csv                  (only where closes may be published)

The format: https://docs.hubverse.io, schemas v6.0.0. Forecasts issued in time lie in `hub/`, those made
afterwards in `hub-backfill/`. A file holds every series of its day; several runs add to it by `merge_hub_file`.
"""

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final

from pipeline.forecasts.columns import BACKFILL, LIVE, mode_of
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.hub import configuration as hub_configuration
from pipeline.recipes.base import Recipe

TASK_IDS: Final = ("reference_date", "horizon", "target_end_date", "location")
COLUMNS: Final = (*TASK_IDS, "output_type", "output_type_id", "value")
TIME_SERIES_COLUMNS: Final = ("target_end_date", "location", "observation")
ORACLE_COLUMNS: Final = ("target_end_date", "location", "oracle_value")
FOLDERS: Final = {LIVE: "hub", BACKFILL: "hub-backfill"}

# Rows of a published file that a newer run replaces: those that agree in these columns.
_KEYS: Final[dict[tuple[str, ...], tuple[str, ...]]] = {
    COLUMNS: TASK_IDS,
    TIME_SERIES_COLUMNS: ("target_end_date", "location"),
    ORACLE_COLUMNS: ("target_end_date", "location"),
}
_Row = tuple[str, ...]


def hub_files(
    forecasts: Sequence[Forecast],
    *,
    now: datetime,
    recipes: Iterable[Recipe],
    simulated: bool = False,
    backfilled: bool = False,
) -> dict[str, bytes]:
    """Both hubs' files for these forecasts, by path; a hub without a forecast has no files.

    Args:
        forecasts: Of any models, series and days.
        now: When they were issued; decides for each horizon whether it is live.
        recipes: What the models are, for their metadata; one for each model_id.
        simulated: Whether the market is made up; every configuration says so.
        backfilled: Whether a backfill made them: no horizon is live then.
    """
    metadata = {
        recipe.model_id: hub_configuration.model_metadata(recipe, simulated=simulated) for recipe in recipes
    }
    files: dict[str, bytes] = {}
    for mode, folder in FOLDERS.items():
        rows = _rows_by_model_and_day(forecasts, now=None if backfilled else now, mode=mode)
        if rows:
            files |= _configuration(folder, rows.values(), mode=mode, simulated=simulated)
        for (model_id, day), lines in rows.items():
            files[f"{folder}/model-metadata/{model_id}.yml"] = metadata[model_id]
            files[f"{folder}/model-output/{model_id}/{day}-{model_id}.csv"] = _csv(COLUMNS, lines)
    return files


def target_data_files(closes: Mapping[tuple[date, str], float]) -> dict[str, bytes]:
    """What came, for both hubs; only for closes that may be published.

    Args:
        closes: Close in quote currency by day and series slug.
    """
    rows = [(day.isoformat(), slug, repr(float(close))) for (day, slug), close in sorted(closes.items())]
    files = {}
    for folder in FOLDERS.values():
        files[f"{folder}/target-data/time-series.csv"] = _csv(TIME_SERIES_COLUMNS, rows)
        files[f"{folder}/target-data/oracle-output.csv"] = _csv(ORACLE_COLUMNS, rows)
        files[f"{folder}/{hub_configuration.TARGET_DATA}"] = hub_configuration.target_data_json()
    return files


def join_hub_files(*parts: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of several calls of `hub_files` or `target_data_files`, the later ones added to the earlier."""
    joined: dict[str, bytes] = {}
    for part in parts:
        for path, content in part.items():
            joined[path] = merge_hub_file(path, joined[path], content) if path in joined else content
    return joined


def merge_hub_file(path: str, published: bytes, new: bytes) -> bytes:
    """A hub file with the rows or days of both; where both speak of the same thing, the new one counts.

    What is published and cannot be read is replaced.
    """
    merges = {"tasks.json": hub_configuration.merge_tasks, "csv": _merge_csv}
    merge = merges.get(path.rpartition("/")[2]) or merges.get(path.rpartition(".")[2])
    if merge is None:
        return new
    try:
        return merge(published, new)
    except (ValueError, LookupError, TypeError, csv.Error):
        return new


def _rows_by_model_and_day(
    forecasts: Sequence[Forecast], *, now: datetime | None, mode: str
) -> dict[tuple[str, date], list[_Row]]:
    """The rows of one mode; without `now` all are of a backfill."""
    files: dict[tuple[str, date], list[_Row]] = {}
    for forecast in forecasts:
        for horizon in HORIZONS:
            if mode == (mode_of(forecast.target_date(horizon), now=now) if now else BACKFILL):
                files.setdefault((forecast.model_id, forecast.as_of), []).extend(_rows(forecast, horizon))
    return {key: sorted(rows, key=_row_order) for key, rows in files.items()}


def _rows(forecast: Forecast, horizon: int) -> list[_Row]:
    target_date = forecast.target_date(horizon).isoformat()
    task = (forecast.as_of.isoformat(), str(horizon), target_date, forecast.series.slug)
    # repr gives the shortest text that reads back as the same number.
    values = forecast.quantiles[horizon - 1].tolist()
    return [
        (*task, "quantile", repr(level), repr(value)) for level, value in zip(LEVELS, values, strict=True)
    ]


def _row_order(row: Sequence[str]) -> tuple[str, str, int, float]:
    reference_date, horizon, _, location, _, level, _ = row
    return location, reference_date, int(horizon), float(level)


def _configuration(
    folder: str, rows: Iterable[list[_Row]], *, mode: str, simulated: bool
) -> dict[str, bytes]:
    everything = [row for lines in rows for row in lines]
    task_ids: dict[str, set[Any]] = {
        name: {row[index] for row in everything} for index, name in enumerate(TASK_IDS)
    }
    task_ids["horizon"] = set(HORIZONS)
    return {
        f"{folder}/{hub_configuration.TASKS}": hub_configuration.tasks_json(task_ids, mode=mode),
        f"{folder}/{hub_configuration.ADMIN}": hub_configuration.admin_json(mode=mode, simulated=simulated),
        f"{folder}/{hub_configuration.MODEL_SCHEMA}": hub_configuration.model_schema_json(),
    }


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def _merge_csv(published: bytes, new: bytes) -> bytes:
    old_header, *old_rows = csv.reader(io.StringIO(published.decode()))
    header, *rows = csv.reader(io.StringIO(new.decode()))
    columns = tuple(header)
    if columns not in _KEYS or old_header != header:
        return new
    key = [columns.index(name) for name in _KEYS[columns]]
    replaced = {tuple(row[index] for index in key) for row in rows}
    kept = [row for row in old_rows if tuple(row[index] for index in key) not in replaced]
    order: Callable[[Sequence[str]], Any] = _row_order if columns == COLUMNS else tuple
    return _csv(columns, sorted([*kept, *rows], key=order))
