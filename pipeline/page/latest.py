"""`latest.json`: what the page says, for programs. Its schema is `latest.schema.json` beside this file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from re import fullmatch
from typing import Any, Final

from pipeline.addresses.public import public_link
from pipeline.forecasts.quantiles import HORIZONS, LEVELS, MEDIAN
from pipeline.page.alarm_sentences import alarm_sentences
from pipeline.page.changes import range_change
from pipeline.page.content import DataHealth, GateDecision, HasForecast, Issue, Record, SeriesContent
from pipeline.page.days.former import outcomes_by_mode
from pipeline.page.prices import coin_name, market_name
from pipeline.page.sentences import calibration_verdict, horizon_note, reader_sentence, skill_verdict
from pipeline.scores.scorecard import ScoreLine

Entry = Mapping[str, Any]

LATEST: Final = "latest.json"
# In the series' folder: the picture that goes with a link to its page.
CARD: Final = "card.png"
# Days whose outcome is told one by one.
OUTCOME_DAYS: Final = 90
SCHEMA_VERSION: Final = 1

# What the index says of a series; an entry that lacks one of them cannot be listed.
_LISTED: Final = ("name", "market", "page", "simulated", "sentence", "attribution")


@dataclass(frozen=True)
class Latest:
    """What the document holds.

    Attributes:
        series: The newest forecast of each series whose page is whole, by slug.
        undrawn: What is known of each series whose page could not be drawn, by slug; none is in both.
        week: Which one `weekly.html` is about, as `2026-W13`; empty where there is no such page.
        weeks: Those that have a page of their own in `weeks/`, oldest first.
    """

    series: Mapping[str, Entry] = field(default_factory=dict)
    undrawn: Mapping[str, Entry] = field(default_factory=dict)
    week: str = ""
    weeks: tuple[str, ...] = ()

    @property
    def entries(self) -> dict[str, Entry]:
        """All of them in the order of their slugs."""
        return dict(sorted({**self.series, **self.undrawn}.items()))


def write_latest(latest: Latest) -> bytes:
    """The document; its series in the order of their slugs.

    Raises:
        ValueError: A number that JSON has no form for, or a text that UTF-8 has none for.
    """
    document = {
        "schema_version": SCHEMA_VERSION,
        "simulated": any(entry["simulated"] for entry in latest.entries.values()),
        **({"week": latest.week} if latest.week else {}),
        **({"weeks": list(latest.weeks)} if latest.weeks else {}),
        "series": dict(sorted(latest.series.items())),
        **({"undrawn": dict(sorted(latest.undrawn.items()))} if latest.undrawn else {}),
    }
    return (json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def read_latest(document: bytes) -> Latest:
    """What a published document holds; nothing of one that is not of this version, which is then replaced.

    An entry that is damaged is left out in the same way.
    """
    value = _read(document)
    return Latest(
        series=_entries(value.get("series"), *_LISTED, "alarms", "forecasts", "issue", "verdicts"),
        undrawn=_entries(value.get("undrawn"), *_LISTED, "forecasts", "simulated_time"),
        week=str(value.get("week", "")),
        weeks=_weeks(value.get("weeks")),
    )


def series_folder(slug: str) -> str:
    """Folder of a series' former forecasts and charts, from the site's root."""
    return f"{slug}/"


def page_name(slug: str) -> str:
    """The series' page, beside index.html."""
    return f"{slug}.html"


def _read(document: bytes) -> dict[str, Any]:
    try:
        value = json.loads(document)
    except ValueError:
        return {}
    return value if isinstance(value, dict) and value.get("schema_version") == SCHEMA_VERSION else {}


def _entries(value: Any, *needed: str) -> dict[str, Entry]:
    found = value.items() if isinstance(value, dict) else ()
    return {slug: entry for slug, entry in found if _is_whole(entry, needed)}


def _weeks(value: Any) -> tuple[str, ...]:
    """Names alone: they become links."""
    named = value if isinstance(value, list) else []
    return tuple(week for week in named if isinstance(week, str) and fullmatch(r"\d{4}-W\d{2}", week))


def _is_whole(entry: Any, needed: tuple[str, ...]) -> bool:
    try:
        date.fromisoformat(entry["as_of"])
        return all(name in entry for name in needed)
    except (TypeError, ValueError, LookupError):
        return False


def series_entry(content: SeriesContent) -> Entry:
    """The newest forecast of a series with its record and what to think of it.

    Raises:
        ValueError: A score is no finite number.
    """
    series, forecast = content.series, content.forecast
    return {
        "series": str(series),
        "name": coin_name(series),
        "market": market_name(series),
        "quote": series.quote,
        "page": page_name(series.slug),
        "folder": series_folder(series.slug),
        **public_addresses(content),
        "simulated": content.simulated,
        "as_of": forecast.as_of.isoformat(),
        "sentence": reader_sentence(content),
        "change_80": list(range_change(forecast)),
        "model_id": forecast.model_id,
        "random_walk_from": forecast.random_walk_from,
        "levels": list(LEVELS),
        "forecasts": forecast_rows(content),
        "record": {"live": _record(content.live), "backfill": _record(content.backfill)},
        **({"outcomes": outcomes_by_mode(content.former, days=OUTCOME_DAYS)} if content.former else {}),
        "verdicts": {
            "calibration": calibration_verdict(content.live, late=content.backfill)._asdict(),
            "skill": _skill(content),
            "horizons": horizon_note(forecast, configured=content.gate.configured),
        },
        "gate": _gate(content.gate),
        "alarms": [alarm.message for alarm in content.alarms],
        **({"alarm_sentences": alarm_sentences(content.alarms)} if content.alarms else {}),
        "data": _health(content.health),
        "issue": _issue(content.issue),
        "attribution": content.attribution,
    }


def public_addresses(content: SeriesContent) -> dict[str, str]:
    """Where page and picture are read by everybody; nothing where the site's address is not known."""
    if not content.site_url:
        return {}
    root, slug = content.site_url.rstrip("/"), content.series.slug
    return {"url": f"{root}/{page_name(slug)}", "picture": f"{root}/{series_folder(slug)}{CARD}"}


def _skill(content: SeriesContent) -> dict[str, Any]:
    return skill_verdict(
        content.forecast.model_id, content.live, configured=content.gate.configured, late=content.backfill
    )._asdict()


def _gate(gate: GateDecision) -> dict[str, Any]:
    """The decision; `configured` is told only where the recipe is a baseline, which the gate does not judge."""
    configured = {"configured": True} if gate.configured else {}
    return {"promoted": gate.promoted, "reasons": list(gate.reasons), **configured}


def forecast_rows(content: HasForecast) -> list[dict[str, Any]]:
    """A forecast's horizons: target day, mode, median and quantiles."""
    return [_horizon(content, horizon) for horizon in HORIZONS]


def _horizon(content: HasForecast, horizon: int) -> dict[str, Any]:
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
    if values["mean_wis"] is None or values["mae"] is None:
        raise ValueError(f"a {line.mode} score of {line.model_id} at horizon {line.horizon} is not finite")
    coverage = {str(figure["nominal"]): figure for figure in values["coverage"]}
    return {
        **{
            key: values[key]
            for key in ("horizon", "n", "first", "last", "mean_wis", "mae", "skill", "comparisons")
        },
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
        **(
            {"filled_from": {name: list(days) for name, days in health.filled_from.items()}}
            if health.filled_from
            else {}
        ),
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
        "run_url": public_link(issue.run_url),
        "manifest_id": issue.manifest_id,
    }
