"""A program of `coincast up`: left alone where it does its work, repaired where it or a part of it was killed."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flows.edges.machine.background import RunFolder, Service
from flows.reporting.progress import log
from pipeline.addresses.address import Address
from pipeline.errors import InputError, ServiceError

_LOOK_S: Final = 0.25
# What is left of a killed program has nothing to wait for.
_LEFT_S: Final = 5.0


@dataclass(frozen=True)
class Program:
    """One of the four.

    Attributes:
        name: `prefect`, `mlflow`, `site` or `worker`.
        wanted: What its record must say: `url`, `host` and `store`, as `Service` has them.
        start: Starts it.
        answers: Whether it does its work, told its record.
        keeps: Whether what a killed one left goes on: the flows of a worker.
    """

    name: str
    wanted: Mapping[str, str]
    start: Callable[[], Service]
    answers: Callable[[Service], bool]
    keeps: bool = False


@dataclass(frozen=True)
class Standing:
    """A service after `up`: whether it was `started` now or `running` already."""

    service: Service
    state: str


def begin(program: Program, folder: RunFolder) -> tuple[Program, Standing]:
    """Start it where it does not run; what is left of a killed one is ended before.

    Raises:
        InputError: It runs with other options, or another program has its port.
    """
    known = folder.service(program.name)
    if known is not None and known.leader() is not None:
        _require_same(known, program.wanted)
        return program, Standing(known, "running")
    # Without its record a worker cannot be told from its flows.
    if known is not None and not (program.keeps and known.url):
        folder.end(known, patience_s=_LEFT_S)
    return program, Standing(program.start(), "started")


def answering(begun: tuple[Program, Standing], folder: RunFolder, patience_s: float) -> Standing:
    """Wait until it answers; one that ran already and does not, as a part of it was killed, is started again.

    Raises:
        ServiceError: It was started now, and died or took too long.
    """
    program, standing = begun
    try:
        await_answer(standing, lambda: program.answers(standing.service), patience_s)
    except ServiceError as error:
        if standing.state == "started":
            raise
        log.warning("%s; it is started again", str(error).partition(";")[0])
        folder.end(standing.service, patience_s=_LEFT_S)
        return answering((program, Standing(program.start(), "started")), folder, patience_s)
    return standing


def _require_same(known: Service, wanted: Mapping[str, str]) -> None:
    """Refuse other options than those that it runs with.

    Raises:
        InputError: It runs with others.
    """
    name, url, host = known.name, wanted["url"], wanted["host"]
    if known.url != url:
        raise InputError(f"{name} runs already at {known.url}, not {url}; run `coincast down` first.")
    if known.host != host:
        raise InputError(f"{name} listens on {known.host} already, not on {host}; run `coincast down` first.")
    # An earlier version recorded the password too.
    if Address(known.store).stored != wanted["store"]:
        raise InputError(
            f"{name} runs already on another database; name that one again, or run `coincast down` first."
        )


def await_answer(standing: Standing, answers: Callable[[], bool], seconds: float) -> None:
    """Wait until a service answers.

    Raises:
        ServiceError: It died, or took too long; told with the end of its log.
    """
    service, deadline = standing.service, time.monotonic() + seconds
    while not ((alive := service.leader() is not None) and answers()):
        if not alive or time.monotonic() > deadline:
            fate = f"does not answer at {service.url} after {seconds:.0f} s" if alive else "died at once"
            raise ServiceError(
                f"{service.name} {fate}; {service.log} ends with:\n{service.last_lines()}\n"
                "Correct that and run `coincast up` again, or end the others by `coincast down`."
            )
        time.sleep(_LOOK_S)
    log.info("%s: %s at %s", service.name, standing.state, service.url)
