"""What coincast needs of Prefect's settings, said once; it holds wherever and however a process is started."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prefect.settings.models.root import Settings

# By Prefect's own path, as its variables write them. Each has its reason in docs/decisions/0002-pins-and-settings.md.
NEEDED: Final = {
    "server.ephemeral.enabled": "true",
    "server.ephemeral.startup_timeout_seconds": "90",
    "server.analytics_enabled": "false",
    "server.events.expired_bucket_buffer": "P7D",
    # Whoever asks for runs alone turns off what is on by itself: events.
    "server.services.db_vacuum.enabled": "events,flow_runs",
    "logging.extra_loggers": "coincast",
    "logging.to_api.when_missing_flow": "ignore",
    "flows.heartbeat_frequency": "30",
}


def database_url() -> str:
    """SQLAlchemy URL, password included, of the database of a Prefect server that is started here."""
    from prefect.settings import get_current_settings

    url = get_current_settings().server.database.connection_url
    return url.get_secret_value() if url else ""


def variable(path: str) -> str:
    """Name of the environment's variable that says a setting, which Prefect derives from the path."""
    return f"PREFECT_{path.replace('.', '_').upper()}"


@cache
def apply_prefect_settings() -> None:
    """Give each setting that nobody chose coincast's value, in this process and those that it starts.

    What the user chose by a variable, a file or a profile stays. Where Prefect was imported before, as in a notebook,
    its settings are read again.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings.models.root import Settings

    os.environ.update({variable(path): NEEDED[path] for path in _not_chosen(Settings())})
    refresh_global_settings_context()
    _hand_on_log_lines(Settings())


def _not_chosen(settings: "Settings") -> Iterator[str]:
    for path in NEEDED:
        *above, name = path.split(".")
        table = settings
        for key in above:
            table = getattr(table, key)
        if name not in table.model_fields_set:
            yield path


def _hand_on_log_lines(settings: "Settings") -> None:
    """What Prefect does with its extra loggers when it is imported, and not again when its settings change."""
    for name in settings.logging.extra_loggers or ():
        for handler in logging.getLogger("prefect.extra").handlers:
            logging.getLogger(name).addHandler(handler)


@contextmanager
def tried_once() -> Iterator[None]:
    """Requests to Prefect's server without the client's retries, which would hold the work up for a minute.

    As its own `temporary_settings`, which reads every setting anew and takes a fifth of a second for it.
    """
    from prefect.context import SettingsContext, get_settings_context

    current = get_settings_context()
    client = current.settings.client.model_copy(update={"max_retries": 0})
    settings = current.settings.model_copy(update={"client": client})
    with SettingsContext(profile=current.profile, settings=settings):
        yield
