"""The short page of a series whose own cannot be drawn: what it says, and that programs can read it."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from pipeline.page import latest
from pipeline.page.content import SeriesContent
from pipeline.page.short import IssuedForecast, ShortContent, render_short, short_sentence
from pipeline.page.site import short_page, site_files

SCHEMA = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def known(make_content: Callable[..., SeriesContent]) -> ShortContent:
    content = make_content(live=0)
    issued = IssuedForecast(content.forecast, content.issue.now, simulated_time=False)
    return ShortContent(content.series, content.forecast.as_of, issued, attribution="Candles: a vendor.")


def words(content: ShortContent) -> str:
    page = re.sub(
        r"<style>.*?</style>|<script>.*?</script>", "", render_short(content).decode(), flags=re.DOTALL
    )
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_it_says_that_it_is_short_and_what_is_known(known: ShortContent) -> None:
    assert short_sentence(known).startswith("Tomorrow (30 March) Bitcoin most likely closes between")
    assert short_sentence(known).endswith("(80 %); the page of Bitcoin could not be drawn.")
    said = words(known)
    for part in (
        "This page could not be drawn.",
        "BTC/USDT on Binance",
        "As of 29 March 2026",
        "Candles: a vendor.",
    ):
        assert part in said
    assert len(re.findall(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d+ ", said)) == 7, "the week ahead"
    assert "From day 5 on the forecast is the random walk" in said


def test_without_a_forecast_it_says_that_too(known: ShortContent) -> None:
    bare = replace(known, issued=None)
    assert short_sentence(bare) == (
        "The forecast of Bitcoin as of 29 March 2026 cannot be shown; the page of Bitcoin could not be drawn."
    )
    said = words(bare)
    assert "cannot be shown either" in said
    assert "Median" not in said


def test_a_forecast_made_afterwards_does_not_speak_of_tomorrow(known: ShortContent) -> None:
    assert known.issued is not None
    late = replace(known.issued, now=datetime(2026, 4, 20, tzinfo=UTC))
    assert short_sentence(replace(known, issued=late)).startswith(
        "Seen from the day before, on 30 March 2026"
    )
    assert words(replace(known, issued=late)).count("made afterwards") == 7


def test_it_ages_where_it_has_a_forecast_of_a_real_day(known: ShortContent) -> None:
    assert known.issued is not None
    told = replace(known, issued=replace(known.issued, simulated_time=True))
    ageing = [b"data-until=" in render_short(one) for one in (known, told, replace(known, issued=None))]
    assert ageing == [True, False, False]
    assert [b"data-until=" in site_files([short_page(one)])["index.html"] for one in (known, told)] == [
        True,
        False,
    ]


@pytest.mark.parametrize("with_forecast", [True, False])
def test_programs_find_it_apart_from_the_others(known: ShortContent, with_forecast: bool) -> None:
    content = known if with_forecast else replace(known, issued=None)
    document = json.loads(site_files([short_page(content)])["latest.json"])
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    assert document["series"] == {}
    entry = document["undrawn"][known.series.slug]
    assert (entry["as_of"], entry["sentence"]) == ("2026-03-29", short_sentence(content))
    quantiles = [row["quantiles"] for row in entry["forecasts"] or ()]
    assert known.issued is not None
    assert quantiles == (known.issued.forecast.quantiles.tolist() if with_forecast else [])


def test_a_made_up_market_is_called_so(known: ShortContent) -> None:
    made_up = replace(known, simulated=True)
    assert short_sentence(made_up).endswith(" [Simulated data]")
    assert "Simulated data: this market is made up" in words(made_up)
    assert json.loads(site_files([short_page(made_up)])["latest.json"])["simulated"] is True


def test_the_same_content_is_the_same_bytes(known: ShortContent) -> None:
    assert render_short(known) == render_short(replace(known))


def test_without_a_forecast_the_time_is_that_of_the_run(known: ShortContent) -> None:
    for told in (True, False):
        content = replace(known, issued=None, simulated_time=told)
        assert short_page(content).entry["simulated_time"] is told
        assert ("Simulated time" in words(content)) is told
