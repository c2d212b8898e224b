"""What the template of a series' page fills in: every figure as text, with the exact value beside it."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pipeline.page.content import DataHealth, PastForecast, SeriesContent
from pipeline.page.drawing import HALF, NARROW, WIDE
from pipeline.page.fan_chart import DAYS_SHOWN, fan_chart
from pipeline.page.prices import coin_name, format_price, market_name, rounding_step
from pipeline.page.record_views import record_view, skill_path_view
from pipeline.page.score_charts import pit_chart, reliability_chart, skill_chart
from pipeline.page.sentences import (
    Verdict,
    calibration_verdict,
    days,
    horizon_note,
    long_date,
    reader_sentence,
    short_date,
    skill_verdict,
)
from pipeline.quantiles import HORIZONS, MEDIAN, interval
from pipeline.record import LIVE

LAST_SHOWN: Final = 30
_BARS: Final = (95, 80, 50)
_Cell = dict[str, Any]


def series_view(content: SeriesContent) -> dict[str, Any]:
    """Every value of `series.html.j2`."""
    lower, upper = (float(end) for end in interval(content.forecast.quantiles[0], 80))
    step = rounding_step(lower, upper)
    prices = _Prices(content, step)
    return {
        **_identity(content),
        **_answers(content, step),
        **_charts(content, step),
        **_records(content, prices),
        "week": [prices.horizon(horizon) for horizon in HORIZONS],
        "horizon_note": horizon_note(content),
        "health": _health(content.health),
        **_origin(content),
    }


def stale_after(as_of: date) -> str:
    """The instant at which tomorrow's close is known and a newer forecast is due."""
    complete = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=2)
    return complete.isoformat()


class _Prices:
    """Prices of one series as table cells: rounded to a hundredth of the sentence's step, exact beside it."""

    def __init__(self, content: SeriesContent, step: float, *, horizons: int = len(HORIZONS)) -> None:
        self._content = content
        self._step = step / 100
        ends = interval(content.forecast.quantiles[:horizons], max(_BARS))
        self._low = min(float(ends[0].min()), content.forecast.last_close)
        self._width = max(float(ends[1].max()), content.forecast.last_close) - self._low or 1.0

    def cell(self, price: float) -> _Cell:
        return {"text": format_price(price, self._step), "value": repr(float(price))}

    def pair(self, ends: tuple[Any, Any]) -> tuple[_Cell, _Cell]:
        return self.cell(ends[0]), self.cell(ends[1])

    def bars(self, horizon: int) -> dict[str, Any]:
        """Ranges of one horizon as percent of the width that the horizons shown need."""
        forecast = self._content.forecast
        quantiles = forecast.quantiles[horizon - 1]
        ranges = []
        for coverage in _BARS:
            lower, upper = (self._place(float(end)) for end in interval(quantiles, coverage))
            ranges.append({"coverage": coverage, "left": lower, "width": round(upper - lower, 2)})
        return {
            "ranges": ranges,
            "median": self._place(float(quantiles[MEDIAN])),
            "last": self._place(forecast.last_close),
        }

    def horizon(self, horizon: int) -> dict[str, Any]:
        forecast = self._content.forecast
        quantiles = forecast.quantiles[horizon - 1]
        first_walk = forecast.random_walk_from
        return {
            "day": f"{forecast.target_date(horizon):%a} {short_date(forecast.target_date(horizon))}",
            "random_walk": first_walk is not None and horizon >= first_walk,
            "late": self._content.mode(horizon) != LIVE,
            "median": self.cell(quantiles[MEDIAN]),
            "bars": self.bars(horizon),
            **{f"range_{coverage}": self.pair(interval(quantiles, coverage)) for coverage in _BARS},
        }

    def past(self, past: PastForecast, *, late: bool) -> dict[str, Any]:
        return {
            "day": long_date(past.target_date),
            "date": past.target_date,
            "late": late,
            "held": past.hits[80],
            "outcome": "held" if past.hits[80] else "missed",
            "actual": self.cell(past.actual),
            "range_80": self.pair(past.ranges[80]),
            "range_50": self.pair(past.ranges[50]),
        }

    def _place(self, price: float) -> float:
        return round(100 * (price - self._low) / self._width, 2)


def _identity(content: SeriesContent) -> dict[str, Any]:
    sentence = reader_sentence(content)
    head, _, tail = sentence.partition("; ")
    told = content.simulated or content.issue.simulated_time
    return {
        "name": coin_name(content.series),
        "market": market_name(content.series),
        "quote": content.series.quote,
        "sentence": sentence,
        "sentence_head": f"{head};",
        "sentence_tail": tail,
        "target_long": long_date(content.forecast.target_date(1)),
        "as_of_long": long_date(content.forecast.as_of),
        "live": content.mode(1) == LIVE,
        "until": "" if told else stale_after(content.forecast.as_of),
        "simulated": content.simulated,
        "publish_truth": content.publish_truth,
        "alarms": content.alarms,
        "attribution": content.attribution,
    }


