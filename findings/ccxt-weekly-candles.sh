#!/usr/bin/env bash
# ccxt has two calendars: round_timeframe puts a week's candle on its Monday and a month's on the first, build_ohlcvc puts
# the same trade into weeks that begin on Thursdays, and into months of thirty days counted from 1970.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "ccxt==4.5.90" || exit 2
cd "$folder"
env/bin/python - <<'END'
import sys

import ccxt

Exchange = ccxt.Exchange
when = Exchange.parse8601("2024-02-20T12:00:00Z")
trade = {"timestamp": when, "price": 1.0, "amount": 1.0}
stated = {
    "1d": ("2024-02-20", "2024-02-20"),
    "1w": ("2024-02-19", "2024-02-15"),
    "1M": ("2024-02-01", "2024-02-17"),
    "1y": ("2024-01-01", "2023-12-19"),
}
print("ccxt", ccxt.__version__, "- a trade of", Exchange.iso8601(when))
seen = {}
for timeframe in stated:
    rounded = Exchange.round_timeframe(timeframe, when)
    built = Exchange({"id": "any"}).build_ohlcvc([trade], timeframe)[0][0]
    seen[timeframe] = (Exchange.iso8601(rounded)[:10], Exchange.iso8601(built)[:10])
    print(f"{timeframe}: round_timeframe {seen[timeframe][0]}, build_ohlcvc {seen[timeframe][1]}")
sys.exit(0 if seen == stated else 1)
END
