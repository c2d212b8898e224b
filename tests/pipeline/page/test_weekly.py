import re
from dataclasses import replace

from pipeline.monitoring.week import SeriesWeek
from pipeline.page.weekly import render_week, week_markdown, week_sentence
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
    }
    assert "<script>alert" not in page
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))


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
