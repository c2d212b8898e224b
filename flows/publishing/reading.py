"""What the ledger says was published last of a series, for people and programs to read."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.edges.ledger.store import Ledger
from pipeline.forecasts.columns import HORIZON, ISSUE, LIVE, MODE, MODEL_ID, RANDOM_WALK, mode_of
from pipeline.forecasts.current import current_forecasts, current_rows
from pipeline.forecasts.forecast import Forecast
from pipeline.forecasts.quantiles import COVERAGES, LEVELS, interval
from pipeline.models.registry import BASELINES
from pipeline.page.assembly import WINDOW_DAYS, build_record
from pipeline.page.days.former import Former, former_forecasts
from pipeline.page.sentences import range_sentence
from pipeline.series import Series

if TYPE_CHECKING:
    from pandas import DataFrame

_PROVENANCE = ("model_version", "run_id", "snapshot_sha256", "vintage", "manifest_id")


@dataclass(frozen=True, eq=False)
class Published:
    """One series' published forecast.

    Attributes:
        forecast: Of the model that was published.
        random_walk: The baseline's of the same day; None where it is the published one, or the ledger has none.
        rows: The forecast's ledger rows, one a horizon.
        sentence: The reader's sentence, as it is true at the instant of reading.
    """

    forecast: Forecast
    random_walk: Forecast | None
    rows: "DataFrame"
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """JSON values."""
        head, forecast = self.rows.iloc[0], self.forecast
        return {
            "series": str(forecast.series),
            "quote": forecast.series.quote,
            "as_of": forecast.as_of.isoformat(),
            "model_id": forecast.model_id,
            "last_close": forecast.last_close,
            "random_walk_from": forecast.random_walk_from,
            "sentence": self.sentence,
            "levels": list(LEVELS),
            "horizons": [self._horizon(row) for row in self.rows.to_dict("records")],
            **{name: str(head[name]) for name in _PROVENANCE},
            "now": head["now"].isoformat(),
            "issued_at": head["issued_at"].isoformat(),
            "simulated_time": bool(head["simulated_time"]),
            "simulated_data": bool(head["simulated_data"]),
        }

    def _horizon(self, row: Mapping[Hashable, Any]) -> dict[str, Any]:
        horizon, walk = int(row[HORIZON]), self.random_walk
        return {
            "horizon": horizon,
            "target_date": self.forecast.target_date(horizon).isoformat(),
            "mode": row[MODE],
            "issue": int(row[ISSUE]),
            **_figures(self.forecast, horizon),
            "random_walk": _figures(walk, horizon) if walk is not None else None,
        }


def read_published(
    ledger: Ledger, series: Series, *, usual: str, as_of: date | None, now: datetime
) -> Published | None:
    """The forecast that was published of a day, or last.

    Args:
        ledger: Where it is kept.
        series: Of what.
        usual: model_id that stands for a day of which nothing was published, such as a backfilled one.
        as_of: The day; None for the newest.
        now: The instant of reading.

    Returns:
        None where the ledger has no forecast of that day, or none at all.
    """
    publication = ledger.publication(series, as_of=as_of)
    day = as_of or (publication.as_of if publication else ledger.newest_as_of(series))
    if day is None:
        return None
    rows = current_rows(ledger.forecasts(series, since=day, until=day))
    said = current_forecasts(rows)
    wanted = [publication.model_id] if publication else [usual, *_last_published(ledger, series)]
    model_id = next((name for name in (*wanted, *_own_first(said)) if name in said), None)
    if model_id is None:
        return None
    return Published(
        forecast=said[model_id],
        random_walk=said.get(RANDOM_WALK) if model_id != RANDOM_WALK else None,
        rows=rows[rows[MODEL_ID] == model_id],
        sentence=_sentence(ledger, said[model_id], now=now),
    )


def _last_published(ledger: Ledger, series: Series) -> list[str]:
    """Whose forecast the page shows: its days of the past are that model's too."""
    last = ledger.publication(series)
    return [last.model_id] if last else []


def _own_first(model_ids: Iterable[str]) -> list[str]:
    """A backfill issues the baselines beside its recipe's model: whoever made one asks for the model."""
    baselines = {recipe.model_id for recipe in BASELINES}
    return sorted(model_ids, key=lambda model_id: model_id in baselines)


def read_former(
    ledger: Ledger, series: Series, scores: "DataFrame", *, since: date, until: date, usual: str
) -> tuple[Former, ...]:
    """What was published on each of these days.

    Args:
        ledger: Where it is kept.
        series: Of what.
        scores: Of all models, of the same days at least.
        since: First as_of.
        until: Last as_of.
        usual: model_id that stands for a day on which nothing was published, such as a backfilled one.
    """
    published = ledger.published_models(series, since=since, until=until)
    rows = ledger.forecasts(series, since=since, until=until, model_ids=[*{usual, *published.values()}])
    return former_forecasts(rows, scores, published=published, usual=usual)


def _sentence(ledger: Ledger, forecast: Forecast, *, now: datetime) -> str:
    scores = ledger.scores(
        forecast.series,
        since=forecast.as_of - timedelta(days=WINDOW_DAYS - 1),
        until=forecast.as_of,
        model_ids=[forecast.model_id],
        mode=LIVE,
    )
    record = build_record(
        scores[scores[HORIZON] == 1],
        series=forecast.series,
        model_id=forecast.model_id,
        mode=LIVE,
        as_of=forecast.as_of,
    )
    return range_sentence(forecast, mode=mode_of(forecast.target_date(1), now=now), live=record)


def _figures(forecast: Forecast, horizon: int) -> dict[str, Any]:
    quantiles = forecast.quantiles[horizon - 1]
    ranges = {
        f"range_{coverage}": [float(end) for end in interval(quantiles, coverage)] for coverage in COVERAGES
    }
    return {"median": float(forecast.median[horizon - 1]), **ranges, "quantiles": quantiles.tolist()}
