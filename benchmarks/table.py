"""The table of docs/performance.md from results.json: of each name the newest result.

    python benchmarks/table.py [--check]

With `--check` nothing is written; it ends with 1 where the page would change.
"""

import sys
from typing import Any

from pairs import PAGE, results

_BEGIN, _END = "<!-- made by benchmarks/table.py -->", "<!-- end -->"

_HEAD = "| what | ours | reference | ratio (of pairs: least to most) | mark | |\n|---|---|---|---|---|---|"


def table(kept: list[dict[str, Any]]) -> str:
    """Rows in the order in which their names first came."""
    newest = {one["name"]: one for one in kept}
    return "\n".join([_HEAD, *map(_row, newest.values()), "", *map(_command, newest.values())])


def _row(one: dict[str, Any]) -> str:
    mark = "–" if one["mark"] is None else f"≤ {one['mark']:g}"
    met = {True: "met", False: "missed", None: "told"}[one["met"]]
    figures = f"{one['ours']:g} {one['unit']} | {one['reference']:g} {one['unit']}"
    low, high = one["spread"]
    ratio = f"**{one['ratio']:g}** ({low:g} to {high:g}, {one['pairs']})"
    return f"| {one['name']} | {figures} | {ratio} | {mark} | {met} |"


def _command(one: dict[str, Any]) -> str:
    note = f" {one['note']}" if one["note"] else ""
    return f"- *{one['name']}*: `{one['command']}`; {one['machine']}.{note}"


def main() -> int:
    """Write the page's table again, or look whether it is the present one."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    made = f"{before}{_BEGIN}\n{table(results())}\n{_END}{after}"
    if "--check" in sys.argv:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
