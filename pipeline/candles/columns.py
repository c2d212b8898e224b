"""The columns of a candle table, declared once.

A candle table is a DataFrame with a RangeIndex, one row a complete bar, oldest first, no date twice.
`date` is the bar's opening instant in UTC, naive, `datetime64[us]` (midnight for daily bars); every other
column is float64. Volumes and trades are NaN where the file does not tell them.
"""

from typing import Final

DATE: Final = "date"
OPEN: Final = "open"
HIGH: Final = "high"
LOW: Final = "low"
CLOSE: Final = "close"
VOLUME_BASE: Final = "volume_base"
VOLUME_QUOTE: Final = "volume_quote"
TRADES: Final = "trades"

PRICES: Final = (OPEN, HIGH, LOW, CLOSE)
VOLUMES: Final = (VOLUME_BASE, VOLUME_QUOTE)
CANDLE_COLUMNS: Final = (DATE, *PRICES, *VOLUMES, TRADES)

# A daily grid (calendar.daily_grid) is a candle table with every calendar day in it and these two besides.
FILLED: Final = "filled"
SEGMENT: Final = "segment"
GRID_COLUMNS: Final = (*CANDLE_COLUMNS, FILLED, SEGMENT)
