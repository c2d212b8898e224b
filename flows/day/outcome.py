"""What became of one series' day, in plain values: returned by the flow, printed by the command."""

from dataclasses import asdict, dataclass, field
from typing import Any

from flows.day.registration import Registration
from flows.edges.files.targets import Publication
from flows.edges.machine.site_address import shown_place
from flows.inputs.request import Job
from flows.inputs.stores import Stores
from flows.publishing.publication import Day
from flows.reporting.progress import Stopwatch
from pipeline.candles.columns import CLOSE
from pipeline.forecasts.current import current_forecasts
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import COVERAGES, HORIZONS, interval
from pipeline.page.latest import page_name


@dataclass(frozen=True, eq=False)
class DoneDay:
    """A series' day that is done but for its publication.

    Attributes:
        name: By which a failure of it is told: the series, with its day where that is a missed one.
        day: The market and what the data contract says of it.
        registration: Of the new fit; None where the ledger held the day already.
        scored: Score rows written.
        watch: Seconds by stage.
        warnings: Of the file and of the publication, a sentence each.
    """

    name: str
    day: Day
    registration: Registration | None
    scored: int
    watch: Stopwatch
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class DayOutcome:
    """One series' day.

    Attributes:
        series: As `binance/BTCUSDT/1d`.
        as_of: ISO date.
        outcome: `published`, or `nothing new` where the ledger held this day's forecast already.
        vintage: `known` or `latest`.
        simulated: Whether the market is made up.
        snapshot: sha256 of the file.
        last_close: Close at as_of, in quote currency.
        forecasts: By model_id; a list of horizons with the median and each range's bounds.
        champion: model_id of the published model.
        metrics: Of the evaluation, by name; empty where nothing was trained.
        decision: The gate's reasons, a sentence each.
        model: Registered name and version, as `coincast-binance-btcusdt-1d 3`.
        run_url: The MLflow run.
        open_with: The command that opens it; empty where a server runs already.
        simulated_time: Whether `now` was given instead of read from the clock.
        page: Where the series' page is opened.
        warnings: What did not fail and must be known, a sentence each: of the source's file, the data contract, the
            publication.
        scored: Forecasts whose truth arrived with this run.
        seconds: Wall-clock seconds by stage.
    """

    series: str
    as_of: str
    outcome: str
    vintage: str
    simulated: bool
    snapshot: str
    last_close: float
    forecasts: dict[str, list[dict[str, Any]]]
    champion: str
    metrics: dict[str, float] = field(default_factory=dict)
    decision: tuple[str, ...] = ()
    model: str = ""
    run_url: str = ""
    open_with: str = ""
    simulated_time: bool = False
    page: str = ""
    warnings: tuple[str, ...] = ()
    scored: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def describe(done: DoneDay, stores: Stores, publication: Publication) -> DayOutcome:
    """The outcome of a day that was published."""
    job, market, registration = done.day.job, done.day.market, done.registration
    rows = stores.ledger.forecasts(job.series, since=market.as_of, until=market.as_of)
    forecasts = current_forecasts(rows)
    kept = stores.ledger.publication(job.series, as_of=market.as_of)
    champion = kept.model_id if kept else job.recipe.model_id
    own = rows[rows["model_id"] == champion].iloc[0]
    changed = registration is not None or done.scored or publication.outcome == "new"
    return DayOutcome(
        series=str(job.series),
        as_of=market.as_of.isoformat(),
        outcome="published" if changed else "nothing new, nothing changed",
        vintage=market.vintage,
        simulated=job.series.simulated,
        snapshot=market.snapshot.sha256,
        last_close=float(market.candles[CLOSE].iloc[-1]),
        forecasts={name: ranges(one) for name, one in forecasts.items()},
        champion=champion,
        metrics=registration.metrics if registration else {},
        decision=registration.reasons if registration else (),
        model=_registered_name(job, own["model_version"]),
        run_url=stores.tracking.experiment(job.series.slug).run_url(own["run_id"]),
        open_with=stores.tracking.ui_command,
        simulated_time=job.simulated_time,
        page=shown_place(job.configuration.places, publication.target, page_name(job.series.slug)),
        warnings=(*done.warnings, *(check.message for check in done.day.verdict.failures)),
        scored=done.scored,
        seconds=dict(done.watch.seconds),
    )


def _registered_name(job: Job, version: str) -> str:
    if version == "-":
        return "none: a baseline is published, which is not registered"
    return f"coincast-{job.series.slug} version {version}"


def ranges(forecast: Forecast) -> list[dict[str, Any]]:
    """A row for each horizon: target date, median, and lower and upper bound of each range."""
    rows: list[dict[str, Any]] = []
    for horizon in HORIZONS:
        row: dict[str, Any] = {
            "horizon": horizon,
            "target_date": forecast.target_date(horizon).isoformat(),
            "median": float(forecast.median[horizon - 1]),
        }
        for coverage in COVERAGES:
            lower, upper = interval(forecast.quantiles[horizon - 1], coverage)
            row[f"lower_{coverage}"], row[f"upper_{coverage}"] = float(lower), float(upper)
        rows.append(row)
    return rows
