"""Values to bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from farcall.payload.blobs import BlobSink
from farcall.payload.canonical import canonical as canonical_form
from farcall.payload.codes import BLOB_THRESHOLD_BYTES, MAX_DEPTH
from farcall.payload.errors import Unencodable
from farcall.payload.kinds import handler_of
from farcall.payload.writer import Refused, Writer

_PLAIN_SCALARS: Final = frozenset({int, float, str, bool, type(None), bytes})
_PLAIN_KINDS: Final = _PLAIN_SCALARS | {list, dict}
_ONLY_TEXT: Final = frozenset({str})
_encoder: Final = msgspec.msgpack.Encoder()


def encode(
    value: object,
    *,
    where: str = "value",
    blobs: BlobSink | None = None,
    blob_threshold_bytes: int = BLOB_THRESHOLD_BYTES,
    canonical: bool = False,
) -> bytes:
    """The payload of a value; what comes out of `decode` is equal and of the same types.

    Leaves of more than `blob_threshold_bytes` go to `blobs`, if given, after everything else was found in order.
    `canonical` gives the form that digests are taken of: dicts sorted, large leaves by digest.
    Raises Unencodable, naming the place from `where` on, and what `blobs` raises.
    """
    if type(value) in _PLAIN_SCALARS or _is_plain(value, 0):
        try:
            data = _encoder.encode(value)
        except (OverflowError, UnicodeEncodeError, ValueError):
            pass  # a huge integer, or broken text: the writer sees to it, or says where
        else:
            if blobs is None or len(data) <= blob_threshold_bytes:
                return canonical_form(data) if canonical else data
    data = _written(value, where, blobs, blob_threshold_bytes)
    return canonical_form(data) if canonical else data


def _written(value: object, where: str, blobs: BlobSink | None, threshold: int) -> bytes:
    try:
        return Writer(handler_of, None if blobs is None else threshold, blobs).write(value)
    except Refused as refusal:
        raise Unencodable(refusal.place(where), refusal.type_name, refusal.reason) from None


def _is_plain(value: object, depth: int) -> bool:
    """Whether msgspec alone encodes the value so that it comes back as it was."""
    kind = type(value)
    if kind is dict:
        if not set(map(type, value)) <= _ONLY_TEXT:  # type: ignore[call-overload]  # it is a dict
            return False
        items: Iterable[object] = value.values()  # type: ignore[attr-defined]  # it is a dict
    elif kind is list:
        items = value  # type: ignore[assignment]  # it is a list
    else:
        return kind in _PLAIN_SCALARS
    kinds = set(map(type, items))
    if kinds <= _PLAIN_SCALARS:
        return depth < MAX_DEPTH
    if not kinds <= _PLAIN_KINDS or depth >= MAX_DEPTH:
        return False
    return all(_is_plain(item, depth + 1) for item in items if type(item) in (list, dict))
