"""Chunks' runs on a real Prefect server."""

import time
import uuid
from contextlib import suppress

import pytest

from flows.edges.backfill_store.chunk_runs import BackfillRuns, open_backfill_runs
from pipeline.errors import InputError, RunError

pytestmark = pytest.mark.slow

PATIENCE_S = 60


@pytest.fixture
def runs(prefect_harness: None) -> BackfillRuns:
    """A deployment whose chunks are at most 300."""
    from prefect import flow
    from prefect.client.orchestration import get_client

    @flow(name=f"chunks-{uuid.uuid4().hex[:8]}")
    def chunks(backfill_id: str, chunk: int) -> None:
        """Nothing."""

    schema = {"type": "object", "properties": {"chunk": {"type": "integer", "maximum": 300}}}
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            client.create_flow(chunks),
            "chunks",
            parameter_openapi_schema=schema,
            enforce_parameter_schema=True,
        )
        return BackfillRuns(str(client.api_url).rstrip("/"), str(deployment))


def submit(runs: BackfillRuns, chunks: list[int], *, handout: str) -> dict[str, int]:
    """As the driver does: what the server did not create is asked for again, in the same handout."""
    limit, made = time.monotonic() + PATIENCE_S, dict[str, int]()
    while set(made.values()) != set(chunks):
        assert time.monotonic() < limit, made
        with suppress(RunError):  # the server's SQLite may be locked for a moment
            made |= runs.submit("b1", chunks, handout=handout)
    return made


def test_runs_that_go_on_are_told_from_those_that_ended_however_many_they_are(runs: BackfillRuns) -> None:
    going: dict[str, int] = {}
    while waiting := sorted(set(range(240)) - set(going.values()))[:80]:
        with suppress(RunError):  # the server's SQLite may be locked for a moment
            going |= runs.submit("b1", waiting, handout="one")
    assert len(going) == 240
    assert runs.over(going) == frozenset()
    strangers = {str(uuid.uuid4()) for _ in range(3)}
    assert runs.over(going.keys() | strangers) == strangers


def test_a_chunk_that_is_submitted_again_in_a_handout_is_the_same_run(runs: BackfillRuns) -> None:
    first = submit(runs, [0, 1], handout="one")
    assert submit(runs, [0, 1], handout="one") == first
    assert first.keys().isdisjoint(submit(runs, [0, 1], handout="two"))


def test_what_was_created_beside_a_refusal_is_known(runs: BackfillRuns) -> None:
    assert sorted(runs.submit("b1", [299, 300, 301], handout="one").values()) == [299, 300]
    with pytest.raises(RunError, match=r"created none of 1 runs: .*301"):
        runs.submit("b1", [301], handout="one")


def test_a_server_without_the_deployment_is_told_how_to_get_it(
    runs: BackfillRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", runs.api)
    with pytest.raises(InputError, match="run `coincast deploy`"):
        open_backfill_runs()
