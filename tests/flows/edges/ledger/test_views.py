"""The views on both databases, against what the façade's long tables and the stores say."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from flows.edges.backfill_store.units import Backfill, BackfillUnits
from flows.edges.configuration import PROJECT
from flows.edges.ledger.store import Ledger
from flows.edges.ledger.views import VIEWS, reference
from flows.edges.sql.database import reading
from flows.publishing.long_tables import QUANTILE_COLUMNS, forecast_table, score_table
from pipeline.backfill.plan import BackfillRequest, Unit
from pipeline.candles.columns import CLOSE, DATE, FILLED
from pipeline.forecasts.columns import HITS, IssueContext
from pipeline.forecasts.forecast import Forecast
from pipeline.series import Series

pytestmark = pytest.mark.slow

DAY = date(2026, 3, 20)
_KEY = ["as_of", "horizon", "model_id", "mode"]


def rows(engine: sa.Engine, view: str, series: Series) -> pd.DataFrame:
    with reading(engine) as connection:
        found = connection.execute(
            sa.text(f"SELECT * FROM {view} WHERE series = :series"), {"series": str(series)}
        )
        table = pd.DataFrame(found.mappings().all())
    for name in set(table) & {"as_of", "target_date"}:
        table[name] = pd.to_datetime(table[name]).astype("datetime64[us]")
    return table


@pytest.fixture
def issued(
    ledger: Ledger,
    series: Series,
    make_forecast: Callable[..., Forecast],
    make_context: Callable[..., IssueContext],
) -> Series:
    """Prices of every size, one forecast issued twice, one close restated, and a day published twice."""
    closes = [2.2e-05, 0.1 + 0.2, 66_010.93, 1.7e9]
    for number, close in enumerate(closes):
        day = DAY + timedelta(days=number)
        for spread in (0.03, 0.04) if number == 1 else (0.03,):
            ledger.issue([make_forecast(day, last_close=close, spread=spread)], issue=make_context(day))
    now = datetime(2026, 3, 26, 1, tzinfo=UTC)
    for more in (1.0, 1.01):
        truth = pd.DataFrame(
            {
                DATE: pd.date_range(DAY, periods=6, unit="us"),
                CLOSE: [3e-05 * more, 0.31, 65_000.0, 1e9, 2e9, 2e9],
                FILLED: False,
            }
        )
        ledger.score(series, truth, snapshot_sha256="b" * 64, now=now, scored_at=now)
    for model_id in ("coincast-har_range", "coincast-range_blend"):
        ledger.publish(
            series, DAY, model_id=model_id, now=now, published_at=now, chosen_by="gate", run_id="run-1"
        )
    return series


def test_a_quantile_is_the_exported_one_to_the_last_bit(
    engine: sa.Engine, ledger: Ledger, issued: Series
) -> None:
    exported = forecast_table(ledger, issued).rename(columns={"cutoff": "as_of", "model": "model_id"})
    found = rows(engine, "v_forecasts", issued)
    assert len(found) == 4 * 7 * 23
    wide = found.pivot_table(index=_KEY, columns="level", values="value", aggfunc="sum").reset_index()
    wanted = exported.sort_values(_KEY, ignore_index=True)
    assert wide[_KEY].to_numpy().tolist() == wanted[_KEY].to_numpy().tolist()
    values = wide.drop(columns=_KEY).to_numpy(dtype=np.float64)
    assert values.tobytes() == wanted[list(QUANTILE_COLUMNS)].to_numpy(dtype=np.float64).tobytes()
    assert set(found[found["as_of"] == pd.Timestamp(DAY + timedelta(days=1))]["issue"]) == {2}


def test_scores_are_the_exported_ones(engine: sa.Engine, ledger: Ledger, issued: Series) -> None:
    exported = score_table(ledger, issued).rename(
        columns={"cutoff": "as_of", "model": "model_id", "ds": "target_date", "y": "actual_close"}
    )
    found = rows(engine, "v_scores", issued)
    columns = [*_KEY, "target_date", "actual_close", "wis", "absolute_error", "pit", *HITS]
    tables = [one[columns].sort_values(_KEY, ignore_index=True) for one in (found, exported)]
    assert len(found) == len(exported) > 0
    assert (
        tables[0].to_numpy().tolist()
        == tables[1].astype({name: found[name].dtype for name in HITS}).to_numpy().tolist()
    )


def test_the_last_choice_is_what_is_published(engine: sa.Engine, ledger: Ledger, issued: Series) -> None:
    kept, found = ledger.publication(issued, as_of=DAY), rows(engine, "v_published", issued)
    assert kept is not None
    assert found["model_id"].tolist() == [kept.model_id] == ["coincast-range_blend"]
    assert found["chosen_by"].tolist() == [kept.chosen_by]


def test_units_are_the_store_s(engine: sa.Engine, series: Series) -> None:
    units, now = BackfillUnits(engine), datetime(2026, 3, 30, tzinfo=UTC)
    request = BackfillRequest(series=(str(series),), first=DAY, last=DAY, source="x", recipe="tiny-range")
    backfill = Backfill(
        id=series.symbol[:20], request=request, recipe={"name": "tiny-range"}, model_id="coincast-tiny_range",
        now=now, created_at=now, lease_s=60.0, run_id="run-2",
    )  # fmt: skip
    units.add(backfill, [Unit(str(series), DAY, DAY, "create", snapshot="a" * 64, chunk=0)])
    (kept,), found = units.rows(backfill.id), rows(engine, "v_units", series)
    assert (
        (found.loc[0, "status"], found.loc[0, "attempts"])
        == (kept["status"], kept["attempts"])
        == ("pending", 0)
    )
    assert (found.loc[0, "model_id"], found.loc[0, "backfill_id"]) == ("coincast-tiny_range", backfill.id)


def test_every_column_is_described_and_the_reference_is_the_document_s(engine: sa.Engine) -> None:
    for view, (_, columns) in VIEWS.items():
        assert [column["name"] for column in sa.inspect(engine).get_columns(view)] == list(columns), view
    assert reference() in (PROJECT / "docs" / "ledger.md").read_text(encoding="utf-8")


def test_the_document_s_query_runs(engine: sa.Engine, issued: Series) -> None:
    text = (PROJECT / "docs" / "ledger.md").read_text(encoding="utf-8")
    query = text.partition("```sql\n")[2].partition("```")[0].strip().rstrip(";")
    with reading(engine) as connection:
        found = connection.execute(sa.text(query)).mappings().all()
    mine = [row for row in found if row["series"] == str(issued)]
    assert len(mine) == 1
    assert mine[0]["lower_80"] < mine[0]["upper_80"]
