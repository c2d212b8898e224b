"""Runs of the deployment `backfill-chunk` on a Prefect server: created in bulk, and asked whether they are over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import requests

from flows.edges.prefect_api import prefect_api, prefect_credentials
from pipeline.addresses.address import Address
from pipeline.errors import InputError, RunError

_DEPLOYMENT: Final = "backfill-chunk/backfill-chunk"
_LIMIT_S: Final = 30.0
# Prefect lists no more runs than this at a time.
_MOST_AN_ANSWER: Final = 200
_OVER: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})


@dataclass(frozen=True)
class BackfillRuns:
    """The deployment that works on one chunk a run.

    Attributes:
        api: The server, as `http://127.0.0.1:4200/api`.
        deployment_id: Of `backfill-chunk`.
    """

    api: str
    deployment_id: str

    def submit(self, backfill_id: str, chunks: Sequence[int], *, handout: str) -> dict[str, int]:
        """A run for each chunk, at most 100 at a time; chunk by the id of each run that was created.

        Args:
            backfill_id: Which backfill.
            chunks: Which of its chunks.
            handout: The same chunk of the same handout has one run, however often it is submitted.

        Raises:
            RunError: The server refused all of them.
        """
        wanted = [
            {
                "name": f"{backfill_id} chunk {chunk}",
                "parameters": {"backfill_id": backfill_id, "chunk": chunk},
                "idempotency_key": f"{backfill_id} {chunk} {handout}",
            }
            for chunk in chunks
        ]
        url = f"{self.api}/deployments/{self.deployment_id}/create_flow_run/bulk"
        results = _post(url, wanted)["results"]
        created = {
            result["flow_run_id"]: chunk
            for result, chunk in zip(results, chunks, strict=True)
            if result["status"] == "CREATED"
        }
        if chunks and not created:
            raise RunError(
                f"Prefect created none of {len(chunks)} runs: {str(results[0].get('error'))[:200]}."
            )
        return created

    def over(self, run_ids: Collection[str]) -> frozenset[str]:
        """Those that ended, or that the server does not know any more.

        Raises:
            RunError: The server does not answer.
        """
        asked = sorted(run_ids)
        going = {
            run["id"]
            for start in range(0, len(asked), _MOST_AN_ANSWER)
            for run in self._find(asked[start : start + _MOST_AN_ANSWER])
            if run["state_type"] not in _OVER
        }
        return frozenset(run_ids) - going

    def _find(self, run_ids: Sequence[str]) -> list[dict[str, Any]]:
        filters = {"flow_runs": {"id": {"any_": list(run_ids)}}, "limit": _MOST_AN_ANSWER}
        found: list[dict[str, Any]] = _post(f"{self.api}/flow_runs/filter", filters)
        return found


def open_backfill_runs() -> BackfillRuns:
    """The deployment on the server that PREFECT_API_URL names.

    Raises:
        InputError: No server is named, or it has no such deployment.
        RunError: It does not answer.
    """
    api = prefect_api()
    if not api:
        raise InputError("--executor prefect needs a server: set PREFECT_API_URL, or leave the executor out.")
    answer = _ask("GET", f"{api}/deployments/name/{_DEPLOYMENT}")
    if answer.status_code == requests.codes.not_found:
        raise InputError(f"{Address(api)} has no deployment {_DEPLOYMENT}; run `coincast deploy`.")
    return BackfillRuns(api, _content(answer)["id"])


def _post(url: str, content: Any) -> Any:
    return _content(_ask("POST", url, content))


def _ask(method: str, url: str, content: Any = None) -> requests.Response:
    user, _, password = prefect_credentials().partition(":")
    try:
        return requests.request(
            method, url, json=content, auth=(user, password) if user else None, timeout=_LIMIT_S
        )
    except requests.RequestException as error:
        raise RunError(
            f"Prefect's server does not answer at {Address(url.partition('/api')[0])}; start it."
        ) from error


def _content(answer: requests.Response) -> Any:
    if not answer.ok:
        raise RunError(f"Prefect refused {Address(answer.url)}: {answer.status_code} {answer.text[:200]}")
    return answer.json()
