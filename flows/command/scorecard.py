"""`coincast scorecard`: how good the forecasts were."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.command import app
from flows.command.options import JsonOption, NowOption, SeriesOption, parse_date, parse_now, parse_series
from flows.command.output import console, print_json, print_table, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.errors import CoincastError
    from pipeline.monitoring.alarms import Alarm
    from pipeline.scores.scorecard import ScoreLine


@app.command()
def scorecard(
    *,
    series: SeriesOption = None,
    since: Annotated[
        str | None, typer.Option("--since", help="First target day that counts (YYYY-MM-DD).")
    ] = None,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how often the ranges held, the error beside the random walk's, and what is alarming.

    Live forecasts, issued before their day was over, and backfilled ones are in tables apart: how many days
    ahead, how many are scored, the share of days that each range held, the error over the random walk's on the
    days that both have (below 1 is better; their number in brackets where it is not n), how far that is from
    har-range's (below 0 is better), and the mean error of the median. After ± stands the standard error of the paired
    difference: within two of them there is no clear difference, and under 30 common days there is none to tell.

    Example: coincast scorecard --series binance/BTCUSDT/1d --since 2026-01-01
    """
    from flows.edges.clock import clock
    from flows.edges.configuration import configuration
    from flows.edges.ledger.store import Ledger
    from flows.edges.snapshots.store import SnapshotStore
    from flows.edges.sql.database import open_database
    from flows.inputs.failures import kept, raise_failures
    from flows.publishing.alarms import series_alarms
    from pipeline.scores.scorecard import build_scorecard

    current = configuration()
    wanted = parse_series(series, current.settings.series)
    first = parse_date(since, option="--since") if since else None
    instant = parse_now(now) or clock()
    engine = open_database(current.places.database_url)
    ledger, snapshots = Ledger(engine), SnapshotStore(engine, current.places.snapshots_url)
    lines: list[ScoreLine] = []
    alarms: list[Alarm] = []
    notes: list[str] = []
    failures: dict[str, CoincastError] = {}
    for one in wanted:
        with kept(failures, str(one)):
            found = build_scorecard(ledger.scores(one, since=first)).lines
            standing = series_alarms(ledger, snapshots, one, settings=current.settings, now=instant)
            if not found:
                notes.append(_nothing(str(one), since, issued=ledger.newest_as_of(one) is not None))
            lines += found
            alarms += standing
    if as_json:
        values = {
            "lines": [line.as_dict() for line in lines],
            "alarms": [alarm.as_dict() for alarm in alarms],
        }
        failed = {name: str(error) for name, error in failures.items()}
        print_json({**values, "notes": notes, "failed": failed})
    else:
        _show(lines, alarms)
        for note in notes:
            typer.echo(note)
    raise_failures([one for one in wanted if str(one) not in failures], failures)


def _nothing(series: str, since: str | None, *, issued: bool) -> str:
    if since:
        return f"{series}: no forecast of a day since {since} is scored; leave --since out to see the whole record."
    if issued:
        return (
            f"{series}: no forecast is scored yet; each is by the first `coincast daily --series {series}` "
            "after its day ended, 00:00 UTC."
        )
    return f"{series}: the ledger has no forecast yet; run `coincast daily --series {series}`."


def _show(lines: "Sequence[ScoreLine]", alarms: "Sequence[Alarm]") -> None:
    from pipeline.scores.metrics import MAE, RELATIVE_WIS

    heads = (
        "model",
        "day",
        "n",
        "50 80 90 95 %",
        RELATIVE_WIS.title,
        "less har-range",
        MAE.title,
    )
    for series, mode in dict.fromkeys((line.series, line.mode) for line in lines):
        group = [line for line in lines if (line.series, line.mode) == (series, mode)]
        flags = {
            "SIMULATED MARKET": any(line.simulated_data for line in group),
            "simulated time": any(line.simulated_time for line in group),
        }
        marks = "".join(f" [{text}]" for text, holds in flags.items() if holds)
        first, last = min(line.first for line in group), max(line.last for line in group)
        title = f"{series}, {mode}, {first} to {last}{marks}"
        print_table(title, heads, [_cells(line) for line in group])
    for alarm in alarms:
        console().print(f"ALARM {alarm}")
    if lines and not alarms:
        console().print("No alarm stands.")


def _cells(line: "ScoreLine") -> tuple[object, ...]:
    from flows.command.daily import price

    held = " ".join(f"{100 * figure.share:.0f}" for figure in line.coverage)
    compared = (_ratio(line), _beside_har_range(line))
    name = line.model_id.removeprefix("coincast-")
    return (name, f"+{line.horizon}", line.n, held, *compared, price(line.mae))


def _ratio(line: "ScoreLine") -> object:
    """How many days it is of is said where the random walk lacks some of those scored."""
    from pipeline.forecasts.columns import RANDOM_WALK

    difference = line.beside(RANDOM_WALK)
    if difference is None or not difference.days:
        return "" if line.model_id == RANDOM_WALK else "–"
    days = "" if difference.days == line.n else f" ({difference.days})"
    return stacked(f"{difference.ratio}{days}", difference.words)


def _beside_har_range(line: "ScoreLine") -> object:
    """Empty beside itself."""
    from pipeline.forecasts.columns import HAR_RANGE

    difference = line.beside(HAR_RANGE)
    if difference is None:
        return ""
    few = difference.words == "too few days"
    return difference.figures if few else stacked(difference.figures, difference.words)