def _answers(content: SeriesContent, step: float) -> dict[str, Any]:
    quantiles = content.forecast.quantiles[0]

    def rounded(coverage: int) -> str:
        return " – ".join(format_price(float(end), step) for end in interval(quantiles, coverage))

    return {
        "tomorrow": {
            "rounded": rounded(80),
            "half": rounded(50),
            "most": rounded(95),
            "middle": format_price(float(quantiles[MEDIAN]), step),
            "bars": _Prices(content, step, horizons=1).bars(1),
        },
        "calibration": calibration_verdict(content.live),
        "skill": skill_verdict(content.forecast.model_id, content.live),
    }


def _charts(content: SeriesContent, step: float) -> dict[str, Any]:
    line = content.live.next_day if content.live else None
    name, first = coin_name(content.series), content.forecast.as_of - timedelta(days=DAYS_SHOWN - 1)
    both = (("wide", WIDE), ("narrow", NARROW))
    halves = (("wide", HALF), ("narrow", NARROW))
    skill = content.live if content.live and content.live.skill_path else None
    return {
        "days_shown": DAYS_SHOWN,
        "fan": {key: fan_chart(content, width=width, step=step) for key, width in both},
        "fan_label": f"{name}: closes and forecast ranges since {long_date(first)}, and the week ahead; "
        "the numbers are in the table below.",
        "reliability": {key: reliability_chart(line, width=width) for key, width in halves} if line else None,
        "pit": {key: pit_chart(line, width=width) for key, width in halves} if line else None,
        "skill_chart": {key: skill_chart(skill, width=width) for key, width in both} if skill else None,
    }


def _records(content: SeriesContent, prices: _Prices) -> dict[str, Any]:
    model_id = content.forecast.model_id
    past = _past_rows(content, prices)
    return {
        "has_late": any(row["late"] for row in past),
        "past": past,
        "last_rows": past[:LAST_SHOWN],
        "last_summary": _last_summary(past[:LAST_SHOWN]),
        "live_record": record_view(content.live, prices.cell) if content.live else None,
        "backfill_record": record_view(content.backfill, prices.cell) if content.backfill else None,
        "backfill_calibration": calibration_verdict(content.backfill),
        "backfill_skill": skill_verdict(model_id, content.backfill),
        "skill_path": skill_path_view(content.live) if content.live else [],
    }


def _past_rows(content: SeriesContent, prices: _Prices) -> list[dict[str, Any]]:
    """Newest first; where a day has both, the forecast that was issued in time."""
    first = content.forecast.as_of - timedelta(days=DAYS_SHOWN - 1)
    rows: dict[date, dict[str, Any]] = {}
    for record in (content.backfill, content.live):
        for past in record.past if record else ():
            if past.target_date >= first:
                rows[past.target_date] = prices.past(past, late=record is content.backfill)
    return [rows[day] for day in sorted(rows, reverse=True)]


def _last_summary(rows: list[dict[str, Any]]) -> str:
    parts = []
    for late, words in ((False, "issued in time"), (True, "made afterwards")):
        held = [row["held"] for row in rows if row["late"] is late]
        if held:
            parts.append(f"of {len(held)} {words}, {sum(held)} held")
    counts = "; ".join(parts)
    return f"{counts[:1].upper()}{counts[1:]}. An 80 % range should hold four times in five."


def _health(health: DataHealth) -> dict[str, Any]:
    faults = sum(not check.success for check in health.checks) + len(health.warnings)
    words = {
        "ok": Verdict("good", "Sound", "Every check holds and the file was read without a warning."),
        "warning": Verdict(
            "neutral", "Usable, with warnings", f"{_count(faults, 'thing')} to know about; see below."
        ),
        "critical": Verdict("bad", "Not sound", "A critical check failed."),
    }
    return {
        "verdict": words[health.severity],
        "source": health.source,
        "candles": f"{health.candles:,}",
        "first": long_date(health.first),
        "last": long_date(health.last),
        "holes": f"{days(health.missing_days)} missing, {health.filled_days:,} of them bridged"
        if health.missing_days
        else "none",
        "restated": _restated(health.restated_days),
        "fetched_at": _instant(health.fetched_at),
        "snapshot": health.snapshot,
        "warnings": health.warnings,
        "checks": health.checks,
    }


def _restated(count: int | None) -> str:
    if count is None:
        return "not looked at"
    return days(count) if count else "none"


def _origin(content: SeriesContent) -> dict[str, Any]:
    issue = content.issue
    vintages = {
        "known": "known: only what had been downloaded by then",
        "latest": "latest: today's data, cut at the last day it may see",
    }
    values: Mapping[str, Any] = {
        "model_id": content.forecast.model_id,
        "model_version": issue.model_version,
        "recipe_title": issue.recipe_title,
        "trained_as_of": long_date(issue.trained_as_of),
        "run_id": issue.run_id,
        "run_url": issue.run_url if issue.run_url.startswith(("http://", "https://")) else "",
        "manifest_id": issue.manifest_id,
        "issued": _instant(issue.issued_at),
        "now": _instant(issue.now),
        "simulated_time": issue.simulated_time,
        "vintage": vintages.get(issue.vintage, issue.vintage),
        "gate": content.gate,
    }
    return dict(values)


def _instant(instant: datetime) -> str:
    utc = instant.astimezone(UTC)
    return f"{long_date(utc.date())}, {utc:%H:%M} UTC"


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
