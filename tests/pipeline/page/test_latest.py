"""latest.json keeps its schema and says what the forecast says."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipeline.monitoring.alarms import Alarm
from pipeline.page import latest
from pipeline.page.alarm_sentences import alarm_sentences
from pipeline.page.content import SeriesContent
from pipeline.page.latest import Latest, read_latest, series_entry, write_latest
from pipeline.page.sentences import reader_sentence

MakeContent = Callable[..., SeriesContent]
SCHEMA = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def contents(make_content: MakeContent, late: Alarm) -> list[SeriesContent]:
    return [
        make_content(live=60, backfill=30),
        make_content("binance/SHIBUSDT/1d", price=0.00002, live=1, simulated=True),
        make_content("kraken/ETHUSD/1d", price=2100.0, live=0, alarms=(late,)),
    ]


@pytest.fixture(scope="module")
def latest(contents: list[SeriesContent]) -> Latest:
    return Latest(series={content.series.slug: series_entry(content) for content in contents})


@pytest.fixture(scope="module")
def document(latest: Latest) -> Any:
    return json.loads(write_latest(latest))


def test_it_keeps_its_schema(document: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)


def test_the_week_of_the_report_is_part_of_it(latest: Latest) -> None:
    text = write_latest(replace(latest, week="2026-W13"))
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text))
    assert [read_latest(one).week for one in (text, write_latest(latest), b"")] == ["2026-W13", "", ""]


def test_the_schema_refuses_what_is_not_it(document: Any) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    entry = document["series"]["kraken-ethusd-1d"]
    for broken in ({**entry, "sentence": None}, {**entry, "extra": 1}, {**entry, "levels": [0.5]}):
        assert not validator.is_valid({**document, "series": {"kraken-ethusd-1d": broken}})


def test_it_says_what_the_forecast_says(contents: list[SeriesContent], document: Any) -> None:
    for content in contents:
        entry = document["series"][content.series.slug]
        assert [row["quantiles"] for row in entry["forecasts"]] == content.forecast.quantiles.tolist()
        assert [row["median"] for row in entry["forecasts"]] == content.forecast.median.tolist()
        assert entry["sentence"] == reader_sentence(content)
        assert [row["mode"] for row in entry["forecasts"]] == ["live"] * 7


def test_an_alarm_is_told_to_whoever_runs_it_and_to_a_reader(document: Any, late: Alarm) -> None:
    told = [(entry["alarms"], entry.get("alarm_sentences")) for entry in document["series"].values()]
    assert told.count(([], None)) == 2
    assert ([late.message], alarm_sentences([late])) in told


def test_closes_are_not_in_it(contents: list[SeriesContent], latest: Latest) -> None:
    text = write_latest(latest).decode()
    for content in contents:
        # The made-up model's median is the last close itself.
        assert not [close for close in content.closes[:-1] if repr(close.price) in text]


def test_made_up_data_are_called_so(document: Any) -> None:
    assert document["simulated"] is True
    assert {slug: entry["simulated"] for slug, entry in document["series"].items()} == {
        "binance-btcusdt-1d": False,
        "binance-shibusdt-1d": True,
        "kraken-ethusd-1d": False,
    }


def test_it_reads_back_and_what_is_not_it_reads_as_nothing(latest: Latest) -> None:
    text = write_latest(latest)
    assert write_latest(read_latest(text)) == text
    for other in (b"", b"[]", b"{}", b'{"schema_version": 99, "series": {}}', b"\xff"):
        assert read_latest(other) == Latest()


def test_a_damaged_entry_is_left_out_and_the_others_stay(document: Any) -> None:
    entry = document["series"]["kraken-ethusd-1d"]
    kept = set(document["series"]) - {"kraken-ethusd-1d"}
    for damaged in (None, 7, {}, {**entry, "as_of": "soon"}, {**entry, "as_of": None}):
        text = json.dumps({**document, "series": {**document["series"], "kraken-ethusd-1d": damaged}})
        assert set(read_latest(text.encode()).series) == kept
    for damaged in ([], None, "series"):
        assert read_latest(json.dumps({**document, "series": damaged}).encode()).series == {}


def test_a_number_that_json_has_not_is_refused(latest: Latest) -> None:
    entry = {**latest.series["kraken-ethusd-1d"], "levels": [nan]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_latest(Latest(series={"kraken-ethusd-1d": entry}))


def test_a_score_that_is_no_number_is_refused(contents: list[SeriesContent]) -> None:
    live = contents[0].live
    assert live is not None
    broken = replace(live, lines=(replace(live.lines[0], mean_wis=inf), *live.lines[1:]))
    with pytest.raises(ValueError, match="horizon 1 is not finite"):
        series_entry(replace(contents[0], live=broken))
