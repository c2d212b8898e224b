"""What the template of a series' page fills in: every figure as text, with the exact value beside it."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from pipeline.addresses.public import public_link
from pipeline.forecasts.columns import LIVE
from pipeline.forecasts.quantiles import HORIZONS, MEDIAN, interval
from pipeline.page.alarm_sentences import alarm_sentences
from pipeline.page.changes import change_line
from pipeline.page.charts.drawing import HALF, NARROW, WIDE
from pipeline.page.charts.fan_chart import DAYS_SHOWN, fan_chart
from pipeline.page.charts.score_charts import pit_chart, reliability_chart, skill_chart
from pipeline.page.content import DataHealth, Record, SeriesContent
from pipeline.page.days.former import month_links, permalink
from pipeline.page.latest import public_addresses, series_folder
from pipeline.page.price_cells import PriceCells
from pipeline.page.prices import coin_name, format_price, market_name, rounding_step
from pipeline.page.record_views import day_strip, record_view, skill_path_view
from pipeline.page.sentences import (
    FEW,
    Verdict,
    calibration_verdict,
    days,
    horizon_note,
    in_time,
    instant_words,
    long_date,
    reader_sentence,
    skill_verdict,
)

LAST_SHOWN: Final = 30


def series_view(content: SeriesContent) -> dict[str, Any]:
    """Every value of `series.html.j2`."""
    lower, upper = (float(end) for end in interval(content.forecast.quantiles[0], 80))
    step = rounding_step(lower, upper)
    prices = PriceCells(content, step)
    return {
        **_identity(content),
        **_answers(content, step),
        **_charts(content, step),
        **_records(content, prices),
        "week": [prices.horizon(horizon) for horizon in HORIZONS],
        "horizon_note": horizon_note(content.forecast, configured=content.gate.configured),
        "health": _health(content.health),
        **_origin(content),
    }


def stale_after(as_of: date) -> str:
    """The instant at which tomorrow's close is known and a newer forecast is due."""
    complete = datetime(as_of.year, as_of.month, as_of.day, tzinfo=UTC) + timedelta(days=2)
    return complete.isoformat()


def _identity(content: SeriesContent) -> dict[str, Any]:
    sentence = reader_sentence(content)
    head, _, tail = sentence.partition("; ")
    told = content.simulated or content.issue.simulated_time
    return {
        "name": coin_name(content.series),
        "market": market_name(content.series),
        "quote": content.series.quote,
        "sentence": sentence,
        "change": change_line(content),
        "sentence_head": f"{head};",
        "sentence_tail": tail,
        "target_long": long_date(content.forecast.target_date(1)),
        "as_of_long": long_date(content.forecast.as_of),
        "live": content.mode(1) == LIVE,
        "until": "" if told else stale_after(content.forecast.as_of),
        "simulated": content.simulated,
        "simulated_time": content.issue.simulated_time,
        "in_time": _in_time(content),
        "publish_truth": content.publish_truth,
        "alarms": alarm_sentences(content.alarms),
        "attribution": content.attribution,
        "folder": series_folder(content.series.slug),
        **public_addresses(content),
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
            "bars": PriceCells(content, step, horizons=1).bars(1),
        },
        "calibration": calibration_verdict(content.live, late=content.backfill),
        "skill": _skill(content, content.live),
    }


def _charts(content: SeriesContent, step: float) -> dict[str, Any]:
    drawn = drawn_record(content)
    line = drawn.next_day if drawn else None
    name, first = coin_name(content.series), content.forecast.as_of - timedelta(days=DAYS_SHOWN - 1)
    both = (("wide", WIDE), ("narrow", NARROW))
    halves = (("wide", HALF), ("narrow", NARROW))
    skill = drawn if drawn and drawn.skill_path else None
    return {
        "days_shown": DAYS_SHOWN,
        "fan": {key: fan_chart(content, width=width, step=step) for key, width in both},
        "fan_label": f"{name}: closes and forecast ranges since {long_date(first)}, and the week ahead; "
        "the numbers are in the table below.",
        "reliability": {key: reliability_chart(drawn, line, width=width) for key, width in halves}
        if drawn and line
        else None,
        "pit": {key: pit_chart(drawn, line, width=width) for key, width in halves}
        if drawn and line
        else None,
        "skill_chart": {key: skill_chart(skill, width=width) for key, width in both} if skill else None,
    }


