"""Runs side by side: values for programs, and a page that needs no server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from flows.edges.tracking.experiments import Experiment
from flows.edges.tracking.run import RunRecord
from pipeline.scores.metrics import COVERAGE, DAYS, MAPE, RELATIVE_WIS, RMSE, SKILL, Metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# By its key: what a terminal has room for; a chart is drawn of what has a reference.
COLUMNS: Final[Mapping[str, Metric[Any]]] = {
    f"test_{RELATIVE_WIS.name}": RELATIVE_WIS,
    SKILL.name: SKILL,
    **{f"test_{metric.name}": metric for metric in (RMSE, MAPE, COVERAGE[80], DAYS)},
}
_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #8886; vertical-align: top; }
th:first-child, td.words { text-align: left; white-space: nowrap; }
details[open] { white-space: normal; min-width: 20rem; }
.scroll { overflow-x: auto; }
figure { margin: 1.5rem 0; background: #fff; border-radius: 6px; }
svg { width: 100%; height: auto; }
"""


@dataclass(frozen=True)
class Comparison:
    """The newest runs of one series, newest first."""

    experiment: Experiment
    runs: tuple[RunRecord, ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        tracking = self.experiment.tracking
        return {
            "series": self.experiment.name,
            "url": self.experiment.url,
            "open_with": tracking.ui_command,
            "runs": [_values(run) for run in self.runs],
        }

    def rows(self) -> list[tuple[str, ...]]:
        """A row a run for the terminal: its name without the series', what became of it, the columns' metrics."""
        return [
            (
                run.name.replace(self.experiment.name, "").strip() or run.name,
                run.tags.get("gate", "–") if run.status == "FINISHED" else run.status.lower(),
                *(_number(run, name) for name in COLUMNS),
            )
            for run in self.runs
        ]

    def as_html(self) -> str:
        """A self-contained page: charts over the runs, then every run with all that it measured."""
        title = f"Runs of {escape(self.experiment.name)}"
        names = sorted({name for run in self.runs for name in run.metrics})
        head = "".join(
            f"<th scope='col'>{escape(name)}</th>" for name in ("run", "status", "recipe", "gate", *names)
        )
        body = "".join(_html_row(run, names) for run in self.runs)
        charts = "".join(_charts(self.runs))
        return (
            f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title>"
            f"<meta name='viewport' content='width=device-width'><style>{_STYLE}</style></head><body><main>"
            f"<h1>{title}</h1><p>{len(self.runs)} runs, newest first. Each judges a fit on days that it did not"
            f" see, beside the random walk. <a href='{escape(self.experiment.url)}'>In the MLflow UI</a></p>"
            f"{charts}<div class='scroll' tabindex='0'><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table></div></main></body></html>\n"
        )


def compare_runs(experiment: Experiment, *, last: int, recipe: str | None) -> Comparison:
    """The newest `last` runs, of one recipe or of all.

    Raises:
        RegistryError: MLflow refused.
    """
    tags = {"recipe": recipe} if recipe else None
    return Comparison(experiment, experiment.find_runs(tags=tags, limit=last))


def _values(run: RunRecord) -> dict[str, Any]:
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
    tags = {key: value for key, value in run.tags.items() if not key.startswith("mlflow.")}
    return {**vars(run), "tags": tags, "seconds": seconds}


def _number(run: RunRecord, name: str) -> str:
    if name not in run.metrics:
        return "–"
    value = run.metrics[name]
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _html_row(run: RunRecord, names: Sequence[str]) -> str:
    numbers = "".join(f"<td>{_number(run, name)}</td>" for name in names)
    reasons = run.tags.get("gate_reasons") or run.tags.get("failure", "")
    gate = escape(run.tags.get("gate", "–"))
    told = f"<details><summary>{gate}</summary>{escape(reasons)}</details>" if reasons else gate
    words = (escape(run.status.lower()), escape(run.tags.get("recipe", "–")), told)
    cells = "".join(f"<td class='words'>{word}</td>" for word in words)
    return f"<tr><th scope='row'><a href='{escape(run.url)}'>{escape(run.name)}</a></th>{cells}{numbers}</tr>"


def _charts(runs: Sequence[RunRecord]) -> list[str]:
    """A figure for each charted metric that at least two runs have."""
    charts = []
    for name, metric in COLUMNS.items():
        having = [run for run in reversed(runs) if name in run.metrics]
        if len(having) > 1 and metric.reference is not None:
            drawn = _svg(_figure(having, name, metric.description, metric.reference))
            charts.append(f"<figure role='img' aria-label='{escape(metric.description)}'>{drawn}</figure>")
    return charts


def _figure(runs: Sequence[RunRecord], name: str, words: str, reference: float) -> "Figure":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.6), layout="constrained")
    axes = figure.subplots()
    days = [run.tags.get("as_of", run.name) for run in runs]
    axes.plot(range(len(runs)), [run.metrics[name] for run in runs], marker="o", markersize=3)
    axes.axhline(reference, color="black", linewidth=0.8, linestyle="--")
    shown = range(0, len(runs), max(1, len(runs) // 6))
    axes.set_xticks(list(shown), [days[index] for index in shown])
    axes.set_title(words, loc="left", fontsize=10)
    return figure


def _svg(figure: "Figure") -> str:
    from matplotlib import rc_context

    text = StringIO()
    with rc_context({"svg.hashsalt": "coincast"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue().partition("<svg")[1] + text.getvalue().partition("<svg")[2]
