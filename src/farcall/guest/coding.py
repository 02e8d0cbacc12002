"""Arguments from bytes and results to bytes, with their large parts in files that the starter fetches or sends."""

from __future__ import annotations

import mmap
import os
import shutil
import threading
from pathlib import Path
from typing import Any, Final

import msgspec

from farcall.guest.loading import Served
from farcall.guest.messages import RunItem
from farcall.payload.codes import Code
from farcall.payload.decode import decode
from farcall.payload.digests import digest_of
from farcall.payload.encode import encode
from farcall.payload.errors import WrongType

STREAM_ITEM_LIMIT_BYTES: Final = 4 * 1024 * 1024
_FILE_MARK: Final = bytes([Code.FILE])  # occurs in every payload that holds a file
_scalars: Final = msgspec.msgpack.Decoder(dict[str, int | float | str | bool | None])


class TooLarge(Exception):
    """A result, or a part of it, is over a limit; the message says which."""


class Files:
    """The blobs that an attempt's arguments name, mapped from where the starter put them."""

    def __init__(self, paths: dict[str, str]) -> None:
        self._paths = paths

    def open(self, digest: str, size: int) -> bytes | memoryview:
        """A private map: what is written to it stays in this process. The starter has verified it."""
        if size == 0:
            return b""
        with open(self._paths[digest], "rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))


class Spool:
    """Takes the large leaves of results; each becomes a file named by its digest, which the starter sends away."""

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self.digests: list[str] = []

    def put(self, data: bytes | memoryview) -> str:
        """Write the bytes unless they are there."""
        size = len(data)
        if size > self._limit_bytes:
            raise TooLarge(f"a part of the result takes {size} bytes; the limit is {self._limit_bytes}")
        temporary = self._directory / "unnamed.part"
        digest = _write(temporary, memoryview(data))
        if digest in self.digests:
            temporary.unlink()
        else:
            os.replace(temporary, self._directory / digest.rpartition(":")[2])
            self.digests.append(digest)
        return digest


def _write(path: Path, data: memoryview) -> str:
    """Returns the digest, which is made while the bytes are written."""
    made: list[str] = []
    hashing = threading.Thread(target=lambda: made.append(digest_of(data)))
    hashing.start()
    try:
        path.write_bytes(data)
    finally:
        hashing.join()
    return made[0]


class Coder:
    """Both directions, for the attempts of one guest."""

    def __init__(self, spool: str, inline_limit_bytes: int, blob_limit_bytes: int) -> None:
        self._spool = Path(spool)
        self._inline_limit_bytes = inline_limit_bytes
        self._sink = Spool(self._spool, blob_limit_bytes)

    def arguments(self, served: Served, item: RunItem) -> dict[str, Any]:
        """The bound arguments, of the types that the function's hints name; raises MalformedPayload."""
        if not item.blobs and (quick := _scalars_only(served, item.arguments)) is not None:
            return quick
        blobs = Files(item.blobs) if item.blobs else None
        bound = decode(
            item.arguments, type=served.arguments, blobs=blobs, files=self._directory(item.seq), where="args"
        )
        if type(bound) is not dict:
            raise WrongType("args", "arguments are a dict by parameter name")
        return bound

    def result(self, value: object, where: str = "result") -> tuple[bytes, list[str]]:
        """The payload and the digests it names; raises Unencodable or TooLarge."""
        spool = self._sink
        spool.digests = []  # of this one
        data = encode(value, where=where, blobs=spool)
        if len(data) > self._inline_limit_bytes:
            raise TooLarge(
                f"the {where} takes {len(data)} bytes beside its large parts; the limit is {self._inline_limit_bytes}"
            )
        return data, spool.digests

    def item(self, value: object, where: str) -> bytes:
        """The payload of one item of a stream, whole; raises Unencodable or TooLarge."""
        data = encode(value, where=where)
        if len(data) > STREAM_ITEM_LIMIT_BYTES:
            raise TooLarge(f"{where} takes {len(data)} bytes; the limit in a stream is {STREAM_ITEM_LIMIT_BYTES}")
        return data

    def forget(self, item: RunItem) -> None:
        """Remove the files that were made for this attempt's arguments."""
        if not item.blobs and _FILE_MARK not in item.arguments:
            return
        directory = self._directory(item.seq)
        if directory.exists():
            shutil.rmtree(directory, ignore_errors=True)

    def _directory(self, seq: int) -> Path:
        return self._spool / f"arguments-{seq}"


def _scalars_only(served: Served, arguments: bytes) -> dict[str, Any] | None:
    """The arguments, if each is a scalar of just the type that is hinted: nothing to convert, the usual case."""
    try:
        bound = _scalars.decode(arguments)
    except (msgspec.MsgspecError, ValueError):
        return None  # something else, or malformed: the long way knows
    scalars = served.scalars
    for name, value in bound.items():
        if type(value) is not scalars.get(name):
            return None
    return bound