def drawn_record(content: SeriesContent) -> Record | None:
    """The record that is drawn: forecasts issued in time, or in grey those made afterwards; none of a few days."""
    for record in (content.live, content.backfill):
        if record and record.next_day and record.next_day.n >= FEW:
            return record
    return None


def _records(content: SeriesContent, prices: PriceCells) -> dict[str, Any]:
    past, drawn = _past_rows(content, prices), drawn_record(content)
    return {
        "drawn_record": record_view(drawn, prices.cell) if drawn else None,
        "drawn_late": drawn is not None and drawn is content.backfill,
        "has_late": any(row["late"] for row in past),
        "past": past,
        "months": month_links(content.series.slug, content.former),
        "last_rows": past[:LAST_SHOWN],
        "strip": day_strip(past[:LAST_SHOWN]),
        "last_summary": _last_summary(past[:LAST_SHOWN], in_time=_in_time(content)),
        "live_record": record_view(content.live, prices.cell) if content.live else None,
        "backfill_record": record_view(content.backfill, prices.cell) if content.backfill else None,
        "backfill_calibration": calibration_verdict(content.backfill),
        "backfill_skill": _skill(content, content.backfill),
        "skill_path": skill_path_view(drawn) if drawn else [],
    }


def _skill(content: SeriesContent, record: Record | None) -> Verdict:
    return skill_verdict(
        content.forecast.model_id, record, configured=content.gate.configured, late=content.backfill
    )


def _past_rows(content: SeriesContent, prices: PriceCells) -> list[dict[str, Any]]:
    """Newest first; where a day has both, the forecast that was issued in time."""
    first = content.forecast.as_of - timedelta(days=DAYS_SHOWN - 1)
    links = {one.as_of: permalink(content.series.slug, one.as_of) for one in content.former}
    rows: dict[date, dict[str, Any]] = {}
    for record in (content.backfill, content.live):
        for past in record.past if record else ():
            if past.target_date >= first:
                link = links.get(past.target_date - timedelta(days=1), "")
                rows[past.target_date] = prices.past(past, late=record is content.backfill, link=link)
    return [rows[day] for day in sorted(rows, reverse=True)]


def _in_time(content: SeriesContent) -> str:
    return in_time(simulated=content.live.simulated_time if content.live else content.issue.simulated_time)


def _last_summary(rows: list[dict[str, Any]], *, in_time: str) -> str:
    parts = []
    for late, words in ((False, f"issued {in_time}"), (True, "made afterwards")):
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
        "source": _without_private(health.source),
        "candles": f"{health.candles:,}",
        "first": long_date(health.first),
        "last": long_date(health.last),
        "holes": f"{days(health.missing_days)} missing, {health.filled_days:,} of them bridged"
        if health.missing_days
        else "none",
        "restated": _restated(health.restated_days),
        "fetched_at": instant_words(health.fetched_at),
        "snapshot": health.snapshot,
        "warnings": health.warnings,
        "checks": health.checks,
    }


def _without_private(text: str) -> str:
    """The text without addresses that lead nowhere for a reader."""
    return re.sub(r"https?://\S+", lambda url: public_link(url[0]) or "an address of our own", text)


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
        "model_version": "" if content.gate.configured else issue.model_version,
        "recipe_title": issue.recipe_title,
        "trained_as_of": long_date(issue.trained_as_of),
        "run_id": issue.run_id,
        "run_url": public_link(issue.run_url),
        "manifest_id": issue.manifest_id,
        "issued": instant_words(issue.issued_at),
        "now": instant_words(issue.now),
        "simulated_time": issue.simulated_time,
        "vintage": vintages.get(issue.vintage, issue.vintage),
        "gate": content.gate,
    }
    return dict(values)


def _count(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"
