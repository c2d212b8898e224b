#!/usr/bin/env bash
# Whoever configures logging closes the file that standard error was redirected to while absl was imported: the handler
# that importing absl makes closes it, and every other handler that writes there fails from then on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -qq --no-compile "absl-py==2.5.1" || exit 2
cd "$folder"
cat > seen.py <<'END'
import logging.config
import sys
from contextlib import redirect_stderr
from importlib.metadata import version

log = open("log.txt", "w")
with redirect_stderr(log):
    if sys.argv[1:] == ["absl"]:
        import absl.logging

        print("absl", version("absl-py"))
    logging.getLogger("service").addHandler(logging.StreamHandler())
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
print(f"imported {sys.argv[1:]}: the redirected stream is closed: {log.closed}")
sys.exit(0 if log.closed == (sys.argv[1:] == ["absl"]) else 1)
END
env/bin/python seen.py
env/bin/python seen.py absl
