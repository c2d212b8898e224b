"""Which links lead somewhere for everybody."""

from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

# Names that end so are never public: RFC 6761, 6762 and 8375, and the usual ones of networks at home and at work.
_PRIVATE: Final = (
    "localhost",
    "local",
    "internal",
    "intranet",
    "lan",
    "home",
    "corp",
    "arpa",
    "test",
    "invalid",
)


def public_link(url: str) -> str:
    """The link, or nothing where it leads into this machine or a network of one's own, or holds credentials.

    Example:
        >>> public_link("https://mlflow.example.org/#/runs/1"), public_link("http://127.0.0.1:5000/#/runs/1")
        ('https://mlflow.example.org/#/runs/1', '')
    """
    try:
        parts = urlsplit(url)
        name = (parts.hostname or "").rstrip(".")
    except ValueError:
        return ""
    return url if parts.scheme in ("http", "https") and "@" not in parts.netloc and _is_public(name) else ""


def _is_public(name: str) -> bool:
    try:
        return ip_address(name).is_global
    except ValueError:
        labels = name.split(".")
        # The last label of a name is a word: what looks like a number is an address in another form.
        return len(labels) > 1 and labels[-1].isalpha() and labels[-1] not in _PRIVATE
