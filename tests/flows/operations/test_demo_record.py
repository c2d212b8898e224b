"""The demo's record on a small market: made afterwards and marked so, refused by the gate, and made once."""

from datetime import date, timedelta

import pytest

from flows.command.demo import SERIES, _accept_own_market
from flows.edges.clock import clock
from flows.edges.configuration import configuration
from flows.edges.http.demo_site import serve_market
from flows.edges.sources.crypto_data_download import file_name
from flows.inputs.stores import open_stores
from flows.operations import demo_record
from pipeline.series import Series
from pipeline.simulation import simulate_candles, wire_format

pytestmark = pytest.mark.slow

DAYS = 3


def test_the_record_is_backfilled_scored_and_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_record, "RECORD_DAYS", DAYS)
    series, newest = Series.parse(SERIES), clock().date() - timedelta(days=1)
    candles = simulate_candles(seed=12, first=date(2023, 6, 1), last=newest, price=20_000.0)
    with serve_market({file_name(series): wire_format(candles, series)}) as site:
        current = configuration({"source": site.url, "recipe": "tiny-range"})
        assert not _accept_own_market(site.url)
        now = clock()
        made = demo_record.make_record(current, series, now=now, anew=False)
        again = demo_record.make_record(current, series, now=now, anew=False)
    assert made.backfill.units["done"] == DAYS
    assert again.backfill.id == ""
    assert (again.refused, again.training_s) == (None, 0.0)
    assert made.training_s > 0
    ledger = open_stores(current.places).ledger
    tiny = ledger.forecasts(series, model_ids=["coincast-tiny_range"])
    assert set(tiny["mode"]) == {"backfill"}
    assert tiny["as_of"].nunique() == DAYS
    (decision,) = ledger.decisions(series)
    assert (decision.model_id, decision.promoted) == ("coincast-hasty_range", False)
    assert decision.publish != decision.model_id
    assert made.refused is not None
    assert made.refused.reasons == decision.reasons
    # Its next day was over when it was made: only what lies ahead may be called live.
    late = ledger.forecasts(series, model_ids=["coincast-hasty_range"]).set_index("horizon")["mode"]
    assert late.to_dict() == {1: "backfill", **dict.fromkeys(range(2, 8), "live")}
    assert ledger.scores(series, model_ids=["coincast-tiny_range"])["target_date"].max().date() == newest
