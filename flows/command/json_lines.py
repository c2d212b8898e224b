"""The log as JSON, an object a line on standard error, for whoever collects it: `log_format = "json"`."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from flows.reporting.progress import about, log

VARIABLE: Final = "COINCAST_LOG_FORMAT"


class JsonLines(logging.Formatter):
    """A record as one JSON object.

    Its keys: `time` (ISO 8601, UTC), `level`, `message`, `logger`; where they are known `run` and `run_id` (Prefect's),
    `series`, `as_of` and `stage`; `error` with the traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        error = record.exc_text or (self.formatException(record.exc_info) if record.exc_info else None)
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": " ".join(record.getMessage().split()),
            "logger": record.name,
            **_run(),
            **about.get(),
            "error": error,
        }
        return json.dumps({key: value for key, value in line.items() if value}, ensure_ascii=False)


class StagesLogged:
    """A watcher that logs when each stage begins."""

    def stage(self, series: str, name: str) -> None:
        """One line; series and stage are among its facts."""
        log.info("%s begins", name)

    def ended(self, series: str) -> None:
        """Nothing: the next line tells."""

    def advance(self, what: str, done: float, total: float | None) -> None:
        """Nothing: a bar in a log is noise."""


@contextmanager
def json_lines() -> Iterator[None]:
    """What the body logs, warns of, and what libraries say in their loggers, as JSON on standard error."""
    formatter, handler = JsonLines(), logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(lambda record: record.name == log.name or record.levelno >= logging.WARNING)
    # MLflow and others have handlers of their own, whose records do not come up to the root.
    others = [(one, one.formatter) for one in _stream_handlers()]
    for one, _ in others:
        one.setFormatter(formatter)
    logging.captureWarnings(True)
    logging.root.addHandler(handler)
    try:
        yield
    finally:
        logging.root.removeHandler(handler)
        logging.captureWarnings(False)
        for one, before in others:
            one.setFormatter(before)


def is_wanted() -> bool:
    """Whether the settings in force ask for JSON; of settings that cannot be read, the variable alone."""
    from pipeline.errors import CoincastError

    try:
        from flows.edges.configuration import configuration

        return configuration().settings.log_format == "json"
    except CoincastError:
        return os.environ.get(VARIABLE) == "json"


def print_error(message: str, *, file: TextIO) -> None:
    """How a command ends in an error: a line in words, or one of the log where the settings ask for JSON."""
    if not is_wanted():
        print(f"coincast: {message}", file=file)
        return
    record = logging.LogRecord(log.name, logging.ERROR, "", 0, message, None, None)
    print(JsonLines().format(record), file=file)


def _stream_handlers() -> Iterator["logging.StreamHandler[Any]"]:
    for logger in list(logging.root.manager.loggerDict.values()):
        for handler in getattr(logger, "handlers", ()):
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                yield handler


def _run() -> dict[str, str]:
    """Name and id of the Prefect run, where Prefect is there and this is one."""
    if "prefect.context" not in sys.modules:
        return {}
    from flows.reporting.flow_run import name_and_id

    name, key = name_and_id()
    return {"run": name, "run_id": key}
