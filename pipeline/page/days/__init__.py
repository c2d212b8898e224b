"""Former days: what was published then, month by month, and the grid of series and days."""
