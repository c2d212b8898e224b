"""What servers that we start must find in their environment, and the databases that they are started on."""

import os
import re
from typing import Final

from flows.edges.credentials import full_address
from flows.edges.prefect_api import prefect_credentials
from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import ServiceError, SettingsError

_LIMIT_S: Final = 3.0
_POSTGRES: Final = re.compile(r"postgres(ql)?(\+\w+)?://")


def is_protected() -> bool:
    """Whether a server that we start asks for a password: PREFECT_SERVER_API_AUTH_STRING is `user:password`."""
    user, _, password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING", "").partition(":")
    return bool(user and password)


def client_variables() -> dict[str, str]:
    """What a client of the server must find in its environment besides the address."""
    credentials = prefect_credentials()
    return {"PREFECT_API_AUTH_STRING": credentials} if credentials else {}


def page_variables() -> dict[str, str]:
    """What makes Prefect's pages ask the server that they came from, by whichever name a browser reached it.

    By default they ask PREFECT_API_URL, which is this machine's own name for it.
    """
    given = any(os.environ.get(name) for name in ("PREFECT_SERVER_UI_API_URL", "PREFECT_UI_API_URL"))
    return {} if given else {"PREFECT_SERVER_UI_API_URL": "/api"}


def database_variables(address: Address | str) -> dict[str, str]:
    """What makes Prefect's server keep its data in PostgreSQL, by the driver that it needs; none for its SQLite.

    Raises:
        SettingsError: The URL is none of PostgreSQL's.
    """
    if not address:
        return {}
    url = full_address(address)
    if not _POSTGRES.match(url):
        raise SettingsError("--postgres is postgresql://user:password@host:5432/database.")
    return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{url.partition('://')[2]}"}


def require_database(address: Address | str, *, named: str) -> None:
    """Refuse a PostgreSQL that does not let us in, before a server is started on it.

    Args:
        address: SQLAlchemy's; other databases, and one without a host, are left to the server.
        named: The option or the variable that says it.

    Raises:
        SettingsError: It is no address.
        ServiceError: It does not answer, or not to this user.
    """
    url = full_address(address)
    if not _POSTGRES.match(url):
        return
    import psycopg
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        raise SettingsError(f"{named} is postgresql://user:password@host:5432/database.") from None
    if not place.host:
        return
    try:
        psycopg.connect(
            host=place.host, port=place.port, user=place.username, password=place.password,
            dbname=place.database, connect_timeout=int(_LIMIT_S),
        ).close()  # fmt: skip
    except psycopg.OperationalError as error:
        said = one_line(error, limit=200)
        raise ServiceError(
            f"{named}: PostgreSQL at {place.host}:{place.port or 5432} does not let us in ({said}); start it, or "
            "correct user, password and database."
        ) from error
