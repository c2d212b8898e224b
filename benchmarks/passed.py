"""How many of our files a `daily` passes: the length of the way, for a reader who follows it.

    python benchmarks/passed.py [--recipe tiny-range] [--names]

Runs `daily` on a simulated market for two nights, with everything in a folder that is removed at the end, and records
the second: a usual night, whose stores are there. A file is passed when one of its functions runs; what a module's
body does when it is imported does not count, nor do templates and the loopback site. Prints, with `--names` beside the
files behind each figure:

- those of the whole run, and of each stage;
- those that a candle's bytes pass: what downloads and keeps them, and what parses them; how often they are parsed;
- those that a forecast passes: a function there is given one or gives one back, in whatever form, and these forms.
"""

import argparse
import inspect
import os
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from market import LAST, market
from pairs import PROJECT

ROOMS = tuple(f"{PROJECT / room}{os.sep}" for room in ("coincast", "expectations", "flows", "pipeline"))
STAGES = (
    "download", "check", "features", "load", "train", "evaluate", "judge", "register", "forecast", "score", "publish",
)  # fmt: skip
SITE = "flows/edges/http/demo_site.py"
# Column of the ledger, key of a published entry.
MARK = "quantiles"


@dataclass
class Record:
    """What ran.

    Attributes:
        files: By stage, `""` for the whole run; `parse` for what runs while a file is parsed.
        forms: Types in which a forecast was seen, by file.
        parses: How often a file's bytes were parsed, by their hash.
    """

    files: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    forms: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    parses: Counter[int] = field(default_factory=Counter)

    @contextmanager
    def kept(self) -> Iterator[None]:
        """While a block lasts, of all threads that begin in it."""
        threading.setprofile(self._hook())
        sys.setprofile(self._hook())
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]

    def _hook(self) -> Any:
        inside = threading.local()

        def look(frame: FrameType, event: str, value: Any) -> None:
            code = frame.f_code
            if event not in {"call", "return"} or not code.co_filename.startswith(ROOMS):
                return
            if not code.co_flags & inspect.CO_OPTIMIZED:
                return
            name = str(Path(code.co_filename).relative_to(PROJECT))
            if name == SITE or not name.endswith(".py"):
                return
            stack = inside.__dict__.setdefault("stack", [])
            if event == "call":
                if begun := self._begins(name, code.co_name, frame):
                    stack.append((frame, begun))
                for part in ("", *(part for _, part in stack)):
                    self.files[part].add(name)
                values = [
                    frame.f_locals.get(one)
                    for one in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
                ]
            else:
                if stack and stack[-1][0] is frame:
                    stack.pop()
                values = [value]
            self.forms[name] |= {form for one in values if (form := form_of(one))}

        return look

    def _begins(self, name: str, function: str, frame: FrameType) -> str:
        if name == "flows/day/stages.py" and function in STAGES:
            return function
        if name == "pipeline/candles/reading.py" and function == "read_candles":
            self.parses[hash(frame.f_locals["data"])] += 1
            return "parse"
        return ""


def form_of(value: Any) -> str:
    """The type of a forecast or of a collection of them; empty where it is none."""
    import pandas as pd

    from pipeline.forecasts.forecast import Forecast

    if isinstance(value, Forecast):
        return "Forecast"
    if isinstance(value, pd.DataFrame):
        return "table" if MARK in value.columns else ""
    if isinstance(value, dict):
        return "dict" if MARK in value else ""
    if isinstance(value, (list, tuple)) and value:
        return form_of(value[0])
    return (
        type(value).__name__
        if hasattr(type(value), "__dataclass_fields__") and MARK in type(value).__dataclass_fields__
        else ""
    )


def run_nights(recipe: str) -> Record:
    """Two nights beside a Prefect server as the command has it, of which the second is recorded."""
    from flows.daily import daily
    from flows.edges.machine.own_server import start_own_server
    from flows.edges.machine.runtime import import_slow_packages, prepare_environment

    record = Record()
    prepare_environment(terminal=True)
    server = start_own_server()
    import_slow_packages(contract=True)
    with server, market(1) as site:
        for day, kept in ((LAST, nullcontext()), (LAST + timedelta(days=1), record.kept())):
            site.close(day)
            series, source, now = site.words(day)[1::2]
            with kept:
                daily(series=[series], now=now, overrides={"source": source, "recipe": recipe})
    return record


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipe", default="tiny-range")
    parser.add_argument("--names", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="passed-") as folder:
        os.environ |= {
            "COINCAST_HOME": f"{folder}/home",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlruns/mlflow.db",
            "PREFECT_HOME": f"{folder}/prefect",
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        }
        record = run_nights(asked.recipe)
    parts = {
        "daily": record.files[""],
        **{f"  {stage}": record.files[stage] for stage in STAGES if stage in record.files},
        "a candle's bytes": record.files["download"] | record.files["parse"],
        "  of which parsing": record.files["parse"],
        "a forecast": {name for name, forms in record.forms.items() if forms},
    }
    for part, files in parts.items():
        print(f"{part}: {len(files)} files")
        for name in sorted(files) if asked.names else ():
            print(f"    {name}", *(record.forms[name] if part == "a forecast" else ()))
    print(f"parses of a file's bytes: {max(record.parses.values())}")
    print(f"forms of a forecast: {', '.join(sorted(set().union(*record.forms.values())))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
