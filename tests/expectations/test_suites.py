import json
from pathlib import Path

import pytest

import expectations
from pipeline.forecasts.quantiles import HORIZONS, LEVELS

FOLDER = Path(expectations.__file__).parent
CONTRACT = FOLDER.parent / "docs" / "data-contract.md"


@pytest.fixture(params=["candles", "forecasts"])
def suite(request: pytest.FixtureRequest) -> dict:
    return json.loads((FOLDER / f"{request.param}.json").read_text(encoding="utf-8"))


def test_every_expectation_says_what_how_grave_and_what_to_do(suite: dict) -> None:
    assert set(suite) == {"name", "expectations"}
    for expectation in suite["expectations"]:
        assert set(expectation) == {"type", "kwargs", "severity", "description", "notes", "meta"}
        assert expectation["severity"] in {"critical", "warning"}
        assert expectation["description"]
        assert expectation["notes"].endswith(".")


def test_names_of_checks_are_unique(suite: dict) -> None:
    names = [expectation["meta"]["check"] for expectation in suite["expectations"]]
    assert len(set(names)) == len(names)


def test_the_contract_page_has_each_check_with_its_severity(suite: dict) -> None:
    rows = [line for line in CONTRACT.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    for expectation in suite["expectations"]:
        name, severity = expectation["meta"]["check"], expectation["severity"]
        column = expectation["kwargs"].get("column")
        # One row may stand for the same check of each price or volume.
        names = {name, name.replace(str(column), "…", 1)}
        assert any(f"`{n}`" in row and f"| {severity} |" in row for row in rows for n in names), name


def test_the_forecasts_suite_has_the_projects_horizons_and_levels() -> None:
    suite = json.loads((FOLDER / "forecasts.json").read_text(encoding="utf-8"))
    sets = {
        e["kwargs"]["column"]: e["kwargs"]["value_set"]
        for e in suite["expectations"]
        if "value_set" in e["kwargs"]
    }
    assert sets == {"horizon": list(HORIZONS), "level": list(LEVELS)}
