"""`weekly.html`: the last week of every series on one page, the same bytes for the same week."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from pipeline.forecasts.columns import LIVE
from pipeline.forecasts.quantiles import COVERAGES
from pipeline.monitoring.week import DAYS, DayMark, SeriesWeek, WeekScore
from pipeline.page.alarm_sentences import alarm_sentences
from pipeline.page.days.former import permalink
from pipeline.page.prices import coin_name, market_name
from pipeline.page.rendering import render
from pipeline.page.sentences import days, long_date, percent, short_date, times_words
from pipeline.series import Series

WEEKLY: Final = "weekly.html"
_MARKS: Final = {
    "held": ("✓", "within 80 %"),
    "missed": ("✕", "outside 80 %"),
    "pending": ("·", "not known yet"),
    "none": ("–", "no forecast"),
}


def week_page(week: str) -> str:
    """The page of a week that stays, from the site's root: `weeks/2026-W13.html`."""
    return f"weeks/{week}.html"


def week_files(
    weeks: Sequence[SeriesWeek], *, missing: Sequence[Series] = (), earlier: Sequence[str] = ()
) -> dict[str, bytes]:
    """The page of one week twice: as the newest, and in its own place, where it stays.

    Args:
        weeks: Of the same week, one for each series.
        missing: Series whose week could not be summed up; the page says so.
        earlier: Names of the weeks before it that have a page.
    """
    return {
        path: render_week(weeks, missing=missing, earlier=earlier, root=root)
        for path, root in ((WEEKLY, ""), (week_page(weeks[0].name), "../"))
    }


def render_week(
    weeks: Sequence[SeriesWeek],
    *,
    missing: Sequence[Series] = (),
    earlier: Sequence[str] = (),
    root: str = "",
) -> bytes:
    """The page of one week.

    Args:
        weeks: Of the same week, one for each series.
        missing: Series whose week could not be summed up; the page says so.
        earlier: Names of the weeks before it that have a page.
        root: Leads from the page to the site's root.
    """
    monday = weeks[0].monday
    series = [*(week.series for week in weeks), *missing]
    return render(
        "weekly.html.j2",
        {
            "root": root,
            "week": weeks[0].name,
            "own": week_page(weeks[0].name),
            "earlier": [{"name": name, "path": week_page(name)} for name in reversed(earlier)],
            "first": short_date(monday),
            "last": long_date(monday + timedelta(days=DAYS - 1)),
            "simulated": all(one.simulated for one in series),
            "weeks": [_view(week) for week in weeks],
            "missing": [
                {
                    "name": coin_name(one),
                    "market": market_name(one),
                    "simulated": one.simulated,
                    "sentence": missing_sentence(one),
                }
                for one in missing
            ],
        },
    )


def week_sentence(week: SeriesWeek) -> str:
    """What became of a week's forecasts, in a sentence of plain words."""
    live = week.live
    if live is None or not live.days:
        return "No forecast issued in time met its day this week."
    held = f"80 % ranges held on {live.held[80]} of {days(live.days)}"
    if live.of_random_walk:
        return f"{held}; what was published is the random walk itself."
    if live.relative_wis is None:
        return f"{held}."
    return f"{held}; the error was {times_words(live.relative_wis)} times the random walk's{_of_days(live)}."


def _of_days(score: WeekScore) -> str:
    """On how many days it was compared, where the random walk lacks some."""
    return "" if score.compared_days == score.days else f" on {days(score.compared_days)}"


def missing_sentence(series: Series) -> str:
    """That nothing can be said of a series' week."""
    return f"The week of {coin_name(series)} could not be summed up: what is kept of it cannot be read."


def week_markdown(weeks: Sequence[SeriesWeek], *, missing: Sequence[Series] = ()) -> str:
    """The week for a reader of the Prefect UI.

    Args:
        weeks: Of the same week, one for each series.
        missing: Series whose week could not be summed up.
    """
    lines = [f"# {weeks[0].name}", ""]
    for week in weeks:
        lines.append(f"**{week.series}**: {week_sentence(week)} {_health(week)}")
        lines += [f"- {alarm.message}" for alarm in week.alarms] + [""]
    for series in missing:
        lines += [f"**{series}**: {missing_sentence(series)}", ""]
    return "\n".join(lines)


def _view(week: SeriesWeek) -> dict[str, Any]:
    issued = {mark.day - timedelta(days=1) for mark in week.marks if mark.outcome != "none"}
    return {
        "name": coin_name(week.series),
        "market": market_name(week.series),
        "simulated": week.series.simulated,
        "sentence": week_sentence(week),
        "marks": [_mark(mark, week.series.slug) for mark in week.marks],
        "scores": [_score(score) for score in (week.live, week.backfill) if score is not None],
        "decisions": [
            {
                "day": long_date(one.as_of),
                "link": permalink(week.series.slug, one.as_of) if one.as_of in issued else "",
                "words": "promoted" if one.promoted else "kept as it was",
                "published": one.published,
                "reasons": one.reasons,
            }
            for one in week.decisions
        ],
        "health": _health(week),
        "alarms": alarm_sentences(week.alarms),
    }


def _mark(mark: DayMark, slug: str) -> dict[str, Any]:
    sign, words = _MARKS[mark.outcome]
    late = mark.outcome != "none" and mark.mode != LIVE
    return {
        "weekday": f"{mark.day:%a}",
        "outcome": mark.outcome,
        "sign": sign,
        "late": late,
        "label": f"{long_date(mark.day)}: {words}{', made afterwards' if late else ''}",
        "link": "" if mark.outcome == "none" else permalink(slug, mark.day - timedelta(days=1)),
    }


def _score(score: WeekScore) -> dict[str, Any]:
    shares = {coverage: score.held[coverage] / score.days if score.days else None for coverage in COVERAGES}
    return {
        "words": "issued in time" if score.mode == "live" else "made afterwards",
        "scored": score.scored,
        "days": score.days,
        "held": [
            {
                "nominal": coverage,
                "count": score.held[coverage],
                "share": "–" if share is None else percent(share),
            }
            for coverage, share in shares.items()
        ],
        "ratios": [
            _ratio(score.relative_wis, of=score.compared_days, scored=score.days),
            _ratio(score.relative_wis_all, of=score.compared, scored=score.scored),
        ],
    }


def _ratio(value: float | None, *, of: int, scored: int) -> dict[str, str] | None:
    """The figure, and how many forecasts it is of where that is not all that were scored."""
    if value is None:
        return None
    return {"text": times_words(value), "value": repr(value), "of": "" if of == scored else f"of {of:,}"}


def _health(week: SeriesWeek) -> str:
    health = week.health
    parts = [f"{health.candles} of {DAYS} candles"]
    if health.unforecast:
        named = ", ".join(short_date(day) for day in health.unforecast)
        parts.append(f"no forecast in time of {named}")
    if health.restated:
        parts.append(f"{days(health.restated)} restated by the vendor")
    if health.contract:
        parts.append(f"data contract: {health.contract}")
    return f"{'; '.join(parts)}."
