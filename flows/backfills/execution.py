"""Who works on a backfill, and whether the choices go together."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import InputError

# Chunks that each works on at a time unless told otherwise: Dask's scheduler knows its workers.
EXECUTORS: Final = {"inline": 1, "prefect": 2, "dask": 1000}


@dataclass(frozen=True)
class Execution:
    """Who works.

    Attributes:
        executor: `inline`, `prefect` or `dask`.
        max_parallel: Chunks that are worked on at a time, each by a process; None for the executor's usual.
        dask: Address of Dask's scheduler; None for the others.
        lease_s: Seconds after which a worker that says nothing is taken for dead.

    Raises:
        InputError: They do not go together.
    """

    executor: str = "inline"
    max_parallel: int | None = None
    dask: str | None = None
    lease_s: float = 60.0

    def __post_init__(self) -> None:
        if self.executor not in EXECUTORS:
            raise InputError(f"--executor is one of {', '.join(EXECUTORS)}; got {self.executor[:20]!r}.")
        if (self.executor == "dask") != (self.dask is not None):
            raise InputError(
                "--executor dask and --dask ADDRESS go together, as in --dask tcp://127.0.0.1:8786."
            )
        if self.dask is not None and not re.fullmatch(r"(\w+://)?\S+:\d+", self.dask):
            raise InputError(f"--dask is an address like tcp://127.0.0.1:8786; got {self.dask[:80]!r}.")
        if self.at_once < 1:
            raise InputError(f"--max-parallel is 1 or more; got {self.max_parallel}.")
        if self.lease_s < 1:
            raise InputError(f"--lease is a second or more; got {self.lease_s:g}.")

    @property
    def at_once(self) -> int:
        """Chunks that are worked on at a time."""
        return EXECUTORS[self.executor] if self.max_parallel is None else self.max_parallel
