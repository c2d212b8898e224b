"""Expectations that Great Expectations does not have; importing this module registers them by name."""

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

from expectations import anomalies as oddities
from expectations.forecast_table import HORIZON, LEVEL, MODEL_ID, TARGET_DATE, VALUE
from pipeline.candles.columns import DATE

if TYPE_CHECKING:
    Instant = datetime
    Number = float
else:
    # In a suite a value that a run fills in stands as {"$PARAMETER": name}.
    Instant = datetime | dict[str, Any]
    Number = float | dict[str, Any]


class TableRows(TableMetricProvider):
    """The whole table, computed once for all expectations that look at several columns."""

    metric_name = "table.rows"

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(  # type: ignore[no-untyped-def]  # noqa: ANN202
        cls,  # noqa: N805  # the decorator makes it a class method
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any],
    ):
        rows, _, _ = execution_engine.get_compute_domain(metric_domain_kwargs, MetricDomainTypes.TABLE)
        return rows


class _RowsExpectation(BatchExpectation):
    """Holds when no day fails; the result names the days and observes how many rows do."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.rows",)

    @abstractmethod
    def failing_dates(self, rows: pd.DataFrame) -> pd.Series | pd.DatetimeIndex:
        """Dates of the rows that fail, one for each."""

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        dates = pd.DatetimeIndex(self.failing_dates(metrics["table.rows"]))
        return {
            "success": dates.empty,
            "result": {"observed_value": len(dates), "details": {"dates": list(dates)}},
        }


class ExpectDatesToBeContinuous(_RowsExpectation):
    """No candle is missing between the first and the last."""

    step_s: Number

    def failing_dates(self, rows: pd.DataFrame) -> pd.DatetimeIndex:
        """The missing opening instants."""
        return oddities.missing_dates(rows, step=pd.Timedelta(seconds=self.step_s))


class ExpectDailyMovesToBeWithinBounds(_RowsExpectation):
    """No close is further from the one before than `oddities.jumps` allows."""

    deviations: float
    floor: float

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Days of the jumps."""
        return rows[DATE][oddities.jumps(rows, deviations=self.deviations, floor=self.floor)]


class ExpectWicksToBeWithinBounds(_RowsExpectation):
    """No high or low is further from the body than `oddities.long_wicks` allows."""

    multiple: float
    floor: float

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Days of the wicks."""
        return rows[DATE][oddities.long_wicks(rows, multiple=self.multiple, floor=self.floor)]


class ExpectMarketNotToStandStill(_RowsExpectation):
    """No run of `at_least` candles is without range or volume, and neither is the newest."""

    at_least: int

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Days of the standstills."""
        return rows[DATE][oddities.standstills(rows, at_least=self.at_least)]


class ExpectNewestVolumeToBeUsual(_RowsExpectation):
    """The newest candle's volume is at least `share` of the median of the `over` before it."""

    share: float
    over: int

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """The newest day, if it is thin."""
        return rows[DATE][oddities.thin_newest(rows, share=self.share, over=self.over)]


class ExpectSourceToBeFresh(BatchExpectation):
    """The source's newest candle was complete at most `max_days` before `now`; observes its age in days."""

    now: Instant
    complete_at: Instant
    max_days: Number

    # Nothing of the table is needed, and Great Expectations runs no expectation without a metric.
    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.row_count",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        age = (self.now - self.complete_at).total_seconds() / 86_400
        return {"success": age <= self.max_days, "result": {"observed_value": round(age, 2)}}


class ExpectQuantilesNotToCross(_RowsExpectation):
    """A higher level never has a lower value, for each model and target day."""

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Target days of the values that are below the level before."""
        ordered = rows.sort_values([MODEL_ID, HORIZON, LEVEL])
        return ordered[TARGET_DATE][ordered.groupby([MODEL_ID, HORIZON])[VALUE].diff() < 0]


class ExpectTargetDatesToFollow(_RowsExpectation):
    """The target of horizon h is as_of + h days."""

    as_of: Instant

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Target days that are not the horizon's."""
        due = pd.Timestamp(self.as_of) + pd.to_timedelta(rows[HORIZON], unit="D")
        return rows[TARGET_DATE][rows[TARGET_DATE] != due]


class ExpectMediansToStayNear(_RowsExpectation):
    """The median of horizon h is within `max_daily_move` × √h of the last close, as a log return."""

    last_close: Number
    max_daily_move: float

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Target days whose median is further away, or cannot be compared."""
        medians = rows[rows[LEVEL] == 0.5]
        with np.errstate(invalid="ignore", divide="ignore"):
            moves = np.abs(np.log(medians[VALUE].to_numpy() / self.last_close))
        # NaN is not near: the comparison is written so that it fails.
        near = moves <= self.max_daily_move * np.sqrt(medians[HORIZON].to_numpy())
        far: pd.Series = medians[TARGET_DATE][~near]
        return far


class ExpectRangesToHaveWidth(_RowsExpectation):
    """The log ratio of the highest to the lowest quantile is between `least` and `most` × √h."""

    least: float
    most: float

    def failing_dates(self, rows: pd.DataFrame) -> pd.Series:
        """Target days whose range is collapsed or boundless."""
        ends = rows.groupby([MODEL_ID, HORIZON, TARGET_DATE])[VALUE].agg(["min", "max"]).reset_index()
        with np.errstate(invalid="ignore", divide="ignore"):
            widths = np.log(ends["max"].to_numpy() / ends["min"].to_numpy())
        sane = (widths >= self.least) & (widths <= self.most * np.sqrt(ends[HORIZON].to_numpy()))
        insane: pd.Series = ends[TARGET_DATE][~sane]
        return insane
