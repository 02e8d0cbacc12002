"""The options of a call, as callers write them."""

from __future__ import annotations

import difflib
from datetime import timedelta
from typing import Any

from farcall.domain.model import CallOptions

_KEY_LIMIT = 200  # characters
_NAMES = ("timeout", "expires", "queue", "priority", "key")


def call_options(base: CallOptions, given: dict[str, Any]) -> CallOptions:
    """`base` with what is given; raises TypeError or ValueError with a sentence.

    timeout: seconds (or a timedelta) that an attempt may run. expires: seconds until it must have started.
    queue: wait for a worker if there is none. priority: -100 to 100, larger first. key: the same key is run once.
    """
    fields = {
        "timeout_seconds": base.timeout_seconds,
        "expires_seconds": base.expires_seconds,
        "queue": base.queue,
        "priority": base.priority,
        "key": base.key,
    }
    for name, value in given.items():
        if name not in _NAMES:
            near = difflib.get_close_matches(name, _NAMES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_NAMES)}"
            raise TypeError(f"options() has no option {name!r}; {hint}")
        if name in ("timeout", "expires"):
            fields[f"{name}_seconds"] = _seconds(name, value)
        elif name == "queue":
            fields["queue"] = _flag(value)
        elif name == "priority":
            fields["priority"] = _priority(value)
        else:
            fields["key"] = _key(value)
    return CallOptions(**fields)  # type: ignore[arg-type]  # each was checked above


def _seconds(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ValueError(f"{name}= takes seconds above 0 or a timedelta, not {value!r}")
    return float(value)


def _flag(value: object) -> bool | None:
    if value is not None and not isinstance(value, bool):
        raise ValueError(f"queue= takes True or False, not {value!r}")
    return value


def _priority(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -100 <= value <= 100:
        raise ValueError(f"priority= takes a whole number from -100 to 100, not {value!r}")
    return value


def _key(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or not value or len(value) > _KEY_LIMIT:
        raise ValueError(f"key= takes a text of 1 to {_KEY_LIMIT} characters, not {value!r:.80}")
    return value
