"""Where a person opens what is published."""

from flows.edges.configuration import Places
from flows.edges.machine.background import RunFolder


def shown_place(places: Places, target: str, name: str) -> str:
    """Where a person opens a published file: at the server of `coincast up` if that serves it, else as it lies.

    Args:
        places: Whose site.
        target: Folder or URL of the publication.
        name: Of the file.
    """
    site = RunFolder(places.home).service("site")
    if site is not None and site.store == target and site.leader() is not None:
        return f"{site.url}/{name}"
    return f"{target}/{name}"
