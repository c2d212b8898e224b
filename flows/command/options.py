"""Options that several verbs share."""

from typing import Annotated

import typer

from flows.inputs.arguments import parse_date, parse_now, parse_series
from pipeline.models.callbacks import LARGEST_SEED

SeriesOption = Annotated[
    list[str] | None,
    typer.Option("--series", "-s", help="exchange/SYMBOL/timeframe; repeat it or separate by commas."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no tables.")]
NowOption = Annotated[
    str | None,
    typer.Option("--now", help="The instant this run believes in (ISO, UTC); marked simulated-time."),
]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="Last complete candle's date (YYYY-MM-DD); default: the newest.")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=LARGEST_SEED, help="Everything random follows from it.")
]

__all__ = ["parse_date", "parse_now", "parse_series"]
