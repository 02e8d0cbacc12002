"""Events and effects in one line each, for whoever replays a seed."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from farcall.domain.model import FENCE_COUNTER_BITS, Completion, NewInvocation, Settlement
from farcall.hub.dispatch.effects import Offered
from farcall.hub.dispatch.events import Finish, Reclaimed, Resumed, VersionFacts

_LIMIT = 400


def line(value: object) -> str:
    """`Offer(worker=w1, items=[#3@1.7])`: invocation 3 under fence 7 of epoch 1."""
    return _tell(value)[:_LIMIT]


def _fence(fence: int) -> str:
    return f"@{fence >> FENCE_COUNTER_BITS}.{fence & ((1 << FENCE_COUNTER_BITS) - 1)}" if fence else ""


def _tell(value: Any) -> str:
    if isinstance(value, bytes):
        return f"#{int.from_bytes(value, 'big')}" if len(value) == 22 else "…"
    if isinstance(value, NewInvocation):
        return f"{_tell(value.id)}(v{value.version} c{value.caller} p{value.priority}{' queue' if value.queue else ''})"
    if isinstance(value, Offered):
        return _tell(value.invocation.id) + _fence(value.fence)
    if isinstance(value, Reclaimed):
        return _tell(value.invocation.id) + _fence(value.fence) + (" flagged" if value.cancelled else "")
    if isinstance(value, Resumed):
        return _tell(value.id) + _fence(value.fence) + ("" if value.queued is None else " known")
    if isinstance(value, Completion | Finish):
        return f"{_tell(value.id)}{_fence(value.fence)} {value.state.label}"
    if isinstance(value, Settlement):
        return f"{_tell(value.id)} {value.state}"
    if isinstance(value, VersionFacts):
        return value.name
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, int) and value >> FENCE_COUNTER_BITS:
        return _fence(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_tell(item) for item in value) + "]"
    if isinstance(value, msgspec.Struct):
        told = ", ".join(f"{name}={_tell(getattr(value, name))}" for name in value.__struct_fields__)
        return f"{type(value).__name__}({told})"
    return str(value)
