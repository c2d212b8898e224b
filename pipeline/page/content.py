"""Everything a page says of one series, as facts: no words, no HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal, Protocol

from pipeline.forecasts.columns import mode_of
from pipeline.forecasts.forecast import Forecast
from pipeline.monitoring.alarms import Alarm
from pipeline.page.days.former import Former
from pipeline.scores.scorecard import Coverage, ScoreLine
from pipeline.series import Series


class HasForecast(Protocol):
    """Whatever has a forecast to be shown."""

    @property
    def forecast(self) -> Forecast:
        """What was said."""

    def mode(self, horizon: int) -> str:
        """`live` if that horizon was issued before its target's candle was complete, else `backfill`."""


@dataclass(frozen=True)
class Close:
    """What a day closed at, in quote currency; `filled` where a hole was bridged by the close before it."""

    day: date
    price: float
    filled: bool = False


@dataclass(frozen=True)
class PastForecast:
    """A one-day-ahead forecast as it was issued, and what came.

    Attributes:
        target_date: The day it was about.
        median: Its point forecast, in quote currency.
        ranges: Lower and upper end by coverage in percent, as `{80: (64100.0, 69200.0)}`.
        hits: Whether the close lay inside each of them.
        actual: The close that came.
    """

    target_date: date
    median: float
    ranges: Mapping[int, tuple[float, float]]
    hits: Mapping[int, bool]
    actual: float


@dataclass(frozen=True)
class SkillPoint:
    """Relative WIS of all days up to one, with its 95 percent interval (NaN where nothing can be said).

    `days` counts those that model and random walk were both scored on.
    """

    day: date
    relative_wis: float
    lower: float
    upper: float
    days: int


@dataclass(frozen=True)
class Record:
    """How forecasts of one mode turned out; live and backfilled ones are never in the same record.

    Attributes:
        mode: `live` or `backfill`.
        window_days: Calendar days up to as_of that everything here covers.
        lines: The published model's scores, a line for each horizon that has any.
        past: One-day-ahead forecasts, oldest first.
        skill_path: Skill one day ahead as it grew, oldest first.
    """

    mode: str
    window_days: int
    lines: tuple[ScoreLine, ...]
    past: tuple[PastForecast, ...] = ()
    skill_path: tuple[SkillPoint, ...] = ()

    @property
    def simulated_time(self) -> bool:
        """Whether any of its forecasts was issued by a run that was told another instant than the clock's."""
        return any(line.simulated_time for line in self.lines)

    @property
    def next_day(self) -> ScoreLine | None:
        """Scores one day ahead; None before the first."""
        return next((line for line in self.lines if line.horizon == 1), None)

    def coverage(self, nominal: int) -> Coverage | None:
        """How often one-day-ahead ranges of that nominal coverage held; None before the first score."""
        line = self.next_day
        return next((figure for figure in line.coverage if figure.nominal == nominal), None) if line else None


@dataclass(frozen=True)
class DataCheck:
    """One expectation about the candles, and how it came out."""

    name: str
    success: bool
    severity: Literal["warning", "critical"]
    message: str = ""


@dataclass(frozen=True)
class DataHealth:
    """What state the candles are in.

    Attributes:
        source: Where they come from, in words or as a URL.
        snapshot: sha256 of the file that the forecast saw.
        fetched_at: When it was downloaded.
        first: Date of the oldest candle.
        last: Date of the newest complete candle.
        candles: Complete candles.
        missing_days: Calendar days between first and last without a candle.
        filled_days: Those of them that are bridged by the close before.
        restated_days: Candles that the vendor changed since an earlier download; None where that was not looked at.
        warnings: Of the reader, a sentence each.
        checks: Every expectation.
        filled_from: Source → ISO days that it gave because the first source lacks them.
    """

    source: str
    snapshot: str
    fetched_at: datetime
    first: date
    last: date
    candles: int
    missing_days: int = 0
    filled_days: int = 0
    restated_days: int | None = None
    warnings: tuple[str, ...] = ()
    checks: tuple[DataCheck, ...] = ()
    filled_from: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def severity(self) -> Literal["ok", "warning", "critical"]:
        """The worst failed check's severity; a reader's warning counts as a warning."""
        failed = {check.severity for check in self.checks if not check.success}
        if "critical" in failed:
            return "critical"
        return "warning" if failed or self.warnings else "ok"


@dataclass(frozen=True)
class Issue:
    """Who said it, when, and from what.

    Attributes:
        issued_at: When the forecast was written, by the clock.
        now: The instant the run believed in.
        vintage: `known` or `latest`.
        model_version: Version in the registry.
        recipe_title: The recipe in words.
        trained_as_of: The last day the fit could see.
        run_id: MLflow's run.
        run_url: Where that run can be looked at; empty if nowhere.
        manifest_id: Id of the training manifest.
        simulated_time: Whether `now` is another than the clock's.
    """

    issued_at: datetime
    now: datetime
    vintage: str
    model_version: str
    recipe_title: str
    trained_as_of: date
    run_id: str = ""
    run_url: str = ""
    manifest_id: str = ""
    simulated_time: bool = False


@dataclass(frozen=True)
class GateDecision:
    """Whether the newest fit was let through to be published, and why, a sentence each.

    Attributes:
        promoted: Whether it was.
        reasons: Why.
        configured: The recipe is a baseline, which is published without being judged.
    """

    promoted: bool
    reasons: tuple[str, ...] = ()
    configured: bool = False


@dataclass(frozen=True, eq=False)
class SeriesContent:
    """Everything the page of one series shows.

    Attributes:
        series: What is forecast.
        forecast: The published forecast (the champion's).
        issue: Where it comes from.
        closes: Recent closes, oldest first, up to as_of; the chart shows 90 days.
        health: State of the candles.
        gate: The gate's decision on the newest fit.
        random_walk: The baseline's forecast; None where the champion is the random walk itself.
        live: Record of forecasts issued in time; None before the first.
        backfill: Record of forecasts made afterwards; None without any.
        alarms: Those that stand, which every reader must see.
        simulated: Whether the market is made up.
        publish_truth: Whether closes may be given as numbers; a chart is drawn either way.
        attribution: Where the data come from and on what terms, for the foot of the page.
        former: What was published on each day up to as_of, oldest first.
        site_url: Where the site is read; empty where that is not known.
    """

    series: Series
    forecast: Forecast
    issue: Issue
    closes: tuple[Close, ...]
    health: DataHealth
    gate: GateDecision
    random_walk: Forecast | None = None
    live: Record | None = None
    backfill: Record | None = None
    alarms: tuple[Alarm, ...] = ()
    simulated: bool = False
    publish_truth: bool = False
    attribution: str = ""
    former: tuple[Former, ...] = ()
    site_url: str = ""

    def mode(self, horizon: int) -> str:
        """`live` if that horizon was issued before its target's candle was complete, else `backfill`."""
        return mode_of(self.forecast.target_date(horizon), now=self.issue.now)
