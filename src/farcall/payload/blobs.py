"""Where large leaves go to and come from, and how a payload refers to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec

from farcall.payload.codes import BLOB_MAGIC
from farcall.payload.digests import digest_raw, digest_text
from farcall.payload.dtypes import check_header
from farcall.payload.errors import MalformedPayload

_HEADER: Final = len(BLOB_MAGIC) + 32 + 8
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()


class BlobSink(Protocol):
    """Takes the large leaves of a value that is being encoded."""

    def put(self, data: bytes | memoryview) -> str:
        """Keep or send the bytes and return their digest (`digest_of`). Called only once the whole value is known to
        be encodable; the same bytes may be put more than once. `data` is valid only during the call.
        """
        ...


class BlobSource(Protocol):
    """Gives the large leaves of a payload that is being decoded."""

    def open(self, digest: str, size: int) -> bytes | memoryview:
        """The bytes of that digest, `size` of them; they may be a map of a file. If they can be written to, an
        array made of them is their owner from then on: nobody else may see what it writes. The source has checked
        them against the digest. What it raises passes through `decode` unchanged.
        """
        ...


@dataclasses.dataclass(frozen=True, slots=True)
class BlobReference:
    """`digest` and `size` in bytes of a blob, and `what` it stands for: a list that begins with the leaf's kind."""

    digest: str
    size: int
    what: Sequence[Any]

    def pack(self) -> bytes:
        """The body of the extension value."""
        header = _encoder.encode(list(self.what))
        return BLOB_MAGIC + digest_raw(self.digest) + self.size.to_bytes(8, "big") + header

    def check(self) -> None:
        """Raises MalformedPayload if what it stands for is not known, or has another size."""
        kind, *rest = self.what
        if kind == "array":
            _, _, size = check_header(rest)
            if size != self.size:
                raise MalformedPayload(f"an array of {size} bytes has a blob of {self.size}")
        elif kind == "file":
            if len(rest) != 1 or not isinstance(rest[0], str):
                raise MalformedPayload("a file is malformed")
        elif kind not in ("bytes", "bytearray", "str") or rest:
            raise MalformedPayload(f"a blob stands for {kind!r:.40}, which is not known")

    @classmethod
    def unpack(cls, body: memoryview) -> BlobReference:
        """The reverse of `pack`; raises MalformedPayload."""
        if len(body) <= _HEADER or bytes(body[: len(BLOB_MAGIC)]) != BLOB_MAGIC:
            raise MalformedPayload("a blob reference is malformed")
        digest = digest_text(bytes(body[len(BLOB_MAGIC) : len(BLOB_MAGIC) + 32]))
        size = int.from_bytes(body[len(BLOB_MAGIC) + 32 : _HEADER], "big")
        what = _decoder.decode(body[_HEADER:])
        if not isinstance(what, list) or not what or not isinstance(what[0], str):
            raise MalformedPayload("a blob reference does not say what it stands for")
        return cls(digest, size, what)
