"""What the process that forks the commands has imported; in this order, as `coincast daily` does it."""

from flows.edges.machine.runtime import import_slow_packages, prepare_environment

prepare_environment(terminal=True)
import_slow_packages(contract=True)

import flows.backfill  # noqa: E402
import flows.command  # noqa: E402
import flows.daily  # noqa: E402, F401
