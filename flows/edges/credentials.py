"""Credentials: what an address refers to by `{secret:NAME}`, and which values this process must not tell.

A reference is looked up when the connection is opened: first the variable `COINCAST_SECRET_NAME`, then the Secret
block `name` of Prefect's server. Every value that was opened here, or stands in the environment, is known and taken
out of all texts that leave the process.
"""

import os

from flows.edges.known_secrets import remember
from flows.edges.prefect_api import secret_block
from pipeline.addresses.address import Address, WebhookAddress
from pipeline.addresses.secret_values import forms_of, secrets_of
from pipeline.errors import SettingsError
from pipeline.settings import SECRET_PREFIX


def full_address(address: Address | str) -> str:
    """An address with its credentials, for the call that opens the connection and for nothing else.

    Raises:
        SettingsError: It refers to a secret that is neither in the environment nor a block, or its login cannot be told
            from its host.
    """
    full = Address(address).reveal(_secret)
    if fault := Address(full).fault:
        raise SettingsError(f"{fault}.")
    remember(secrets_of(full, path_too=isinstance(address, WebhookAddress)))
    return full


def full_secret(text: str) -> str:
    """A secret of the settings, or the one that it refers to.

    Raises:
        SettingsError: As `full_address`.
    """
    value = Address(text).reveal(_secret)
    remember(forms_of(value))
    return value


def _secret(name: str) -> str:
    variable = f"{SECRET_PREFIX}{name.upper().replace('-', '_')}"
    block = name.lower().replace("_", "-")
    value = os.environ.get(variable) or secret_block(block)
    if not value:
        raise SettingsError(
            f"{{secret:{name[:60]}}} is not known here: set {variable}, or make the Secret block {block!r} on the "
            "Prefect server that PREFECT_API_URL names."
        )
    remember(forms_of(value) | secrets_of(f"//{value}@"))
    return value
