"""Base of a source: the URL or folder below which its files lie."""

from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from flows.edges.credentials import full_address
from flows.edges.sources.folder_file import require_folder
from pipeline.addresses.address import Address
from pipeline.errors import SourceError

_EXPECTED: Final = "--source is an http(s) URL or a folder that holds the CSV files"


def base_of(text: Address | str) -> Address | Path:
    """A URL with its credentials, or an absolute path.

    Raises:
        SourceError: It is neither.
    """
    if fault := Address(text).fault:
        raise SourceError(f"{_EXPECTED}; {fault}.")
    full = full_address(text).strip()
    try:
        parts = urlsplit(full)
    except ValueError:
        raise SourceError(f"{_EXPECTED}; what was given cannot be read as one.") from None
    if parts.scheme in ("http", "https") and parts.hostname:
        return Address(full)
    if parts.scheme == "file" and parts.path:
        return Path(unquote(parts.path)).resolve()
    # What hides a part of itself is a URL that was misspelt.
    if not full or "://" in full or str(Address(full)) != full:
        raise SourceError(f"{_EXPECTED}; got {str(Address(full))[:80]!r}.")
    return Path(full).expanduser().resolve()


def require_base(text: Address | str) -> None:
    """Refuse what is written wrongly, before anything is asked of it.

    Raises:
        SourceError: It is neither a URL nor a folder that is there.
    """
    base = base_of(text)
    if isinstance(base, Path):
        require_folder(base)


def below(base: Address | Path, path: str) -> Address | Path:
    """A file or folder of the base, by its path with slashes; a URL keeps its query."""
    if isinstance(base, Path):
        return base / path
    parts: SplitResult = urlsplit(full_address(base))
    return Address(parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl())
