"""Which values this process must not tell: those that it has opened, and those in its environment and arguments."""

import os
import re
import sys
from collections.abc import Iterable
from typing import Final

from pipeline.addresses.secret_values import basic, forms_of, secrets_of
from pipeline.settings import SECRET_PREFIX

_AUTHENTICATION: Final = "AUTH_STRING"
_WEBHOOK: Final = "COINCAST_WEBHOOK_URL"
_IS_SECRET: Final = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|API_KEY|SECRET_ACCESS_KEY)$")
_opened: set[str] = set()


def remember(values: Iterable[str]) -> None:
    """Values that were opened: from now on they are taken out of all texts that leave the process."""
    _opened.update(values)


def known_secrets() -> frozenset[str]:
    """Every credential that this process has opened or finds in its environment or arguments, in every form."""
    arguments = (secrets_of(one) for one in sys.argv[1:] if ":/" in one and ("@" in one or "?" in one))
    variables = (_of_variable(name, value) for name, value in os.environ.items())
    return frozenset(_opened.union(*variables, *arguments))


def _of_variable(name: str, value: str) -> frozenset[str]:
    if "://" in value and ("@" in value or "?" in value or name == _WEBHOOK):
        return secrets_of(value, path_too=name == _WEBHOOK)
    if name.endswith(_AUTHENTICATION):
        user, _, password = value.partition(":")
        return forms_of(value, password, basic(user, password))
    return forms_of(value) if name.startswith(SECRET_PREFIX) or _IS_SECRET.search(name) else frozenset()
