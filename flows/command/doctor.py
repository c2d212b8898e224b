"""`coincast doctor`: whether all is well, and what to do where it is not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import console, print_json

if TYPE_CHECKING:
    from flows.operations.doctor import Finding


@app.command()
def doctor(*, as_json: JsonOption = False) -> None:
    """Look at packages, settings, stores, servers, clock, last runs and alarms; change nothing.

    Exit 0 where all is well or has not begun, 1 where something is wrong. What to do comes last, each remedy once.

    Example: coincast doctor --json
    """
    from flows.edges.clock import clock
    from flows.operations.examination import examine

    findings = examine(now=clock())
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        print_json({"healthy": not failed, "findings": [finding.as_dict() for finding in findings]})
    else:
        _print(findings)
    raise typer.Exit(1 if failed else 0)


def _print(findings: "Sequence[Finding]") -> None:
    out = console()
    for finding in findings:
        out.print(f"{finding.status:8}{finding.name}: {finding.said.rstrip('.')}")
    # What failed is more pressing than what is a warning; one remedy may mend several findings.
    pressing = sorted((one for one in findings if one.remedy), key=lambda one: one.status != "failed")
    remedies: dict[str, list[str]] = {}
    for finding in pressing:
        remedies.setdefault(finding.remedy, []).append(finding.name)
    if remedies:
        out.print("\nWhat to do:", style="bold")
    for remedy, names in remedies.items():
        out.print(f"- {remedy} ({', '.join(names)})")
