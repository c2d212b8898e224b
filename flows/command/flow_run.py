"""What every command that runs a flow does around it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flows.command.terminal import watched
from flows.edges.machine.own_server import start_own_server
from flows.edges.machine.runtime import import_slow_packages, prepare_environment


@contextmanager
def ready_for_flows(
    *, quiet: bool, networks: Callable[[], bool] = lambda: True, contract: bool = False
) -> Iterator[None]:
    """Run the body with a Prefect server, the slow packages imported, and its progress told on standard error.

    Flows are imported in the body: what they import reads the environment that is prepared here.

    Args:
        quiet: Tell no progress.
        networks: Whether a fit is to be expected; asked while the server starts.
        contract: Great Expectations is used too.

    Raises:
        ServiceError: The server died, or did not answer in time.
    """
    prepare_environment(terminal=True)
    server = start_own_server()
    import_slow_packages(networks=networks(), contract=contract)
    with server, watched(quiet=quiet):
        yield
