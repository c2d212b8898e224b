"""`coincast doctor`: whether all is well, and what to do where it is not."""

import typer

from flows.command import app
from flows.command.options import JsonOption
from flows.command.output import console, print_json


@app.command()
def doctor(*, as_json: JsonOption = False) -> None:
    """Look at packages, settings, stores, servers, clock, last runs and alarms; change nothing.

    Exit 0 where all is well or has not begun, 1 where something is wrong: each line says what to do.

    Example: coincast doctor --json
    """
    from flows.edges.clock import clock
    from flows.operations.examination import examine

    findings = examine(now=clock())
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        print_json({"healthy": not failed, "findings": [finding.as_dict() for finding in findings]})
    else:
        out = console()
        for finding in findings:
            advice = f"; {finding.remedy}" if finding.remedy else ""
            out.print(f"{finding.status:8}{finding.name}: {finding.said.rstrip('.')}{advice}", markup=False)
    raise typer.Exit(1 if failed else 0)
