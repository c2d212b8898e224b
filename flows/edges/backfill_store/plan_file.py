"""A backfill's plan as a file: written whole or not at all, and read as it was kept."""

import re
import uuid
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from flows.edges.files.staging import put_in_place, staged_file
from pipeline.backfill.plan import Plan
from pipeline.errors import InputError

_ID: Final = re.compile(r"\d{6}-[0-9a-f]{6}")
_MOST_KEPT: Final = 50


def keep_plan(plan: Plan, home: Path) -> str:
    """Keep a plan in `plans/` of the state folder, the newest 50 of them; the id by which it is executed.

    Raises:
        InputError: The folder cannot be written.
    """
    folder, name = home / "plans", f"{plan.now:%y%m%d}-{uuid.uuid4().hex[:6]}"
    folder.mkdir(parents=True, exist_ok=True)
    write_plan(plan, folder / f"{name}.json")
    for old in sorted(folder.glob("*.json"), key=lambda one: one.stat().st_mtime)[:-_MOST_KEPT]:
        old.unlink(missing_ok=True)
    return name


def kept_plan(name: str, home: Path) -> Plan:
    """The plan that a dry run of the flow kept on this machine.

    Raises:
        InputError: There is none of that id.
    """
    file = home / "plans" / f"{name}.json"
    if not _ID.fullmatch(name) or not file.is_file():
        raise InputError(
            f"plan: no plan {name[:20]!r} is kept on this machine; a run with dry_run makes one and tells its id."
        )
    return read_plan(file)


def write_plan(plan: Plan, file: Path) -> None:
    """Write a plan to a file; what was there is replaced at once.

    Raises:
        InputError: The file cannot be written.
    """
    try:
        with staged_file(file.resolve().parent) as draft:
            draft.write(plan.model_dump_json().encode())
            put_in_place(draft, file.resolve())
    except OSError as error:
        raise InputError(f"--plan-out {file} cannot be written ({error.strerror}); name another.") from error


def read_plan(file: Path) -> Plan:
    """The plan of a file, as it was kept there.

    Raises:
        InputError: It is no plan.
    """
    try:
        return Plan.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file} cannot be read ({error.strerror}); write a plan by --plan-out.") from error
    except ValidationError as error:
        raise InputError(f"{file} is no plan of this coincast; write one by --plan-out.") from error
