"""Publish files to a folder or an object store so that no reader sees half of them.

A local folder changes as a whole (`release_folder`). An object store cannot: there each object is replaced
whole, data first, pages next, `index.html` and then `latest.json` last; what a failure interrupts is put back.
Published files are never removed, so the hub grows by its days.
"""

import mimetypes
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from flows.edges.files.file_store import NO_ROOM, file_system, is_local
from flows.edges.files.release_folder import RELEASES, ReleaseFolder
from flows.edges.words import one_line
from pipeline.addresses.address import Address
from pipeline.errors import CoincastError, DiskFullError, PublishError

_LAST: Final = ("index.html", "latest.json")

Merge = Callable[[Mapping[str, bytes], Mapping[str, bytes]], Mapping[str, bytes]]


def _replace(files: Mapping[str, bytes], _: Mapping[str, bytes]) -> Mapping[str, bytes]:
    return files


@dataclass(frozen=True)
class Publication:
    """What became of one publication.

    Attributes:
        target: The URL or folder that was published to, without credentials.
        outcome: `new`, or `unchanged` where every file was published already, byte for byte.
        changed: Paths written, sorted.
    """

    target: str
    outcome: Literal["new", "unchanged"]
    changed: tuple[str, ...]


def publish(
    files: Mapping[str, bytes], target_url: Address | str, *, merge: Merge = _replace, keep: int = 3
) -> Publication:
    """Publish files; those of earlier publications stay.

    Args:
        files: Content by relative path with `/`, as `hub/model-output/m/2026-03-29-m.csv`.
        target_url: Folder or fsspec URL: `/srv/site`, `s3://bucket/prefix`, `memory://site`.
        merge: Makes the files to publish of these and of what is published under the same paths; in a local
            folder no other publisher comes between. By default these replace those.
        keep: Releases kept in a local folder, the current one included.

    Raises:
        PublishError: The target refused; the previous publication stands.
        DiskFullError: There is no room; the previous publication stands.
        SettingsError: No such kind of URL.
        ValueError: A path is absolute or leads out of the target.
    """
    _check_paths(files)
    target = Address(target_url)
    with _failures_named(target):
        store, root = file_system(target, task="publish to")
        if is_local(store):
            changed = _publish_folder(files, ReleaseFolder(Path(root), keep=keep), merge)
        else:
            changed = _publish_objects(files, store, root, merge)
    return Publication(str(target), "new" if changed else "unchanged", changed)


def read_published(paths: Collection[str], target_url: Address | str) -> dict[str, bytes]:
    """Bytes of those paths that are published at the target.

    Raises:
        PublishError: The target refused.
        SettingsError: No such kind of URL.
    """
    target = Address(target_url)
    with _failures_named(target):
        store, root = file_system(target, task="publish to")
        if is_local(store):
            return ReleaseFolder(Path(root), keep=1).read(paths)
        return _read_objects(paths, store, root)


def taken(paths: Collection[str], target_url: Address | str) -> dict[str, str]:
    """Those of these names that a local target has from somebody else, each with why it is refused.

    Raises:
        PublishError: The target refused.
        SettingsError: No such kind of URL.
    """
    target = Address(target_url)
    with _failures_named(target):
        store, root = file_system(target, task="publish to")
        return ReleaseFolder(Path(root), keep=1).foreign(paths) if is_local(store) else {}


def _publish_folder(files: Mapping[str, bytes], folder: ReleaseFolder, merge: Merge) -> tuple[str, ...]:
    with folder.locked():
        published = folder.read(files)
        wanted = merge(files, published)
        changed = _differing(wanted, published)
        if changed:
            folder.switch(changed)
        folder.link({path.partition("/")[0] for path in wanted})
    return tuple(changed)


def _publish_objects(files: Mapping[str, bytes], store: Any, root: str, merge: Merge) -> tuple[str, ...]:
    published = _read_objects(files, store, root)
    changed = _differing(merge(files, published), published)
    written: list[str] = []
    try:
        for path in sorted(changed, key=_order):
            written.append(path)
            _put(store, f"{root}/{path}", changed[path])
    except BaseException:
        _put_back(written, published, store, root)
        raise
    return tuple(changed)


def _put_back(written: list[str], published: Mapping[str, bytes], store: Any, root: str) -> None:
    """Undo as far as the store lets us; objects that are new are referred to by nothing and stay."""
    for path in reversed(written):
        if path in published:
            try:
                _put(store, f"{root}/{path}", published[path])
            except Exception:  # noqa: BLE001 - the failure that led here is the one to report
                return


def _read_objects(paths: Collection[str], store: Any, root: str) -> dict[str, bytes]:
    if not paths:
        return {}
    prefix = len(f"{root}/")
    found = store.cat([f"{root}/{path}" for path in paths], on_error="return")
    contents: dict[str, bytes] = {}
    for name, content in found.items():
        if isinstance(content, FileNotFoundError):
            continue
        if isinstance(content, BaseException):
            raise content
        contents[name[prefix:]] = content
    return contents


def _put(store: Any, name: str, content: bytes) -> None:
    headers = {}
    if "s3" in store.protocol:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        headers = {"ContentType": kind, "CacheControl": "no-cache"}
    store.pipe_file(name, content, **headers)


def _order(path: str) -> tuple[int, str]:
    if path in _LAST:
        return 2 + _LAST.index(path), path
    return int(path.endswith(".html")), path


def _differing(files: Mapping[str, bytes], published: Mapping[str, bytes]) -> dict[str, bytes]:
    return {path: files[path] for path in sorted(files) if published.get(path) != files[path]}


def _check_paths(files: Collection[str]) -> None:
    for path in files:
        parts = PurePosixPath(path).parts
        if (
            not parts
            or path != "/".join(parts)
            or ".." in parts
            or parts[0] == RELEASES
            or set(path) & set("*?[\\")
        ):
            raise ValueError(f"a published path is relative, plain and inside the target; got {path!r}")


@contextmanager
def _failures_named(target: Address) -> Iterator[None]:
    """Every refusal as an error of ours: object stores raise exceptions of several libraries."""
    try:
        yield
    except CoincastError:
        raise
    except OSError as error:
        if error.errno in NO_ROOM:
            raise DiskFullError(
                f"No room to publish to {target}: free some space and publish again; "
                "the previous publication stands."
            ) from error
        raise PublishError(_refusal(target, error)) from error
    except Exception as error:
        raise PublishError(_refusal(target, error)) from error


def _refusal(target: Address, error: Exception) -> str:
    reason = one_line(error, limit=160)
    return f"{target} refused the publication ({reason}); the previous one stands. Check the target and its rights."
