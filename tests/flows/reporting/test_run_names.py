"""What Prefect calls a run: readable, whole for any parameters, and without what may be a credential."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.reporting.run_names import run_name

DUE = datetime(2026, 3, 30, 0, 20, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ("flow", "parameters", "name"),
    [
        ("daily", {"series": None, "as_of": None, "now": None}, "daily 2026-03-29"),
        ("daily", {"series": ["binance/BTCUSDT/1d"], "as_of": "2026-03-01"}, "daily 2026-03-01 · binance/BTCUSDT/1d"),
        ("daily", {"series": ["a/B/1d", "a/C/1d", "a/D/1d"], "now": "2026-04-02T00:20:00Z"},
         "daily 2026-04-01 · 3 series"),
        ("backfill", {"first": "2025-01-01", "last": "2025-02-01", "recipe": "har-range"},
         "backfill 2025-01-01 to 2025-02-01 har-range"),
        ("backfill", {"first": "2025-01-01", "last": "2025-02-01", "dry_run": True},
         "backfill dry run 2025-01-01 to 2025-02-01"),
        ("backfill", {"plan": "261128-d7202c", "dry_run": False}, "backfill plan 261128-d7202c"),
        ("compare", {"recipes": ["a", "b", "c", "d"], "series": "binance/BTCUSDT/1d"},
         "compare a, b, c and 1 more · binance/BTCUSDT/1d"),
        ("backfill-chunk", {"backfill_id": "260401-1a2b3c", "chunk": 12}, "260401-1a2b3c chunk 12"),
        ("weekly-report", {"week": "2026-W13"}, "weekly-report 2026-W13"),
        ("score", {"series": ["http://user:pw@host/x?key=K"]}, "score"),
    ],
)  # fmt: skip
def test_a_name_says_what_the_run_is_of(flow: str, parameters: dict[str, Any], name: str) -> None:
    assert run_name(flow, parameters, due=DUE) == name


@pytest.mark.slow
@given(
    parameters=st.dictionaries(
        st.sampled_from(
            ["series", "as_of", "now", "first", "last", "week", "recipe", "recipes", "plan", "dry_run"]
        ),
        JSON,
    )
)
def test_any_parameters_give_a_name(parameters: dict[str, Any]) -> None:
    name = run_name("daily", parameters, due=DUE)
    assert name.startswith("daily")
    assert len(name) < 400
    assert not set(name) & set(":@?&=<>{}")
