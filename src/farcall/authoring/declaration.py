"""`@function`: marks a function as one to be served, and says how. The function itself stays what it was."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import (
    Any,
    Literal,
    TypeAlias,
    TypedDict,
    TypeGuard,
    TypeVar,
    Unpack,
    get_args,
    overload,
)

from farcall.authoring.names import BadName, function_name, namespace_path

Requirement: TypeAlias = int | float | str | bool
Visibility: TypeAlias = Literal["caller", "owner"]
ATTEMPTS_LIMIT = 100


class DeclarationError(TypeError):
    """A declaration that cannot be meant; the message is one sentence that names the function and the option."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, in all, an attempt may start before a lost worker makes the invocation fail.

    `attempts` counts the first one: 1 means that the function never runs twice. Before the second attempt the hub waits
    `backoff` seconds, before each further one twice as long. Exceptions of the function are results: never retried.
    """

    attempts: int = 3
    backoff: float = 0.1

    def __post_init__(self) -> None:
        if not _is_int(self.attempts) or not 1 <= self.attempts <= ATTEMPTS_LIMIT:
            raise DeclarationError(f"Retry(attempts=) takes a number from 1 to {ATTEMPTS_LIMIT}, not {self.attempts!r}")
        if not _is_number(self.backoff) or not 0 <= self.backoff < math.inf:
            raise DeclarationError(f"Retry(backoff=) takes seconds, 0 or more, not {self.backoff!r}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """What an author declared, the ``__farcall__`` of a function. A namespace is relative unless it begins with
    ``/``.
    """

    name: str
    namespace: str = ""
    timeout_seconds: float | None = None
    attempts: int = 3
    backoff_seconds: float = 0.1
    concurrency: int | None = None
    queue: bool = False
    requires: Mapping[str, Requirement] = field(default_factory=dict)
    policy: str = "round_robin"
    replayable: bool = False
    visibility: Visibility = "caller"


class Options(TypedDict, total=False):
    """The options of `function`.

    namespace: ``"physics"`` below the handle of whoever serves it, ``"/lab/physics"`` absolute; the root if left out.
    name: its name in the catalog; the function's own if left out.
    timeout: seconds (or a timedelta) that one attempt may run, from its start on the worker; unlimited if left out.
    retry: ``"never"``; or how many times it may be tried again after a lost worker (default 2); or a `Retry`.
    concurrency: how many may run at once, over all workers.
    queue: wait for a worker if there is none, instead of failing at once.
    requires: what a worker has to advertise, such as ``{"gpu": 1, "licence": "matlab"}``.
    policy: the name of the placement policy.
    replayable: a generator function whose stream may be started again from its first item.
    visibility: ``"owner"`` if the hub shall show you arguments and results of calls, as callers are told; else it shows
        them to the caller alone.
    """

    namespace: str
    name: str
    timeout: float | timedelta | None
    retry: Literal["never"] | int | Retry
    concurrency: int | None
    queue: bool
    requires: Mapping[str, Requirement]
    policy: str
    replayable: bool
    visibility: Visibility


F = TypeVar("F", bound=Callable[..., Any])


@overload
def function(target: F, /) -> F: ...
@overload
def function(**options: Unpack[Options]) -> Callable[[F], F]: ...
def function(target: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Declare a function to be served: ``@function`` or ``@function(namespace="physics", timeout=60)``.

    Returns the very same function with an attribute ``__farcall__`` (a `Declaration`); calling it runs it here and now.
    Raises DeclarationError if an option cannot be meant. The options are those of `Options`.
    """
    if target is None:
        return lambda wrapped: _declare(wrapped, options)
    if isinstance(target, str):
        raise DeclarationError(f"@function takes options by name: @function(name={target!r})")
    return _declare(target, options)


def _declare(target: Any, options: dict[str, Any]) -> Any:
    if not callable(target) or isinstance(target, type):
        kind = "a class" if isinstance(target, type) else f"a {type(target).__name__}"
        raise DeclarationError(f"@function goes on a function, and this is {kind}")
    own_name = getattr(target, "__name__", "")
    label = f"{own_name or 'function'}()"
    unknown = options.keys() - _READERS.keys()
    if unknown:
        raise DeclarationError(_unknown_option(label, min(unknown)))
    values: dict[str, Any] = {"name": own_name}
    for option, value in options.items():
        try:
            values.update(_READERS[option](value))
        except (DeclarationError, BadName) as error:
            raise DeclarationError(f"{label}: {error}") from None
    try:
        values["name"] = function_name(values["name"])
    except BadName as error:
        hint = "" if "name" in options else "; give it one with @function(name=…)"
        raise DeclarationError(f"{label}: {error}{hint}") from None
    try:
        target.__farcall__ = Declaration(**values)
    except AttributeError:
        raise DeclarationError(f"{label} is built in and cannot be marked; wrap it in a function of your own") from None
    return target


def _unknown_option(label: str, option: str) -> str:
    near = difflib.get_close_matches(option, _READERS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else f"; there are {', '.join(sorted(_READERS))}"
    return f"{label}: @function has no option {option!r}{hint}"


def _is_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(option: str, value: object) -> str:
    if not isinstance(value, str):
        raise DeclarationError(f"{option}= takes text, not {value!r}")
    return value


def _read_timeout(value: object) -> dict[str, Any]:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if seconds is not None and not (_is_number(seconds) and 0 < seconds < math.inf):
        raise DeclarationError(f"timeout= takes seconds above 0, or None for no limit, not {value!r}")
    return {"timeout_seconds": seconds}


def _read_retry(value: object) -> dict[str, Any]:
    if value == "never":
        retry = Retry(attempts=1)
    elif isinstance(value, Retry):
        retry = value
    elif _is_int(value) and 0 <= value < ATTEMPTS_LIMIT:
        retry = Retry(attempts=value + 1)
    else:
        raise DeclarationError(
            f"retry= takes 'never', how many times to try again (0 to {ATTEMPTS_LIMIT - 1}), or Retry(…), not {value!r}"
        )
    return {"attempts": retry.attempts, "backoff_seconds": float(retry.backoff)}


def _read_concurrency(value: object) -> dict[str, Any]:
    if value is not None and not (_is_int(value) and value >= 1):
        raise DeclarationError(f"concurrency= takes a whole number from 1, or None for no limit, not {value!r}")
    return {"concurrency": value}


def _read_requires(value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise DeclarationError(f"requires= takes a dict such as {{'gpu': 1}}, not {value!r}")
    for key, wanted in value.items():
        if not isinstance(key, str) or not isinstance(wanted, (int, float, str, bool)):
            raise DeclarationError(f"requires= takes names with numbers, texts or booleans, not {key!r}: {wanted!r}")
    return {"requires": dict(value)}


def _read_flag(option: str, value: object) -> dict[str, Any]:
    if not isinstance(value, bool):
        raise DeclarationError(f"{option}= takes True or False, not {value!r}")
    return {option: value}


def _read_visibility(value: object) -> dict[str, Any]:
    if value not in get_args(Visibility):
        raise DeclarationError(f"visibility= takes 'caller' or 'owner', not {value!r}")
    return {"visibility": value}


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "namespace": lambda value: {"namespace": namespace_path(_text("namespace", value))},
    "name": lambda value: {"name": _text("name", value)},
    "timeout": _read_timeout,
    "retry": _read_retry,
    "concurrency": _read_concurrency,
    "queue": lambda value: _read_flag("queue", value),
    "requires": _read_requires,
    "policy": lambda value: {"policy": _text("policy", value)},
    "replayable": lambda value: _read_flag("replayable", value),
    "visibility": _read_visibility,
}
