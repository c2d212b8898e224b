"""`latest.json`: what the page says, for programs. Its schema is `latest.schema.json` beside this file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.page.content import DataHealth, GateDecision, Issue, Record, SeriesContent
from pipeline.page.prices import coin_name, market_name
from pipeline.page.sentences import calibration_verdict, horizon_note, reader_sentence, skill_verdict
from pipeline.quantiles import HORIZONS, LEVELS, MEDIAN
from pipeline.scorecard import ScoreLine

LATEST: Final = "latest.json"
SCHEMA_VERSION: Final = 1


def latest_json(contents: Sequence[SeriesContent]) -> bytes:
    """The newest forecast of each series, by slug, with its record and what to think of it."""
    return write_latest({content.series.slug: _entry(content) for content in contents})


def write_latest(entries: Mapping[str, Mapping[str, Any]], *, week: str = "") -> bytes:
    """The document of these entries, in the order of their slugs.

    Args:
        entries: By slug.
        week: Which one `weekly.html` is about, as `2026-W13`; empty where there is no such page.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "simulated": any(entry["simulated"] for entry in entries.values()),
        **({"week": week} if week else {}),
        "series": dict(sorted(entries.items())),
    }
    return (json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def read_latest(document: bytes) -> dict[str, dict[str, Any]]:
    """The entries by slug; none from a document that is not of this version, which is then replaced."""
    return dict(_read(document).get("series", {}))


def read_week(document: bytes) -> str:
    """Which week `weekly.html` is about; empty where there is no such page."""
    return str(_read(document).get("week", ""))


def page_name(slug: str) -> str:
    """The series' page, beside index.html."""
    return f"{slug}.html"


def _read(document: bytes) -> dict[str, Any]:
    try:
        value = json.loads(document)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("schema_version") == SCHEMA_VERSION else {}


def _entry(content: SeriesContent) -> dict[str, Any]:
    series, forecast = content.series, content.forecast
    return {
        "series": str(series),
        "name": coin_name(series),
        "market": market_name(series),
        "quote": series.quote,
        "page": page_name(series.slug),
        "simulated": content.simulated,
        "as_of": forecast.as_of.isoformat(),
        "sentence": reader_sentence(content),
        "model_id": forecast.model_id,
        "random_walk_from": forecast.random_walk_from,
        "levels": list(LEVELS),
        "forecasts": [_horizon(content, horizon) for horizon in HORIZONS],
        "record": {"live": _record(content.live), "backfill": _record(content.backfill)},
        "verdicts": {
            "calibration": calibration_verdict(content.live)._asdict(),
            "skill": _skill(content),
            "horizons": horizon_note(content),
        },
        "gate": _gate(content.gate),
        "alarms": list(content.alarms),
        "data": _health(content.health),
        "issue": _issue(content.issue),
        "attribution": content.attribution,
    }


def _skill(content: SeriesContent) -> dict[str, Any]:
    return skill_verdict(
        content.forecast.model_id, content.live, configured=content.gate.configured
    )._asdict()


def _gate(gate: GateDecision) -> dict[str, Any]:
    """The decision; `configured` is told only where the recipe is a baseline, which the gate does not judge."""
    configured = {"configured": True} if gate.configured else {}
    return {"promoted": gate.promoted, "reasons": list(gate.reasons), **configured}


def _horizon(content: SeriesContent, horizon: int) -> dict[str, Any]:
    quantiles = content.forecast.quantiles[horizon - 1]
    return {
        "horizon": horizon,
        "target_date": content.forecast.target_date(horizon).isoformat(),
        "mode": content.mode(horizon),
        "median": float(quantiles[MEDIAN]),
        "quantiles": [float(value) for value in quantiles],
    }


def _record(record: Record | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {"window_days": record.window_days, "horizons": [_score(line) for line in record.lines]}


def _score(line: ScoreLine) -> dict[str, Any]:
    values = line.as_dict()
    coverage = {str(figure["nominal"]): figure for figure in values["coverage"]}
    return {
        **{key: values[key] for key in ("horizon", "n", "first", "last", "mean_wis", "mae", "skill")},
        "coverage": coverage,
    }


def _health(health: DataHealth) -> dict[str, Any]:
    return {
        "severity": health.severity,
        "source": health.source,
        "snapshot": health.snapshot,
        "fetched_at": health.fetched_at.isoformat(),
        "first": health.first.isoformat(),
        "last": health.last.isoformat(),
        "candles": health.candles,
        "missing_days": health.missing_days,
        "filled_days": health.filled_days,
        "restated_days": health.restated_days,
        "warnings": list(health.warnings),
    }


def _issue(issue: Issue) -> dict[str, Any]:
    return {
        "issued_at": issue.issued_at.isoformat(),
        "now": issue.now.isoformat(),
        "simulated_time": issue.simulated_time,
        "vintage": issue.vintage,
        "model_version": issue.model_version,
        "trained_as_of": issue.trained_as_of.isoformat(),
        "run_id": issue.run_id,
        "run_url": issue.run_url,
        "manifest_id": issue.manifest_id,
    }
