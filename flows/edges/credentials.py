"""Credentials: what an address refers to by `{secret:NAME}`, and which values this process must not tell.

A reference is looked up when the connection is opened: first the variable `COINCAST_SECRET_NAME`, then the Secret
block `name` of Prefect's server. Every value that was opened here, or stands in the environment, is known and taken
out of all texts that leave the process.
"""

import os
import re
from typing import Final

from pipeline.addresses.address import Address, WebhookAddress
from pipeline.addresses.secret_values import basic, forms_of, secrets_of
from pipeline.errors import SettingsError
from pipeline.settings import SECRET_PREFIX

_AUTHENTICATION: Final = "AUTH_STRING"
_WEBHOOK: Final = "COINCAST_WEBHOOK_URL"
_IS_SECRET: Final = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|SECRET_ACCESS_KEY)$")
_opened: set[str] = set()


def full_address(address: Address | str) -> str:
    """An address with its credentials, for the call that opens the connection and for nothing else.

    Raises:
        SettingsError: It refers to a secret that is neither in the environment nor a block.
    """
    full = Address(address).reveal(_secret)
    _opened.update(secrets_of(full, path_too=isinstance(address, WebhookAddress)))
    return full


def full_secret(text: str) -> str:
    """A secret of the settings, or the one that it refers to.

    Raises:
        SettingsError: As `full_address`.
    """
    value = Address(text).reveal(_secret)
    _opened.update(forms_of(value))
    return value


def known_secrets() -> frozenset[str]:
    """Every credential that this process has opened or finds in its environment, in every form."""
    return frozenset(_opened.union(*(_of_variable(name, value) for name, value in os.environ.items())))


def _of_variable(name: str, value: str) -> frozenset[str]:
    if "://" in value and ("@" in value or "?" in value or name == _WEBHOOK):
        return secrets_of(value, path_too=name == _WEBHOOK)
    if name.endswith(_AUTHENTICATION):
        user, _, password = value.partition(":")
        return forms_of(value, password, basic(user, password))
    return forms_of(value) if name.startswith(SECRET_PREFIX) or _IS_SECRET.search(name) else frozenset()


def _secret(name: str) -> str:
    from flows.edges.machine.services import secret_block

    variable = f"{SECRET_PREFIX}{name.upper().replace('-', '_')}"
    block = name.lower().replace("_", "-")
    value = os.environ.get(variable) or secret_block(block)
    if not value:
        raise SettingsError(
            f"{{secret:{name[:60]}}} is not known here: set {variable}, or make the Secret block {block!r} on the "
            "Prefect server that PREFECT_API_URL names."
        )
    _opened.update(forms_of(value), secrets_of(f"//{value}@"))
    return value
