"""The page people read and `latest.json`, the same for programs."""
