"""The published site on loopback: its files and nothing beside them, under this machine's own names.

Run as a module, `-m flows.edges.machine.site_server PORT FOLDER`, it is that server.
"""

import os
import sys
from pathlib import Path
from typing import Any, Final

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from flows.edges.machine.guarded_server import Guard

HOST: Final = "127.0.0.1"
# A page's own policy, which names its script, is narrower and holds too; a frame is what only a header can forbid.
_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    # A publication is switched at once: what a browser keeps is asked for again.
    "cache-control": "no-cache",
}


class Site(StaticFiles):
    """A publication's files; a name that is hidden or leads out of it is not there, and a folder is not listed.

    Args:
        folder: Where it is published; links inside it are how a release is switched.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False, follow_symlink=True)
        self._folder = folder
        # The folder is made by the first publication.
        self.config_checked = True

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file of a path and what the system knows of it; nothing where it is none of the site's."""
        found, known = super().lookup_path(path)
        hidden = any(part.startswith(".") for part in Path(path).parts if part != ".")
        inside = Path(found).resolve().is_relative_to(self._folder.resolve())
        return (found, known) if inside and not hidden else ("", None)

    def file_response(self, *args: Any, **options: Any) -> Any:
        """The file, with what a browser may do with it."""
        response = super().file_response(*args, **options)
        response.headers.update(_HEADERS)
        return response


def site_application(folder: Path) -> Guard:
    """The site under this machine's own names."""
    return Guard(Starlette(routes=[Mount("/", Site(folder))]), host=HOST)


def _serve(port: int, folder: Path) -> None:
    import uvicorn

    uvicorn.run(site_application(folder), host=HOST, port=port, lifespan="off", log_level="warning")


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]))
