"""Two series of which one is damaged: the other is published with everything, and the damaged one says so."""

import json
import logging
import posixpath
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.inputs.failures import SeriesFailedError
from flows.inputs.stores import open_stores
from pipeline.hub.validation import validate_hub
from pipeline.page import latest
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200), pytest.mark.usefixtures("prefect_harness")]

SOUND, DAMAGED = Series("simulated", "BTCUSDT"), Series("simulated", "ETHUSDT")
FIRST, LAST = date(2023, 10, 1), date(2026, 3, 29)
MODEL = "coincast-tiny_range"
SCHEMA = json.loads((Path(latest.__file__).parent / "latest.schema.json").read_text(encoding="utf-8"))
Night = Callable[..., list[Any]]
Damage = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def files() -> dict[str, bytes]:
    return {}


@pytest.fixture
def overrides(files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    monkeypatch.setenv("COINCAST_SERIES", f"{DAMAGED},{SOUND}")
    with serve_market(files) as site:
        yield {"source": site.url, "recipe": "tiny-range"}


@pytest.fixture
def night(files: dict[str, bytes], overrides: dict[str, Any]) -> Night:
    """Both series at a quarter past midnight after a day, the damaged one first."""
    from flows.daily import daily

    def work(last: date) -> list[Any]:
        for seed, series in enumerate((SOUND, DAMAGED)):
            candles = simulate_candles(seed=seed, first=FIRST, last=last, price=2_000.0)
            files[file_name(series)] = wire_format(candles, series)
        return daily(now=f"{last + timedelta(days=1)}T00:15:00Z", overrides=overrides)

    return work


def published() -> dict[str, bytes]:
    release = Path(configuration().places.publish_url, ".releases", "current").resolve()
    return {
        path.relative_to(release).as_posix(): path.read_bytes()
        for path in release.rglob("*")
        if path.is_file()
    }


def assert_whole(files: dict[str, bytes], *, drawn: set[Series], undrawn: set[Series]) -> None:
    """latest.json and the hub keep their forms, and the index names every series."""
    document = json.loads(files["latest.json"])
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    assert set(document["series"]) == {one.slug for one in drawn}
    assert set(document.get("undrawn", ())) == {one.slug for one in undrawn}
    hub = {path.removeprefix("hub/"): content for path, content in files.items() if path.startswith("hub/")}
    assert validate_hub(list(hub), hub.__getitem__) == ()
    for series in drawn | undrawn:
        assert f'href="{series.slug}.html"' in files["index.html"].decode()


def assert_fails(night: Night, said: str) -> None:
    with pytest.raises(SeriesFailedError, match="1 of 2 series failed") as failed:
        night(LAST)
    assert failed.value.exit_code == 1
    assert list(failed.value.failures) == [str(DAMAGED)]
    assert said in failed.value.failures[str(DAMAGED)]
    assert "\n" not in str(failed.value)
    assert [outcome.series for outcome in failed.value.outcomes] == [str(SOUND)]


def test_a_series_that_cannot_be_drawn_stops_no_other_and_heals(
    night: Night,
    overrides: dict[str, Any],
    damaged_forecast: Damage,
    own_state: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    night(LAST - timedelta(days=1))
    night(LAST)
    healthy = published()
    assert_whole(healthy, drawn={SOUND, DAMAGED}, undrawn=set())

    page = f"{DAMAGED.slug}.html"
    with damaged_forecast(DAMAGED, as_of=LAST - timedelta(days=1), model_id=MODEL, horizon=1):
        caplog.clear()
        assert_fails(night, f"The page of {DAMAGED} as of {LAST} cannot be drawn, and a short one stands")
        told = [one for one in caplog.records if one.levelno >= logging.ERROR and one.exc_info]
        assert any(f"The page of {DAMAGED}" in one.getMessage() for one in told), "with its traceback"
        short = published()
        assert_whole(short, drawn={SOUND}, undrawn={DAMAGED})
        assert b"This page could not be drawn." in short[page]
        entry = json.loads(short["latest.json"])["undrawn"][DAMAGED.slug]
        before = json.loads(healthy["latest.json"])["series"][DAMAGED.slug]
        assert (entry["as_of"], entry["forecasts"]) == (str(LAST), before["forecasts"])
        assert short[f"{SOUND.slug}.html"] == healthy[f"{SOUND.slug}.html"]
        assert_same_again(night, overrides, short)

    night(LAST)
    assert published() == healthy

    # The forecast of the day itself is lost: the page can say no more than that.
    with damaged_forecast(DAMAGED, as_of=LAST, model_id=MODEL, horizon=3):
        assert_fails(night, "ValueError")
        bare = published()
        assert_whole(bare, drawn={SOUND}, undrawn={DAMAGED})
        assert json.loads(bare["latest.json"])["undrawn"][DAMAGED.slug]["forecasts"] is None
        assert b"cannot be shown either" in bare[page]

    # The next day replaces the short page, also where what was said before cannot be scored.
    with (
        damaged_forecast(DAMAGED, as_of=LAST, model_id=MODEL, horizon=1),
        pytest.raises(SeriesFailedError) as failed,
    ):
        night(LAST + timedelta(days=1))
    assert list(failed.value.failures) == [str(DAMAGED)]
    assert_whole(published(), drawn={SOUND, DAMAGED}, undrawn=set())
    series = json.loads(published()["latest.json"])["series"]
    assert {entry["as_of"] for entry in series.values()} == {str(LAST + timedelta(days=1))}
    night(LAST + timedelta(days=1))
    assert_whole(published(), drawn={SOUND, DAMAGED}, undrawn=set())
    assert_the_week_names_what_it_lacks(own_state, overrides)


def assert_same_again(night: Night, overrides: dict[str, Any], before: dict[str, bytes]) -> None:
    """The same stores, the same bytes, whichever flow publishes them."""
    from flows.score import score

    assert_fails(night, "cannot be drawn")
    with pytest.raises(SeriesFailedError, match="cannot be drawn"):
        score(now=f"{LAST + timedelta(days=1)}T00:15:00Z", overrides=overrides)
    assert published() == before


def assert_the_week_names_what_it_lacks(home: Path, overrides: dict[str, Any]) -> None:
    """A snapshot that is damaged on the disk."""
    from flows.weekly_report import weekly_report

    newest = open_stores(configuration().places).snapshots.latest(DAMAGED)
    assert newest is not None
    (kept,) = (path for path in (home / "snapshots").rglob(f"*{newest.sha256}*") if path.is_file())
    whole = kept.read_bytes()
    kept.chmod(0o600)
    kept.write_bytes(whole[:100])
    with pytest.raises(SeriesFailedError, match="1 of 2 series failed") as failed:
        weekly_report(now=f"{LAST + timedelta(days=2)}T08:00:00Z", overrides=overrides)
    assert list(failed.value.failures) == [str(DAMAGED)]
    files = published()
    assert b"The week of Ether could not be summed up" in files["weekly.html"]
    assert b'href="../simulated-btcusdt-1d/2026-03.html#d2026-03-28"' in files["weeks/2026-W13.html"]
    assert json.loads(files["latest.json"])["weeks"] == ["2026-W13"]
    # Every place that a page of the site leads to is there.
    for path, page in ((path, page.decode()) for path, page in files.items() if path.endswith(".html")):
        for link, place in re.findall(r'href="([^":#]+)(?:#([^"]*))?"', page):
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
            assert target in files, (path, link)
            assert f'id="{place}"' in files[target].decode() if place else True, (path, link, place)
    assert b"Bitcoin" in files["weekly.html"]
    assert_whole(files, drawn={SOUND, DAMAGED}, undrawn=set())
    kept.write_bytes(whole)


@pytest.mark.parametrize("name", [f"{DAMAGED.slug}.html", DAMAGED.slug])
def test_a_file_of_ones_own_in_the_place_of_a_page_stops_its_series_only(
    name: str, night: Night, overrides: dict[str, Any]
) -> None:
    overrides["recipe"] = "har-range"  # whose fit takes no time
    site = Path(configuration().places.publish_url)
    site.mkdir(parents=True)
    foreign = site / name
    foreign.write_text("mine")
    assert_fails(night, "was not published by coincast")
    assert foreign.read_text() == "mine"
    assert set(json.loads((site / "latest.json").read_text())["series"]) == {SOUND.slug}
    foreign.unlink()
    night(LAST)
    assert_whole(published(), drawn={SOUND, DAMAGED}, undrawn=set())
