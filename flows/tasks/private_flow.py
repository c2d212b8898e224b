"""Flows whose credentials stay in their process: not in the parameters, states and logs that Prefect keeps."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from prefect import Flow
from prefect.context import FlowRunContext

from flows.edges.words import without_secrets
from pipeline.addresses.address import Address, WebhookAddress
from pipeline.addresses.secret_values import HIDDEN, is_secret_name
from pipeline.errors import CoincastError, InputError

_P = ParamSpec("_P")
_R = TypeVar("_R")


class RedactedError(Exception):
    """An unexpected error told again in words without the credentials that its own words held."""


class PrivateFlow(Flow[_P, _R]):
    """A flow that Prefect records without credentials.

    Parameters are recorded in their public form, errors are told without credentials, and a run that was created
    elsewhere with a credential among its parameters, which the server's database then has, is refused.
    """

    def __init__(self, fn: Callable[_P, _R], **options: Any) -> None:
        super().__init__(fn, **options)
        self.fn: Callable[_P, _R] = _checked(telling_no_secrets(fn))

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """As Prefect keeps them."""
        kept: dict[str, Any] = public_parameters(parameters)
        recorded: dict[str, Any] = public_parameters(super().serialize_parameters(kept))
        return recorded


def telling_no_secrets(work: Callable[_P, _R]) -> Callable[_P, _R]:
    """The same work; what it raises has no credential in its words, which Prefect keeps as the state's message.

    Nor has what it was raised from, which notebooks show: where that has one, it is left out.
    """

    @wraps(work)
    def run(*args: _P.args, **values: _P.kwargs) -> _R:
        try:
            return work(*args, **values)
        except Exception as error:
            shown = without_secrets(told := str(error))
            if any(without_secrets(words) != words for words in _words_behind(error)):
                error.__cause__ = error.__context__ = None
            if shown == told:
                raise
            if isinstance(error, CoincastError):
                error.args = (shown,)
                raise
            raise RedactedError(f"{type(error).__name__}: {shown}").with_traceback(
                error.__traceback__
            ) from None

    return run


def _words_behind(error: BaseException) -> Iterator[str]:
    """Of the errors that this one was raised from or beside, down to the first."""
    while (behind := error.__cause__ or error.__context__) is not None:
        yield str(behind)
        error = behind


def public_parameters(value: Any, name: str = "") -> Any:
    """Parameters as they may be recorded: a credential is left out, a reference to one stays."""
    if isinstance(value, Mapping):
        # A key that is none of ours may be an address that was put in the wrong place.
        return {_address(str(key), "").stored: public_parameters(one, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [public_parameters(one, name) for one in value]
    if isinstance(value, str | Address):
        kept = _address(value, name).stored
        return HIDDEN if kept and is_secret_name(name) and not _is_reference(kept) else kept
    return value


def _checked(work: Callable[_P, _R]) -> Callable[_P, _R]:
    @wraps(work)
    def run(*args: _P.args, **values: _P.kwargs) -> _R:
        context = FlowRunContext.get()
        if context is not None and context.flow_run is not None:
            _refuse_recorded(context.flow_run.parameters)
        return work(*args, **values)

    return run


def _refuse_recorded(parameters: Mapping[str, Any]) -> None:
    """Refuse a run whose parameters hold a credential: whoever reads Prefect's database has it now.

    Raises:
        InputError: They do.
    """
    if found := next(_secret_names(parameters), None):
        raise InputError(
            f"Parameter {found!r} holds a credential, and Prefect's database has recorded it: change that credential "
            "at its source, set the new one as COINCAST_SECRET_NAME or as a Secret block, write {secret:NAME} in its "
            "place, and delete this run."
        )


def _secret_names(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            if _address(str(key), "").holds_secret:
                yield name
            yield from _secret_names(one, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for one in value:
            yield from _secret_names(one, name)
    elif isinstance(value, str):
        key = name.rpartition(".")[2]
        literal = is_secret_name(key) and value not in ("", HIDDEN) and not _is_reference(value)
        if literal or _address(value, key).holds_secret:
            yield name


def _address(text: str | Address, name: str) -> Address:
    return WebhookAddress(text) if name.startswith("webhook") and name != "webhook_secret" else Address(text)


def _is_reference(text: str) -> bool:
    return text.startswith("{secret:") and text.endswith("}")
