"""A backfill's plan as a file: written whole or not at all, and read as it was kept."""

from pathlib import Path

from pydantic import ValidationError

from flows.edges.files.staging import put_in_place, staged_file
from pipeline.backfill.plan import Plan
from pipeline.errors import InputError


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
