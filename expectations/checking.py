"""The one module that runs the suites: Great Expectations on a table, and a verdict in plain values.

It never raises for what a table holds. What cannot be checked has failed: a missing column, an expectation that
breaks, a suite that cannot be read and a validator that cannot be imported are all critical.
"""

import json
import math
import threading
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from expectations.forecast_table import FORECAST_COLUMNS, MODEL_ID, TARGET_DATE
from expectations.verdict import DAYS_NAMED, Check, Observed, Verdict, name_days, one_line
from pipeline.candles.account import AFTER_AS_OF, Account
from pipeline.candles.columns import CANDLE_COLUMNS, DATE
from pipeline.candles.filling import describe_filling
from pipeline.forecasts.quantiles import HORIZONS, LEVELS
from pipeline.series import Series

__all__ = ["Check", "Verdict", "check_candles", "check_forecasts"]

_SUITES: Final = Path(__file__).parent
# One shared validator gave wrong verdicts when threads ran it together, silently: one check at a time.
_LOCK: Final = threading.Lock()


def check_candles(
    candles: pd.DataFrame,
    *,
    series: Series,
    as_of: date,
    now: datetime,
    account: Account | None = None,
    stale_after_days: float = 2.0,
) -> Verdict:
    """Hold a candle table against `candles.json`.

    Args:
        candles: Candle table up to as_of.
        series: What it is of; its step says which dates follow each other.
        as_of: Date of the last complete candle that may be seen.
        now: The instant the run believes in; without a zone it is UTC.
        account: Intake's account of the file; it must balance, and tells whether the source goes on after as_of.
        stale_after_days: Days without a new candle after which the source is stale.
    """
    subject = f"{series} {as_of}"
    now = now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now
    newest = _naive(as_of) + timedelta(days=1) - series.step
    # Rows that intake cut off at as_of are rows that the source has.
    source_newest = newest + series.step * (account.dropped.get(AFTER_AS_OF, 0) if account else 0)
    parameters = {
        "newest": newest,
        "newest_complete": now - series.step,
        "step_s": series.step.total_seconds(),
        "now": now,
        "complete_at": source_newest + series.step,
        "stale_after_days": float(stale_after_days),
    }
    unusable = _unusable(candles, CANDLE_COLUMNS, date_column=DATE)
    checks = unusable or _run("candles", candles, parameters, day_column=DATE)
    if account is not None:
        checks += [_balance(account), _whole_ranges(account, as_of), *_filling(account, as_of)]
    return Verdict.of(checks, suite="candles", subject=subject)


def check_forecasts(table: pd.DataFrame, *, series: Series, as_of: date, last_close: float) -> Verdict:
    """Hold forecasts against `forecasts.json`.

    Args:
        table: Long table as `forecast_table` makes it, of one or more models.
        series: What is forecast.
        as_of: Date of the last candle that the forecasts saw.
        last_close: Close at as_of, in quote currency.
    """
    parameters: dict[str, Any] = {
        "as_of": _naive(as_of),
        "last_close": float(last_close),
    }
    checks = _unusable(table, FORECAST_COLUMNS, date_column=TARGET_DATE, text_columns=(MODEL_ID,))
    if not checks:
        models = max(1, table[MODEL_ID].nunique())
        parameters["rows"] = models * len(HORIZONS) * len(LEVELS)
        checks = _run("forecasts", table, parameters, day_column=TARGET_DATE)
    return Verdict.of(checks, suite="forecasts", subject=f"{series} {as_of}")


def _run(name: str, table: pd.DataFrame, parameters: Mapping[str, Any], *, day_column: str) -> list[Check]:
    """Every expectation of a suite as a check, whether it ran or not."""
    try:
        suite = json.loads((_SUITES / f"{name}.json").read_text(encoding="utf-8"))
        results = _validate(suite, table, parameters, day_column)
        # What Great Expectations cannot build it drops with a line in a log: hence by the suite, not by results.
        return [_check(e, results.get(e["meta"]["check"]), day_column) for e in suite["expectations"]]
    except Exception as error:  # noqa: BLE001  # whatever breaks the validator, the table was not checked
        message = f"The suite {name!r} could not run, so nothing is known of the table: {error!r}. Run `make setup`."
        return [Check("suite_runs", "critical", success=False, message=one_line(message))]


def _validate(
    suite: Mapping[str, Any], table: pd.DataFrame, parameters: Mapping[str, Any], day_column: str
) -> dict[str, Any]:
    """Great Expectations' results by the name of the check."""
    import great_expectations as gx

    import expectations.custom  # noqa: F401  # registers the expectations that the suites name

    with _LOCK:
        batch = _whole_tables().get_batch({"dataframe": table.reset_index(drop=True)})
        validation: Any = batch.validate(
            gx.ExpectationSuite(**suite),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [day_column]},
            expectation_parameters=dict(parameters),
        )
    return {result.expectation_config.meta["check"]: result for result in validation.results}


@cache
def _whole_tables() -> Any:
    """The batch definition of every table: making its context takes as long as a small suite."""
    import great_expectations as gx
    from great_expectations.data_context.types import base

    configuration = base.DataContextConfig(
        store_backend_defaults=base.InMemoryStoreBackendDefaults(),
        progress_bars=base.ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )
    context = gx.get_context(mode="ephemeral", project_config=configuration)
    asset = context.data_sources.add_pandas("tables").add_dataframe_asset("table")
    return asset.add_batch_definition_whole_dataframe("whole")


