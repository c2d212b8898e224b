"""What a deployment's form asks for, as the server has it: pickers and choices, and refusals before a run is made."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_harness")]

WANTED = {"first": "2025-01-01", "last": "2025-02-01"}


@pytest.fixture(scope="module")
def deployments(prefect_harness: None) -> Iterator[dict[str, UUID]]:
    from prefect.client.orchestration import get_client

    from flows.backfill import backfill
    from flows.daily import daily

    with get_client(sync_client=True) as client:
        yield {
            flow.name: client.create_deployment(
                client.create_flow(flow),
                name=flow.name,
                enforce_parameter_schema=True,
                parameter_openapi_schema=flow.parameters.model_dump(),
            )
            for flow in (daily, backfill)
        }


def test_dates_and_choices_are_so_in_the_form(deployments: dict[str, UUID]) -> None:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        asked = client.read_deployment(deployments["backfill"]).parameter_openapi_schema["properties"]
    assert [asked[name]["anyOf"][0]["format"] for name in ("first", "last")] == ["date", "date"]
    assert asked["vintage"]["enum"] == ["latest", "known"]
    assert asked["executor"]["enum"] == ["inline", "prefect", "dask"]


@pytest.mark.parametrize(
    ("flow", "wrong", "named"),
    [
        ("backfill", {"first": "2025-1-1"}, "first"),
        ("backfill", {"vintage": "newest"}, "vintage"),
        ("backfill", {"series": ["binance/BTCUSDT/1h"]}, "series"),
        ("backfill", {"refit_every": 0}, "refit_every"),
        ("backfill", {"chunk_days": 0}, "chunk_days"),
        ("backfill", {"max_parallel": -1}, "max_parallel"),
        ("daily", {"as_of": "yesterday"}, "as_of"),
        ("daily", {"now": "noon"}, "now"),
    ],
)
def test_what_is_wrong_is_refused_before_a_run_is_made(
    deployments: dict[str, UUID], flow: str, wrong: dict[str, Any], named: str
) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.exceptions import PrefectHTTPStatusError

    asked = (WANTED if flow == "backfill" else {}) | wrong
    with get_client(sync_client=True) as client:
        with pytest.raises(PrefectHTTPStatusError) as refused:
            client.create_flow_run_from_deployment(deployments[flow], parameters=asked)
        assert named in refused.value.response.text
        of_it = DeploymentFilter(id=DeploymentFilterId(any_=[deployments[flow]]))
        assert not client.read_flow_runs(deployment_filter=of_it)
