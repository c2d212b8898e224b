"""A backtest from a file or a series to forecasts, a summary and an MLflow run.

One process without Prefect: a walk is long arithmetic, and what it needs of a flow, going on after a kill, its
parts give it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from flows.edges.configuration import Configuration
from flows.edges.files.recipe_files import named_recipe
from flows.edges.files.staging import put_in_place, staged_file
from flows.edges.machine.versions import code_version, package_versions
from flows.edges.private_files import give_usual_mode
from flows.edges.tracking.experiments import open_tracking, tracked_run
from flows.inputs.arguments import require_pooled
from flows.inputs.history import History, read_history, with_others
from flows.reporting.progress import watcher
from flows.studies.backtest_parts import Parts
from pipeline.errors import TooLittleHistoryError
from pipeline.evaluation.backtest import COLUMNS, Span, SpanForecasts, forecast_lines, plan_spans, walk_span
from pipeline.evaluation.backtest_summary import Outcomes, collect_outcomes, summarise
from pipeline.figures.backtest import coverage_figure, cumulative_figure, fan_figure, pit_figure
from pipeline.forecasts.quantiles import HORIZONS, FloatArray
from pipeline.models.registry import require_range
from pipeline.models.regression import HAR_RANGE
from pipeline.recipes.base import Recipe
from pipeline.scores.metrics import BACKTEST, DAYS, RELATIVE_WIS
from pipeline.series import Series


@dataclass(frozen=True)
class BacktestRequest:
    """What to walk.

    Attributes:
        file: Candle file; None reads the series' newest snapshot.
        series: What the candles are; None lets the file tell.
        recipe: Name, or a path ending in .toml.
        first: First as_of; None for the first that has enough history.
        last: Last as_of; None for the newest candle.
        refit_every: Days between fits on the refit calendar.
        horizons: Which of 1 to 7.
        out: Where the forecasts go, as CSV.
        seed: Of every fit.
        beside: Candle files or series whose newest snapshot is read: a pooled recipe learns from them too.
        track: Whether figures and numbers go to MLflow.
    """

    file: Path | None
    series: Series | None
    recipe: str
    first: date | None
    last: date | None
    refit_every: int
    horizons: tuple[int, ...]
    out: Path
    seed: int = 1
    beside: tuple[str, ...] = ()
    track: bool = True


def backtest(request: BacktestRequest, configuration: Configuration) -> dict[str, Any]:
    """Walk, write the forecasts, summarise, and log.

    Returns:
        JSON values: what was asked, `overall` and `years` of `summarise`, and the run's address.

    Raises:
        InputError: Recipe, file, series, dates or history do not allow it.
        TrainingError: A fit diverged.
    """
    recipe = named_recipe(request.recipe, configuration.places)
    require_range(recipe, peers=True)
    require_pooled([recipe], request.beside)
    own = read_history(file=request.file, series=request.series, as_of=None, configuration=configuration)
    history = with_others(own, request.beside, configuration)
    spans = plan_spans(
        history.grid,
        first=request.first or history.first,
        last=request.last or history.as_of,
        refit_every=request.refit_every,
    )
    parts = Parts(configuration.places.home / "backtests", _identity(request, recipe, history))
    walked = list(_walk(request, recipe, history, spans, parts))
    written = _write(request, recipe, history, walked)
    rows = np.concatenate([one.span.rows for one in walked])
    outcomes = collect_outcomes(
        history.features,
        rows,
        np.concatenate([one.quantiles for one in walked]),
        np.concatenate([_har_range(request, recipe, history, one) for one in walked]),
    )
    result = _facts(request, recipe, history, walked) | summarise(outcomes, request.horizons)
    result["forecasts"] = {"file": str(request.out), "rows": written}
    if request.track:
        result["mlflow"] = _log(request, recipe, history, (result, outcomes), configuration)
    parts.remove()
    return result


def _walk(
    request: BacktestRequest, recipe: Recipe, history: History, spans: tuple[Span, ...], parts: Parts
) -> Iterator[SpanForecasts]:
    watcher.get().stage(history.name, f"backtest of {recipe.name}")
    for number, span in enumerate(spans):
        watcher.get().advance(f"fit of {span.fit_as_of}", number, len(spans))
        forecasts = parts.load(span)
        if forecasts is None:
            forecasts = walk_span(recipe, history.features, span, seed=request.seed)
            parts.keep(forecasts)
        yield forecasts


def _har_range(
    request: BacktestRequest, recipe: Recipe, history: History, walked: SpanForecasts
) -> FloatArray:
    """Quantiles of `har-range` fitted on the same day, NaN where holes leave it too little to learn from."""
    if recipe == HAR_RANGE:
        return walked.quantiles
    try:
        return walk_span(HAR_RANGE, history.features, walked.span, seed=request.seed).quantiles
    except TooLittleHistoryError:
        return np.full_like(walked.quantiles, np.nan)


def _write(request: BacktestRequest, recipe: Recipe, history: History, walked: list[SpanForecasts]) -> int:
    rows, grid = 0, history.grid
    with staged_file(request.out.resolve().parent) as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for forecasts in walked:
            lines = forecast_lines(
                forecasts, grid, model_id=recipe.model_id, location=history.name, horizons=request.horizons
            )
            for line in lines:
                file.write((line + "\n").encode())
                rows += 1
        put_in_place(file, request.out.resolve())
    give_usual_mode(request.out)
    return rows


def _identity(request: BacktestRequest, recipe: Recipe, history: History) -> dict[str, Any]:
    return {
        "recipe": recipe.as_values(),
        "seed": request.seed,
        "first": request.first,
        "last": request.last,
        "refit_every": request.refit_every,
        "sha256": history.sha256,
        "series": history.name,
        "pool": history.pool,
        "code": code_version(),
        "packages": package_versions(),
    }


def _facts(
    request: BacktestRequest, recipe: Recipe, history: History, walked: list[SpanForecasts]
) -> dict[str, Any]:
    dates = history.grid["date"].dt.date
    return {
        "series": history.name,
        "sha256": history.sha256,
        **({"pool": history.pool} if history.others else {}),
        "recipe": recipe.name,
        "model_id": recipe.model_id,
        "seed": request.seed,
        "refit_every": request.refit_every,
        "first_as_of": dates.iloc[int(walked[0].span.rows[0])].isoformat(),
        "last_as_of": dates.iloc[int(walked[-1].span.rows[-1])].isoformat(),
        "fits": [
            {"as_of": one.span.fit_as_of.isoformat(), "random_walk_from": one.random_walk_from}
            for one in walked
        ],
        "fit_seconds": sum(one.fit_seconds for one in walked),
        "predict_seconds": sum(one.predict_seconds for one in walked),
        "random_walk": "empirical quantiles of the returns of the last 365 days",
        "horizons": list(request.horizons),
    }


def _log(
    request: BacktestRequest,
    recipe: Recipe,
    history: History,
    found: tuple[Mapping[str, Any], Outcomes],
    configuration: Configuration,
) -> dict[str, str]:
    summary, outcomes = found
    tracking = open_tracking(configuration.places)
    tags = {
        "kind": "backtest",
        "recipe": recipe.name,
        "series": history.name,
        "as_of": summary["last_as_of"],
        "snapshot": history.sha256,
        "vintage": "latest",
        "seed": request.seed,
        "code": code_version(),
        **{f"version_{name}": value for name, value in package_versions().items()},
    }
    name = f"backtest {recipe.name} {summary['first_as_of']} to {summary['last_as_of']}"
    with tracked_run(tracking.experiment(history.name), name, tags=tags) as run:
        run.log_parameters({"recipe": recipe.as_values(), **_plain(request)})
        run.log_metrics(backtest_metrics(summary))
        run.log_table(list(_rows(summary)), "backtest")
        run.log_json(summary, "backtest_summary")
        shortest = min(request.horizons)
        figures = {
            "fan": fan_figure(outcomes, title=f"{history.name} after {summary['last_as_of']}"),
            "calibration": pit_figure(outcomes, horizon=shortest),
            "coverage": coverage_figure(summary, horizon=shortest),
            "wis_gained": cumulative_figure(outcomes, horizon=shortest),
        }
        for title, figure in figures.items():
            run.log_figure(figure, title)
    return {"run_id": run.id, "url": run.url, "open_with": tracking.ui_command}


def backtest_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """At most thirty numbers: relative WIS of every horizon and its days, the model's own of the shortest one."""
    overall: Mapping[str, Mapping[str, float | None]] = summary["overall"]
    shortest = min(overall, key=int)
    everywhere = ((name, h) for name in (RELATIVE_WIS.name, DAYS.name) for h in overall)
    own = ((metric.name, shortest) for metric in BACKTEST if not metric.name.endswith("_random_walk"))
    values = {f"backtest_{name}_h{h}": overall[h][name] for name, h in (*everywhere, *own)}
    seconds = {name: summary[name] for name in ("fit_seconds", "predict_seconds") if name in summary}
    return {name: float(value) for name, value in (values | seconds).items() if value is not None}


def _rows(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for period, cells in {"all": summary["overall"], **summary["years"]}.items():
        for horizon in (str(h) for h in HORIZONS if str(h) in cells):
            yield {"period": period, "horizon": int(horizon), **cells[horizon]}


def _plain(request: BacktestRequest) -> dict[str, Any]:
    return {name: str(value) for name, value in asdict(request).items() if name != "recipe"}
