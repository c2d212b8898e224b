"""A Prefect server that lives as long as the command that started it, where no other is named.

Prefect's client would start one when it is first used, and wait; this one gets ready while the slow packages are
imported. Run as a module, it is that server.
"""

import atexit
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from socket import socket
from tempfile import TemporaryFile
from threading import Thread, Timer
from typing import IO, Final

from flows.edges.machine.prefect_settings import apply_prefect_settings
from flows.edges.prefect_api import prefect_credentials
from flows.edges.words import without_secrets
from pipeline.errors import ServiceError

_HOST: Final = "127.0.0.1"
_LAST_CALL_S: Final = 10.0
_ERROR: Final = re.compile(r"[\w.]*(Error|Exception): ")
# Pages and block types are for servers that people look at.
_ENVIRONMENT: Final = {"PREFECT_API_BLOCKS_REGISTER_ON_START": "false"}


def start_own_server() -> AbstractContextManager[None]:
    """Start a server and return at once; flows are run inside the context, which waits until it answers.

    It ends with this process, however that ends. Where Prefect's settings name a server, or forbid one of our own,
    nothing is started.

    Raises:
        ServiceError: On entering: it died, or did not answer in time.
    """
    from prefect.settings import get_current_settings

    apply_prefect_settings()
    settings = get_current_settings()
    if settings.api.url or not settings.server.ephemeral.enabled:
        return nullcontext()
    said = TemporaryFile()  # noqa: SIM115 - it lives as long as the process that writes to it
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", __name__],
        env={**os.environ, **_ENVIRONMENT},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=said,
        # An interrupt from the keyboard is for the flow, which then tells the server.
        start_new_session=True,
    )
    # At exit, not before: Prefect sends the last logs and events when the interpreter ends its threads.
    atexit.register(_end, process)
    return _used(process, said, limit_s=settings.server.ephemeral.startup_timeout_seconds)


@contextmanager
def _used(process: subprocess.Popen[bytes], said: IO[bytes], *, limit_s: float) -> Iterator[None]:
    from prefect.settings import (
        PREFECT_API_AUTH_STRING,
        PREFECT_API_URL,
        PREFECT_UI_URL,
        temporary_settings,
    )

    # Where the environment protects servers, it protects this one too.
    credentials = prefect_credentials()
    protected = {PREFECT_API_AUTH_STRING: credentials} if credentials else {}
    # A link to its pages would be dead with the command.
    used = {PREFECT_API_URL: _address(process, said, limit_s=limit_s), PREFECT_UI_URL: "", **protected}
    with temporary_settings(used):
        yield


def _address(process: subprocess.Popen[bytes], said: IO[bytes], *, limit_s: float) -> str:
    """Of its API, told by the server as soon as it answers."""
    assert process.stdout is not None  # noqa: S101 - it was given a pipe
    too_late = Timer(limit_s, process.kill)
    too_late.start()
    try:
        address = process.stdout.readline().decode().strip()
    finally:
        too_late.cancel()
    if address:
        return address
    late = process.wait() == -signal.SIGKILL
    fate = f"did not answer within {limit_s:.0f} s" if late else f"died: {_reason(said)}"
    raise ServiceError(
        f"The Prefect server of this command {fate}. Look whether PREFECT_HOME can be written and its disk has room,"
        " or start a server by `coincast up` and set PREFECT_API_URL."
    )


def _reason(said: IO[bytes]) -> str:
    """The error that it died of, in one bounded line."""
    said.seek(0)
    lines = said.read().decode(errors="replace").strip().split("\n")
    errors = [line for line in lines if _ERROR.match(line)]
    return without_secrets((errors or lines)[-1])[:200]


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None  # noqa: S101 - it was given a pipe
    with suppress(OSError):
        process.stdin.close()
    try:
        process.wait(_LAST_CALL_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _serve() -> None:
    """Serve until standard input is closed; the address goes to standard output, all other words to standard error."""
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    import uvicorn
    from prefect.server.api.server import create_app

    from flows.edges.machine.guarded_server import Guard

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                port = self.servers[0].sockets[0].getsockname()[1]
                told.write(f"http://{_HOST}:{port}/api\n")
                told.close()

    application = create_app(ephemeral=True, final=True)
    Thread(target=_end_with_parent, daemon=True).start()
    Server(
        uvicorn.Config(Guard(application, host=_HOST), host=_HOST, port=0, log_level="error", lifespan="on")
    ).run()


def _end_with_parent() -> None:
    sys.stdin.read()
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    _serve()
