"""The views that other tools read, and what their columns say; migration 0008 makes them."""

from typing import Final

_KEY: Final = {
    "series": "exchange/SYMBOL/timeframe",
    "as_of": "last day whose close the forecast saw",
    "horizon": "days ahead, 1 to 7",
    "model_id": "whose forecast",
    "mode": "`live` or `backfill`",
    "target_date": "the day that is forecast",
}
VIEWS: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "v_forecasts": (
        "A row a quantile of every forecast, of its last issue.",
        _KEY
        | {
            "level": "of the quantile, 0.01 to 0.99; 0.5 is the median",
            "value": "the quantile in quote currency, to the last bit",
            "last_close": "close of `as_of`",
            "issue": "1, and one more each time other values were issued",
            "model_version": "number in the registry; `-` for a fit that is not registered",
            "run_id": "MLflow run",
            "snapshot_sha256": "the file that the forecast was made of",
            "vintage": "`known` or `latest`",
            "issued_at": "the clock's instant, UTC",
            "simulated_time": "whether the run believed in another instant than the clock's",
            "simulated_data": "whether the market is made up",
        },
    ),
    "v_scores": (
        "A row a scored forecast: last issue, last revision.",
        _KEY
        | {
            "actual_close": "what the day closed at",
            "wis": "weighted interval score of the log return",
            "absolute_error": "of the median, in quote currency",
            "pit": "probability integral transform, 0 to 1",
            "hit_50": "whether the close lay in the 50 % range",
            "hit_80": "in the 80 % range",
            "hit_90": "in the 90 % range",
            "hit_95": "in the 95 % range",
            "revision": "1, and one more each time the vendor restated the close",
            "snapshot_sha256": "the file that has the close",
            "scored_at": "the clock's instant, UTC",
        },
    ),
    "v_published": (
        "A row a series and day: whose forecast readers were shown last.",
        {
            "series": _KEY["series"],
            "as_of": _KEY["as_of"],
            "model_id": _KEY["model_id"],
            "chosen_by": "`gate`, or `recipe` where that is a baseline",
            "run_id": "MLflow run that holds the choice; empty where the forecast's own row names it",
            "published_at": "the clock's instant, UTC",
        },
    ),
    "v_units": (
        "A row a backfill's series and day, as it stands now.",
        {
            "backfill_id": "as `coincast backfill list` shows it",
            "series": _KEY["series"],
            "as_of": "the day that is forecast from",
            "model_id": "of the backfill's recipe",
            "fit_day": "last day that its fit may see",
            "status": "`pending`, `running`, `done`, `failed`, `refused` or `cancelled`",
            "why": "reason of a failure, a refusal or a skip",
            "attempts": "workers that began it",
            "fit_s": "seconds of the fit; null where none was made for it",
            "total_s": "seconds in all; null until it is over",
            "ended_at": "the clock's instant, UTC; null until it is over",
            "created_at": "when the backfill began, UTC",
            "run_id": "the backfill's MLflow run",
        },
    ),
}


def reference() -> str:
    """The views and their columns as docs/ledger.md has them."""
    return "\n\n".join(
        "\n".join(
            [f"**`{name}`** {sentence}", "", "| column | |", "|---|---|"]
            + [f"| `{column}` | {meaning} |" for column, meaning in columns.items()]
        )
        for name, (sentence, columns) in VIEWS.items()
    )


if __name__ == "__main__":
    print(reference())  # noqa: T201 - for docs/ledger.md
