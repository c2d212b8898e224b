import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.verdict import Check, Verdict, name_days, one_line
from pipeline.errors import ExpectationError

GOOD = Check("dates_ascend", "critical", success=True, observed=0)
HOLE = Check("dates_are_continuous", "warning", False, 2, ("2024-01-02", "2024-01-03"), "A hole.")
ZERO = Check("close_is_positive", "critical", False, 1, ("2024-01-05",), "Every close is above 0.")

checks = st.builds(
    Check,
    name=st.text("abc_", min_size=1),
    severity=st.sampled_from(["warning", "critical"]),
    success=st.booleans(),
    observed=st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    days=st.lists(st.dates().map(str)).map(tuple),
    message=st.text(),
)


def verdict(*checks: Check) -> Verdict:
    return Verdict.of(checks, suite="candles", subject="binance/BTCUSDT/1d 2024-01-05")


@pytest.mark.parametrize(
    ("checks", "severity"),
    [
        ((GOOD,), "ok"),
        ((GOOD, HOLE), "warning"),
        ((HOLE, ZERO), "critical"),
        ((), "critical"),
    ],
)
def test_the_gravest_failure_decides_and_no_check_is_none_passed(checks: tuple, severity: str) -> None:
    assert verdict(*checks).severity == severity


@settings(max_examples=40)
@given(st.lists(checks, max_size=6))
def test_json_and_back_is_the_same_verdict(some: list[Check]) -> None:
    whole = verdict(*some)
    assert Verdict.from_dict(json.loads(json.dumps(whole.as_dict(), allow_nan=False))) == whole


@settings(max_examples=40)
@given(st.lists(checks, max_size=6))
def test_rows_are_plain_strings_with_failures_first(some: list[Check]) -> None:
    rows = verdict(*some).rows()
    assert len(rows) == len(some)
    assert all(type(cell) is str for row in rows for cell in row.values())
    rank = [["critical", "warning", "ok"].index(row["result"]) for row in rows]
    assert rank == sorted(rank)


def test_counts_are_of_failures() -> None:
    assert verdict(GOOD, HOLE, ZERO).counts() == {"checks": 3, "critical": 1, "warnings": 1}


def test_only_a_critical_failure_stops_the_run() -> None:
    verdict(GOOD, HOLE).raise_if_critical()
    with pytest.raises(ExpectationError, match=r"BTCUSDT/1d 2024-01-05: Every close is above 0\.$"):
        verdict(GOOD, HOLE, ZERO).raise_if_critical()
    with pytest.raises(ExpectationError, match="1 more critical"):
        verdict(ZERO, ZERO).raise_if_critical()
    with pytest.raises(ExpectationError, match="not checked"):
        verdict().raise_if_critical()


def test_words_are_bounded() -> None:
    assert one_line("a\n b") == "a b"
    assert len(one_line("x" * 5_000)) == 300
    many = tuple(f"2024-01-{day:02}" for day in range(1, 31))
    assert name_days(many) == "2024-01-01, 2024-01-02 … 2024-01-29, 2024-01-30"
    assert name_days(many[:5]).count(",") == 4
