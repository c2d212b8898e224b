import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from pipeline.monitoring.week import DayMark, SeriesWeek, week_days
from pipeline.page.weekly import render_week, week_files, week_markdown, week_sentence
from pipeline.series import Series


def test_the_page_says_what_the_week_was(week: SeriesWeek) -> None:
    page = render_week([week]).decode()
    text = " ".join(
        re.sub(r"<style>.*?</style>|<script>.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL).split()
    )
    for said in (
        "23 March to 29 March 2026 (2026-W13)",
        "5 (71 %)",
        "0.931 ×",
        "0.955 ×",
        "made afterwards 14 2",
        "6 of 7 candles; no forecast in time of 26 March; 2 days restated by the vendor; data contract: warning.",
        "New prices have been overdue since 28 March 2026; the forecast rests on older ones.",
        "24 March 2026 promoted coincast-range_lstm It beats the random walk.",
    ):
        assert said in text, said
    assert page == render_week([week]).decode()


def test_the_page_needs_nothing_from_elsewhere_and_words_stay_words(week: SeriesWeek) -> None:
    evil = "<script>alert(1)</script>"
    page = render_week([replace(week, decisions=(replace(week.decisions[0], reasons=evil),)), week]).decode()
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {
        "#main",
        "index.html",
        "latest.json",
        "data:,",
        "weeks/2026-W13.html",
    }
    assert "<script>alert" not in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_seven_marks_lead_to_their_forecasts_and_are_told_in_words(week: SeriesWeek) -> None:
    said = [("held", "live"), ("missed", "live"), ("none", "live"), ("held", "backfill")] + [
        ("pending", "live")
    ] * 3
    marks = tuple(DayMark(day, *one) for day, one in zip(week_days(week.monday), said, strict=True))
    page = render_week([replace(week, marks=marks)]).decode()
    (strip,) = re.findall(r'<ol class="week".*?</ol>', page, re.DOTALL)
    days = ET.fromstring(strip).findall("li")
    assert [day[0].text for day in days] == ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    told = [day[1].get("aria-label") or "".join(day[1].itertext()) for day in days]
    assert told[:4] == [
        "Bitcoin, 23 March 2026: within 80 %",
        "Bitcoin, 24 March 2026: outside 80 %",
        "–25 March 2026: no forecast",
        "Bitcoin, 26 March 2026: within 80 %, made afterwards",
    ]
    assert [day[1].text for day in days if day[1].tag == "a"] == ["✓", "✕", "✓", "·", "·", "·"]
    assert '<a href="binance-btcusdt-1d/2026-03.html#d2026-03-24">24 March 2026</a>' not in page, (
        "nothing was said"
    )
    assert days[0][1].get("href") == "binance-btcusdt-1d/2026-03.html#d2026-03-22"


def test_a_week_stays_on_a_page_of_its_own_and_leads_to_earlier_ones(week: SeriesWeek) -> None:
    files = week_files([week], earlier=["2026-W11", "2026-W12"])
    assert list(files) == ["weekly.html", "weeks/2026-W13.html"]
    newest, own = (page.decode() for page in files.values())
    assert re.findall(r'href="([^"]*)">2026-W', newest) == ["weeks/2026-W12.html", "weeks/2026-W11.html"]
    assert re.findall(r'href="([^"]*)">2026-W', own) == ["../weeks/2026-W12.html", "../weeks/2026-W11.html"]
    assert 'href="weeks/2026-W13.html"' in newest
    assert 'href="../index.html"' in own


def test_a_series_whose_week_is_missing_is_named(week: SeriesWeek) -> None:
    lost = Series("kraken", "ETHUSD")
    page, words = render_week([week], missing=[lost]).decode(), week_markdown([week], missing=[lost])
    for said in (page, words):
        assert "The week of Ether could not be summed up" in said
        assert "80 % ranges held on 5 of 7 days" in re.sub(r"<[^>]+>", "", said)
    assert "**kraken/ETHUSD/1d**" in words
    assert "could not be summed up" not in render_week([week]).decode()


def test_a_simulated_week_says_so(week: SeriesWeek) -> None:
    page = render_week([replace(week, series=Series("simulated", "BTCUSDT"))]).decode()
    assert "Simulated data: this market is made up" in page
    assert "made up" not in render_week([week]).decode()


def test_sentences(week: SeriesWeek) -> None:
    assert (
        week_sentence(week) == "80 % ranges held on 5 of 7 days; the error was 0.931 times the random walk's."
    )
    walk = replace(week, live=replace(week.live, of_random_walk=True))
    assert (
        week_sentence(walk)
        == "80 % ranges held on 5 of 7 days; what was published is the random walk itself."
    )
    assert week_sentence(replace(week, live=None)) == "No forecast issued in time met its day this week."
    assert (
        week_sentence(replace(week, live=replace(week.live, relative_wis=None)))
        == "80 % ranges held on 5 of 7 days."
    )
    told = week_markdown([week])
    assert "**binance/BTCUSDT/1d**" in told
    assert f"- {week.alarms[0].message}" in told
