import re
from dataclasses import replace
from datetime import date

from pipeline.page.weekly import render_week, week_markdown, week_sentence
from pipeline.series import Series
from pipeline.week import GateDay, SeriesWeek, WeekHealth, WeekScore

MONDAY = date(2026, 3, 23)
LIVE = WeekScore("live", 28, 7, {50: 3, 80: 5, 90: 6, 95: 7}, 0.931, 0.955)
WEEK = SeriesWeek(
    series=Series("binance", "BTCUSDT"),
    monday=MONDAY,
    live=LIVE,
    backfill=replace(LIVE, mode="backfill", scored=14, days=2, relative_wis=None, relative_wis_all=None),
    decisions=(GateDay(date(2026, 3, 24), True, "coincast-range_lstm", "It beats the random walk."),),
    health=WeekHealth(candles=6, unforecast=(date(2026, 3, 26),), restated=2, contract="warning"),
    alarms=("The source is late.",),
)


def test_the_page_says_what_the_week_was() -> None:
    page = render_week([WEEK]).decode()
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
        "The source is late.",
        "24 March 2026 promoted coincast-range_lstm It beats the random walk.",
    ):
        assert said in text, said
    assert page == render_week([WEEK]).decode()


def test_the_page_needs_nothing_from_elsewhere_and_words_stay_words() -> None:
    evil = "<script>alert(1)</script>"
    page = render_week([replace(WEEK, alarms=(evil,)), WEEK]).decode()
    assert set(re.findall(r'(?:src|href)="([^"]*)"', page)) == {
        "#main",
        "index.html",
        "latest.json",
        "data:,",
    }
    assert "<script>alert" not in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


def test_a_simulated_week_says_so() -> None:
    page = render_week([replace(WEEK, series=Series("simulated", "BTCUSDT"))]).decode()
    assert "Simulated data: this market is made up" in page
    assert "made up" not in render_week([WEEK]).decode()


def test_sentences() -> None:
    assert (
        week_sentence(WEEK) == "80 % ranges held on 5 of 7 days; the error was 0.93 times the random walk's."
    )
    assert week_sentence(replace(WEEK, live=None)) == "No forecast issued in time met its day this week."
    assert (
        week_sentence(replace(WEEK, live=replace(LIVE, relative_wis=None)))
        == "80 % ranges held on 5 of 7 days."
    )
    told = week_markdown([WEEK])
    assert "**binance/BTCUSDT/1d**" in told
    assert "- The source is late." in told
