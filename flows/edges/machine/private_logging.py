"""Log lines, tracebacks and uncaught errors without credentials, whoever writes them: Prefect, MLflow, others."""

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any

_Records = Callable[..., logging.LogRecord]


def keep_logs_public() -> None:
    """From now on in this process; a second call changes nothing.

    Records are changed where they are made: a handler that is added later, as Prefect's, gets none with a credential.
    """
    make = logging.getLogRecordFactory()
    if getattr(make, "keeps_public", False):
        return
    logging.setLogRecordFactory(_public_records(make))
    _keep_uncaught_public()


def _public_records(make: _Records) -> _Records:
    def made(*args: Any, **values: Any) -> logging.LogRecord:
        from flows.edges.words import without_secrets

        record = make(*args, **values)
        try:
            said = record.getMessage()
        except (TypeError, ValueError, KeyError):
            return record
        # Others' formatters take a record's arguments apart: they stay where there is nothing to hide.
        if (shown := without_secrets(said)) != said:
            record.msg, record.args = shown, None
        _hide_in_traceback(record)
        return record

    made.keeps_public = True  # type: ignore[attr-defined]
    return made


def _hide_in_traceback(record: logging.LogRecord) -> None:
    if not (record.exc_info and record.exc_info[0]):
        return
    shown = _public_traceback(*record.exc_info)
    if shown:
        record.exc_text, record.exc_info = shown.rstrip("\n"), None


def _keep_uncaught_public() -> None:
    uncaught, of_threads = sys.excepthook, threading.excepthook

    def tell(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
        if shown := _public_traceback(kind, error, where):
            sys.stderr.write(shown)
        else:
            uncaught(kind, error, where)

    def tell_of_thread(found: threading.ExceptHookArgs) -> None:
        if shown := _public_traceback(found.exc_type, found.exc_value, found.exc_traceback):
            sys.stderr.write(shown)
        else:
            of_threads(found)

    sys.excepthook, threading.excepthook = tell, tell_of_thread


def _public_traceback(
    kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
) -> str:
    """A traceback without the credentials in it; empty where there is none to hide."""
    from flows.edges.words import without_secrets

    told = "".join(traceback.format_exception(kind, error, where))
    shown = without_secrets(told)
    return "" if shown == told else shown