def _check(expectation: Mapping[str, Any], result: Any, day_column: str) -> Check:
    """One outcome in plain values; `result` is None where the expectation never ran."""
    name, what, remedy = expectation["meta"]["check"], expectation["description"], expectation["notes"]
    fault = "it did not run" if result is None else _fault(result)
    if fault:
        message = one_line(f"{what}: this could not be checked ({fault}), which counts as failed.")
        return Check(name, "critical", success=False, message=message)
    found = result.result
    observed = _observed(found)
    # A numpy bool from some expectations: not the object True.
    if bool(result.success):
        return Check(name, expectation["severity"], success=True, observed=observed)
    days = _days(found, day_column)
    received = f"{observed} failing ({name_days(days)})" if days else observed
    message = one_line(f"{what}; received {received}. {remedy}")
    return Check(name, expectation["severity"], success=False, observed=observed, days=days, message=message)


def _fault(result: Any) -> str:
    """What an expectation raised; empty where it ran."""
    information = result.exception_info or {}
    # One record, or one for each metric that failed.
    records = [information] if "raised_exception" in information else list(information.values())
    raised = [record for record in records if record["raised_exception"]]
    return str(raised[0]["exception_message"]) if raised else ""


def _days(found: Mapping[str, Any], day_column: str) -> tuple[str, ...]:
    """Failing days as ISO dates, each once, oldest first; the newest where there are many."""
    dates = found.get("details", {}).get("dates")
    if dates is None:
        dates = [row[day_column] for row in found.get("unexpected_index_list") or ()]
    days = sorted({date.isoformat(pd.Timestamp(instant).date()) for instant in dates if pd.notna(instant)})
    return tuple(days[-DAYS_NAMED:])


def _observed(found: Mapping[str, Any]) -> Observed:
    """The value seen, the number of failing rows, or what a set lacks and has too much."""
    if found.get("missing_count") is not None and "partial_missing_list" in found:
        return one_line(
            f"missing {found['partial_missing_list']}, unexpected {found['partial_unexpected_list']}"
        )
    return _plain(found.get("observed_value", found.get("unexpected_count")))


def _plain(value: Any) -> Observed:
    """A JSON value: finite numbers stay, instants become ISO, the rest becomes bounded text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int | float | np.integer | np.floating):
        number = float(value)
        return (int(number) if number.is_integer() else number) if math.isfinite(number) else str(number)
    return one_line(str(value))


def _unusable(
    table: Any, columns: tuple[str, ...], *, date_column: str, text_columns: tuple[str, ...] = ()
) -> list[Check]:
    """Why no expectation can be run on this, as a critical check; empty where they can."""
    if not isinstance(table, pd.DataFrame):
        message = f"A table was expected; received {type(table).__name__}. Read the file again."
        return [Check("columns_are_there", "critical", success=False, message=message)]
    missing = [name for name in columns if name not in table.columns]
    if missing:
        message = f"The columns {', '.join(columns)} are expected; missing: {', '.join(missing)}. Read the file again."
        return [Check("columns_are_there", "critical", success=False, observed=len(missing), message=message)]
    if table.columns.duplicated().any():
        message = "Each column is expected once; some come twice. Read the file again."
        return [Check("columns_are_there", "critical", success=False, message=message)]
    wrong = [
        f"{name} is {table[name].dtype}"
        for name in columns
        if name not in text_columns and not _has_kind(table[name], "M" if name == date_column else "fiu")
    ]
    if wrong:
        message = f"Dates without a zone and numbers are expected; received: {', '.join(wrong)}. Read the file again."
        return [
            Check(
                "types_are_right", "critical", success=False, observed=len(wrong), message=one_line(message)
            )
        ]
    return []


def _has_kind(column: pd.Series, kinds: str) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in kinds


def _balance(account: Account) -> Check:
    """Whether intake's account explains every row that it read."""
    dropped = sum(account.dropped.values())
    unexplained = account.rows_read - account.rows_kept - dropped
    message = (
        f"Every row read is kept or dropped for a reason; received {account.rows_read} read, "
        f"{account.rows_kept} kept, {dropped} dropped. Report the file: intake has a fault."
    )
    holds = unexplained == 0
    return Check("account_balances", "critical", holds, unexplained, message="" if holds else message)


def _whole_ranges(account: Account, as_of: date) -> Check:
    """Whether ranges held their open and close before intake widened them."""
    days = tuple(day for day in account.widened if day[: len("2026-01-01")] <= as_of.isoformat())
    name = "ranges_hold_open_and_close"
    if not days:
        return Check(name, "warning", success=True, observed=0)
    named = tuple(sorted({day[: len("2026-01-01")] for day in days}))[-DAYS_NAMED:]
    message = one_line(
        f"Open and close lie inside the range as the file tells it; received {len(days)} failing ({name_days(named)}). "
        "Intake widened these ranges: they are not reliable, the closes are."
    )
    return Check(name, "warning", success=False, observed=len(days), days=named, message=message)


def _filling(account: Account, as_of: date) -> list[Check]:
    """A warning that names the days which another source gave; no check where there are none."""
    until = date.isoformat(as_of)
    days = sorted(day for day in account.filled_from if day[:10] <= until)
    if not days:
        return []
    told = " ".join(describe_filling(account.filled_from, until=until))
    message = one_line(
        f"Every candle is expected of the first source. {told} Look at why the first source lacks them."
    )
    return [
        Check("days_are_of_first_source", "warning", success=False, observed=len(days),
              days=tuple(days[-DAYS_NAMED:]), message=message)
    ]  # fmt: skip


def _naive(day: date) -> datetime:
    """A date's midnight, or an instant without its zone: candle dates are naive UTC."""
    return pd.Timestamp(day).tz_localize(None).to_pydatetime()
