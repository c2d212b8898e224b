"""What a command can refuse by its words alone: one line, exit 2, little work, and nothing heavy imported."""

import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

# CPU, not wall time: less than one where nothing else runs; beside other work each second does half as much.
MOST_CPU_S = 2.5
HEAVY = ("tensorflow", "keras", "prefect", "mlflow", "great_expectations")
SCRIPT = f"""
import atexit, sys
atexit.register(lambda: print("IMPORTED", *sorted(set({HEAVY}) & set(sys.modules)), file=sys.stderr))
from flows.command import main
main()
"""
HUGE = "99999999999999999999999999"
HOUR = "binance/BTCUSDT/1h"
BASED = 'name = "mine"\nbased_on = "guide-lstm"\n'
RECIPES = {
    "deep": BASED + "window = " + "[" * 5000 + "]" * 5000,
    "tables": BASED + "[" + ".".join(["a"] * 5000) + "]\n",
    "inline": BASED + "a = " + "{a = " * 5000 + "1" + "}" * 5000,
    "digits": BASED + "window = " + "9" * 5000,
    "wide": BASED + "layers = [{kind='recurrent', cell='lstm', units=4096}, {kind='dense', units=1}]\n"
    "window = 1000\n[fitting]\nbatch = 100000\n",
    "dense": BASED + "layers = [" + "{kind='dense', units=65536}, " * 6 + "{kind='dense', units=1}]\n",
    "many": BASED + "layers = [" + "{kind='dense', units=1}, " * 5000 + "{kind='dense', units=1}]\n",
    "epochs": BASED + f"[fitting]\nepochs = {HUGE}\n",
    "markup": BASED.replace("mine", "<b>[red]mine"),
    "path": BASED.replace("mine", "../../etc/passwd"),
    "long": BASED + "#" * 100_000,
}
DAYS = "--from 2025-01-01 --to 2025-01-31"
REFUSED = [
    "daily --source ftp://x/y",
    "daily --source ./no-such-folder",
    f"daily --series {HOUR}",
    "daily --series <b>x</b>",
    "daily --series ../../etc/passwd",
    "daily --recipe nope",
    "daily --recipe guide-lstm",
    "daily --as-of 2099-01-01",
    "daily --as-of yesterday",
    "daily --now never",
    f"backfill {DAYS} --source ftp://x",
    f"backfill {DAYS} --series {HOUR}",
    "backfill --from 2025-02-01 --to 2025-01-31",
    "backfill --from x --to 2025-01-31",
    f"backfill {DAYS} --recipe nope",
    f"backfill {DAYS} --recipe guide-lstm",
    f"backfill {DAYS} --reprocess some",
    f"backfill {DAYS} --order up",
    f"backfill {DAYS} --vintage old",
    f"backfill {DAYS} --executor ray",
    f"backfill {DAYS} --chunk 0",
    "backfill --plan nope.json",
    "train --recipe nope --file CANDLES",
    "train --recipe guide-lstm --file nope.csv",
    "train --recipe guide-lstm",
    f"train --recipe guide-lstm --series {HOUR}",
    "train --recipe guide-lstm --file CANDLES --as-of x",
    f"train --recipe guide-lstm --file CANDLES --seed {HUGE}",
    *(f"train --recipe {name}.toml --file CANDLES" for name in RECIPES),
    "compare --recipes nope --file CANDLES",
    f"compare --recipes guide-lstm --series {HOUR}",
    f"compare --recipes guide-lstm --file CANDLES --seeds {HUGE}",
    "compare --recipes deep.toml,guide-lstm --file CANDLES",
    "sweep --recipe guide-lstm --vary window=x --file CANDLES",
    "sweep --recipe guide-lstm --vary nope=1 --file CANDLES",
    "sweep --recipe guide-lstm --vary layers=9999999x9999999 --file CANDLES",
    "sweep --recipe guide-lstm --vary layers=axb --file CANDLES",
    "sweep --recipe range-lstm --vary window=3 --file CANDLES",
    "sweep --recipe range-lstm --vary lookback=3 --file CANDLES",
    "sweep --recipe range-lstm --vary lookback=x --choose-until 2023-12-31 --file CANDLES",
    "sweep --recipe har-range --vary lookback=3 --choose-until 2023-12-31 --file CANDLES",
    "sweep --recipe guide-lstm --vary window=3 --choose-until 2023-12-31 --file CANDLES",
    "sweep --recipe guide-lstm --vary window=3 --sampler x --file CANDLES",
    f"sweep --recipe guide-lstm --vary window=3 --series {HOUR}",
    "backtest --recipe nope --file CANDLES",
    "backtest --recipe wide.toml --file CANDLES",
    "backtest --file CANDLES --horizons 9",
    "backtest --file CANDLES --from x",
    "backtest --file CANDLES --from 2025-01-01 --to 2024-01-01",
    f"backtest --file CANDLES --seed {HUGE}",
    f"backtest --series {HOUR}",
    "backtest --file CANDLES --out /nope/x.csv",
    "leak-check --recipe nope",
    f"leak-check --seed {HUGE}",
    f"leak-check --days {HUGE}",
    "demo --recipe nope",
    f"demo --seed {HUGE}",
    f"reproduce --series {HOUR} --as-of 2026-01-01",
    "reproduce --series binance/BTCUSDT/1d --as-of x",
    "forecast --as-of x",
    "scorecard --since x",
    "scorecard --now x",
    "models rollback --series x",
    "up --prefect-port 99999",
    "no-such-command",
    "daily --no-such-option",
]


@dataclass(frozen=True)
class Refusal:
    status: int
    lines: list[str]
    imported: list[str]
    cpu_s: float


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("refusals")
    (made / "candles.csv").write_text("Unix,Date,Symbol,Open,High,Low,Close\n")
    for name, text in RECIPES.items():
        (made / f"{name}.toml").write_text(text)
    return made


def ask(words: str, folder: Path) -> Refusal:
    foreign = ("PREFECT_", "COINCAST_", "MLFLOW_")
    own = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words.replace("CANDLES", "candles.csv").split()],
        cwd=folder,
        env=own | {"COINCAST_HOME": str(folder / "home"), "PREFECT_HOME": str(folder / "prefect")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *lines, imported = done.stderr.splitlines()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Refusal(done.returncode, lines, imported.split()[1:], cpu)


@pytest.mark.parametrize("words", REFUSED)
def test_words_that_cannot_be_done_are_refused_at_once(words: str, folder: Path) -> None:
    refusal = ask(words, folder)
    assert (refusal.status, len(refusal.lines), refusal.imported) == (2, 1, []), refusal.lines
    assert refusal.lines[0].startswith("coincast: ")
    assert len(refusal.lines[0]) < 600
    assert refusal.cpu_s < MOST_CPU_S
    assert not (folder / "home").exists()
