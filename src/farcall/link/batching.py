"""Joining adjacent frames of one kind before they leave, and splitting what grew too large. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from farcall.wire import frames
from farcall.wire.session import ProtocolError

_ITEMS_LIMIT = 4096
_BYTES_LIMIT = 2 * 1024 * 1024

_FIELDS: dict[type, tuple[str, Callable[[Any], int]]] = {
    frames.Started: ("items", lambda item: 32),
    frames.Returned: ("items", lambda item: 64),
    frames.Finished: ("items", lambda item: 64 + len(item.result)),
    frames.Logs: ("items", lambda item: 64 + len(item.text)),
    frames.Progress: ("items", lambda item: 64 + len(item.stage)),
    frames.Cancel: ("ids", lambda item: 24),
    frames.Attach: ("ids", lambda item: 24),
}
"""Kinds of frames that mean the same whether sent as one or as several, their list, and the bytes of an item, about."""


def joined(queue: Iterable[frames.Frame]) -> list[frames.Frame]:
    """The same frames in the same order, with adjacent batches of one kind as one. The frames given are left alone."""
    made: list[frames.Frame] = []
    open_kind: type | None = None
    open_bytes = 0
    for frame in queue:
        kind = type(frame)
        field = _FIELDS.get(kind)
        if field is None:
            open_kind = None
            made.append(frame)
            continue
        name, weigh = field
        items = getattr(frame, name)
        weight = sum(map(weigh, items))
        if kind is open_kind and open_bytes + weight <= _BYTES_LIMIT:
            held = getattr(made[-1], name)
            if len(held) + len(items) <= _ITEMS_LIMIT:
                held.extend(items)
                open_bytes += weight
                continue
        made.append(kind(list(items)))
        open_kind, open_bytes = kind, weight
    return made


def encoded(frame: Any, encode: Callable[[Any], bytes]) -> list[bytes]:
    """The messages of a frame: several if it is a batch over the limit; raises ProtocolError if one item alone is."""
    try:
        return [encode(frame)]
    except ProtocolError:
        name = _FIELDS.get(type(frame), ("items", None))[0]
        items: list[Any] = getattr(frame, name, [])
        if len(items) < 2:
            raise
        half = len(items) // 2
        return [*encoded(_with(frame, name, items[:half]), encode), *encoded(_with(frame, name, items[half:]), encode)]


def _with(frame: Any, name: str, items: list[Any]) -> Any:
    fields = {field: getattr(frame, field) for field in frame.__struct_fields__}
    return type(frame)(**{**fields, name: items})
