"""What a notebook calls: each function opens what it needs, asks it, and closes it again."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from flows.inputs.arguments import parse_date
from pipeline.errors import CoincastError, InputError
from pipeline.forecasts.quantiles import HORIZONS
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame
    from sqlalchemy import Engine

    from flows.edges.configuration import Places

Day = date | str | None
P = ParamSpec("P")
R = TypeVar("R")
# An option in a sentence; what stands between backticks is a command, to be typed as it is.
_OPTION: Final = re.compile(r"`[^`]*`|--([a-z][a-z-]*)( (?=[A-Z0-9]|exchange/))?")
_RENAMED: Final = {"from": "first", "to": "last"}


def _in_its_words(function: Callable[P, R]) -> Callable[P, R]:
    """The function; an error that names an option of the command names the argument instead."""

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except CoincastError as error:
            if error.args and isinstance(error.args[0], str):
                error.args = (_OPTION.sub(_as_argument, error.args[0]), *error.args[1:])
            raise

    return asked


def _as_argument(found: re.Match[str]) -> str:
    option = found[1]
    if option is None:
        return found[0]
    return f"{_RENAMED.get(option, option.replace('-', '_'))}="


@_in_its_words
def read_candles(
    file: Path | str, *, series: str | None = None, mapping: Mapping[str, str] | None = None
) -> "DataFrame":
    """The candles of a file, as downloaded or as a spreadsheet left it.

    Args:
        file: Its path.
        series: The one to read of several.
        mapping: Role → column, as `{"date": "Day", "close": "Price"}`, for files with other names.

    Returns:
        A row a bar, oldest first: `date` (naive, UTC), `open`, `high`, `low`, `close` in quote currency, volumes and
        trades, NaN where the file does not tell them.

    Raises:
        InputError: The file cannot be read, or is larger than `download_limit_mb`.
        CandleFileError: It is no candle file, or an undecidable one.
    """
    from flows.edges.configuration import configuration
    from flows.inputs.candle_file import read_file
    from pipeline.candles import read_candles as read

    content = read_file(Path(file), configuration().settings)
    return read(content, series=_series(series), mapping=mapping).candles


@_in_its_words
def forecasts(
    series: str | None = None,
    *,
    since: Day = None,
    until: Day = None,
    models: Sequence[str] | None = None,
    mode: str | None = None,
) -> "DataFrame":
    """Forecasts of the ledger, in the long form of the field.

    Args:
        series: One series, as `binance/BTCUSDT/1d`; None for all.
        since: First cutoff, a date or `YYYY-MM-DD`.
        until: Last cutoff.
        models: These models, as `["coincast-random_walk"]`.
        mode: `live` or `backfill` only.

    Returns:
        A row a forecast day: `unique_id`, `ds`, `cutoff`, `y` (NaN until it is scored), `model`, `horizon`, `mode`, and
        `q0.01` … `q0.99` in quote currency.

    Raises:
        InputError: A series, a date or a mode is none.
        StoreError: The database refused.
    """
    from flows.edges.ledger.store import Ledger
    from flows.publishing.long_tables import forecast_table

    with _database() as (engine, _places):
        return forecast_table(
            Ledger(engine),
            _series(series),
            since=_day(since),
            until=_day(until),
            models=models,
            mode=_mode(mode),
        )


@_in_its_words
def scores(
    series: str | None = None,
    *,
    since: Day = None,
    until: Day = None,
    models: Sequence[str] | None = None,
    mode: str | None = None,
) -> "DataFrame":
    """Scores of the ledger; arguments and errors as `forecasts`, the days being those that were forecast.

    Returns:
        A row a scored day: the first seven columns of `forecasts`, then `wis` (of log returns), `absolute_error`
        (quote currency), `pit`, `hit_50` … `hit_95`.
    """
    from flows.edges.ledger.store import Ledger
    from flows.publishing.long_tables import score_table

    with _database() as (engine, _places):
        return score_table(
            Ledger(engine),
            _series(series),
            since=_day(since),
            until=_day(until),
            models=models,
            mode=_mode(mode),
        )


@_in_its_words
def truth(series: str) -> "DataFrame":
    """Closes of a series' newest file in the snapshot store: `unique_id`, `ds`, `y`.

    Raises:
        InputError: There is no snapshot of it.
        StoreError: The store refused.
    """
    from flows.edges.snapshots.store import SnapshotStore
    from flows.publishing.long_tables import truth_table

    with _database() as (engine, places):
        return truth_table(SnapshotStore(engine, places.snapshots_url), Series.parse(series))


@_in_its_words
def backtest(
    recipe: str,
    *,
    file: Path | str | None = None,
    series: str | None = None,
    beside: Sequence[Path | str] = (),
    first: Day = None,
    last: Day = None,
    refit_every: int = 365,
    horizons: Sequence[int] = HORIZONS,
    seed: int = 1,
) -> "DataFrame":
    """Walk a recipe forward over a file's days, or over a series' newest snapshot; nothing is logged.

    Args:
        recipe: Its name, or a path ending in .toml.
        file: Candle file.
        series: What the candles are.
        beside: Candle files or series that a pooled recipe learns from too.
        first: First cutoff; None for the first with enough history.
        last: Last cutoff.
        refit_every: Days between fits on the refit calendar.
        horizons: Which of 1 to 7 days ahead.
        seed: Of every fit.

    Returns:
        As `forecasts`, without `mode`.

    Raises:
        InputError: Recipe, file, dates or history do not allow it.
        TrainingError: A fit diverged.
    """
    import pandas as pd

    from flows.edges.configuration import configuration
    from flows.edges.machine.runtime import prepare_environment
    from flows.inputs.history import read_history

    prepare_environment()
    from flows.publishing.long_tables import backtest_table
    from flows.studies.backtest import BacktestRequest
    from flows.studies.backtest import backtest as walk

    current, path = configuration(), Path(file) if file else None
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "forecasts.csv"
        request = BacktestRequest(
            file=path, series=_series(series), recipe=recipe, first=_day(first), last=_day(last),
            refit_every=refit_every, horizons=tuple(horizons), out=out, seed=seed, track=False, beside=_texts(beside),
        )  # fmt: skip
        walk(request, current)
        rows = pd.read_csv(out)
    history = read_history(file=path, series=_series(series), as_of=None, configuration=current)
    return backtest_table(rows, history.candles)


@_in_its_words
def compare(
    recipes: Sequence[str],
    *,
    file: Path | str | None = None,
    series: str | None = None,
    beside: Sequence[Path | str] = (),
    as_of: Day = None,
    seeds: int = 3,
    epochs: int | None = None,
) -> "DataFrame":
    """Fit recipes on the same candles and rank them beside the random walk; every fit is an MLflow run.

    `beside` are candle files or series that a pooled recipe learns from too.

    Returns:
        A row a recipe and setting, best first in each: `variant`, `rank`, `recipe`, `verdict`, and a column a metric,
        the mean over seeds.

    Raises:
        InputError: A recipe, the file or the series is not usable.
        TrainingError: Every fit failed.
    """
    import pandas as pd

    from flows.command.flow_run import ready_for_flows

    pool = _texts(beside)
    with ready_for_flows(quiet=True):
        from flows.compare import CompareRequest
        from flows.compare import compare as run

        result = run(
            CompareRequest(
                recipes=tuple(recipes), file=str(file) if file else None, series=series, as_of=_day(as_of),
                seeds=seeds, epochs=epochs, beside=pool,
            )
        )  # fmt: skip
    return pd.DataFrame(
        {"variant": table["variant"], "rank": row["rank"], "recipe": row["recipe"], "verdict": row["verdict"]}
        | {name: spread["mean"] for name, spread in row["metrics"].items() if spread}
        for table in result["tables"]
        for row in table["rows"]
    )


@_in_its_words
def runs(series: str, *, limit: int = 1000) -> "DataFrame":
    """MLflow runs of a series, newest first.

    Args:
        series: As `binance/BTCUSDT/1d`, or the name of an experiment, as `backfills`.
        limit: At most so many.

    Returns:
        A row a run: `run_id`, `name`, `status`, `started_at`, `seconds`, `recipe`, `as_of`, then its metrics.

    Raises:
        InputError: There is no run of it.
        RegistryError: MLflow refused.
    """
    from flows.edges.configuration import configuration
    from flows.edges.tracking.experiments import open_tracking
    from flows.publishing.long_tables import run_table

    name = Series.parse(series).slug if "/" in series else series
    experiment = open_tracking(configuration().places).find_experiment(name)
    if experiment is None:
        raise InputError(f"MLflow has no run of {series}; run `coincast daily --series {series}`.")
    return run_table(experiment, limit=limit)


@contextmanager
def _database() -> "Iterator[tuple[Engine, Places]]":
    from flows.edges.configuration import configuration
    from flows.edges.sql.database import open_database

    places = configuration().places
    engine = open_database(places.database_url)
    try:
        yield engine, places
    finally:
        engine.dispose()


def _series(text: str | None) -> Series | None:
    return Series.parse(text) if text else None


def _texts(beside: Sequence[Path | str]) -> tuple[str, ...]:
    if isinstance(beside, (str, Path)):
        raise InputError(f"beside= is a list of files or series, as [{str(beside)[:60]!r}].")
    return tuple(str(one) for one in beside)


def _day(day: Day) -> date | None:
    return parse_date(day, option="date") if isinstance(day, str) else day


def _mode(mode: Any) -> str | None:
    if mode not in (None, "live", "backfill"):
        raise InputError(f"mode is live or backfill, or None for both; got {str(mode)[:20]!r}.")
    return mode  # type: ignore[no-any-return]
