"""Captured output in append-only files, each shared by the invocations of a stretch of time and a byte of their ids.

The file of an invocation follows from its id, so there is no index, and a handful of files takes the output of millions
of invocations. A record is found by a search for its head: two bytes that cannot occur in UTF-8 text, and the id. So a
record that a crash cut short costs itself, not what follows.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

import msgspec
import structlog

from farcall.domain.ids import INVOCATION_ID_BYTES, is_keyed
from farcall.hub.ports import LogLine

log = structlog.get_logger("farcall.stores.logs")

_MAGIC = b"\xf1L"  # 0xf1 begins four bytes in UTF-8, of which the second is never a letter
_LENGTH_BYTES = 4
_HEAD_BYTES = len(_MAGIC) + INVOCATION_ID_BYTES + _LENGTH_BYTES
_LINE_BYTES = 64  # what a line counts beyond its text
_SLOT_BITS = 20  # of milliseconds: a file covers about 17 minutes
_REMEMBERED = 65_536  # invocations whose size is kept in mind
_KEYED_SLOT = "keyed"
_RETRY_SECONDS = 5.0

T = TypeVar("T")
Record = tuple[int, int, float, str, str]
_encode = msgspec.msgpack.encode
_decode = msgspec.msgpack.Decoder(Record).decode


class SegmentLogFiles:
    """The LogFiles port on the directory `root`. One thread does all the reading and writing, in order.

    An invocation's output is cut beyond `cap_bytes` (counted from the start of this process), and everybody's when
    more than `queue_bytes` wait for the disk.
    """

    def __init__(self, root: Path, cap_bytes: int = 1 << 20, queue_bytes: int = 64 << 20) -> None:
        self._root = root
        self._cap_bytes = cap_bytes
        self._queue_bytes = queue_bytes
        self._appends: deque[tuple[bytes, Sequence[LogLine], int]] = deque()
        self._calls: deque[Callable[[], None]] = deque()
        self._waiting_bytes = 0
        self._wake = threading.Event()
        self._closing = False
        self._written: OrderedDict[bytes, int] = OrderedDict()
        self._failed_at = 0.0
        self._thread: threading.Thread | None = None

    # -- the hub's side ------------------------------------------------------------------------------------------------

    def append(self, identifier: bytes, lines: Sequence[LogLine]) -> None:
        """Queue; never blocks. Beyond a limit one line of the stream `cut` stands for what is missing.

        What is no id has no output: it came from a worker that makes things up.
        """
        if not lines or self._closing or len(identifier) != INVOCATION_ID_BYTES:
            return
        size = sum([len(line.text) + _LINE_BYTES for line in lines])
        if self._waiting_bytes + size > self._queue_bytes:
            lines, size = [cut_marker(lines[0], "the disk could not keep up")], _LINE_BYTES
        self._waiting_bytes += size
        self._appends.append((identifier, lines, size))
        self._start()
        self._wake.set()

    async def read(self, identifier: bytes, after: tuple[int, int] | None = None) -> list[LogLine]:
        """Lines after (fence, seq), in order; sees everything that was appended."""
        return await self._call(lambda: self._read(identifier, after))

    async def delete(self, identifier: bytes) -> None:
        """Idempotent."""
        if len(identifier) == INVOCATION_ID_BYTES:
            await self._call(lambda: self._drop(self._path(identifier), lambda owner, _: owner != identifier))

    async def delete_before(self, wall_seconds: float) -> int:
        """Retention: remove the output of invocations that were made before, to about 17 minutes; returns how many
        files went. Ids that were made of a key do not tell their age: there each line goes by its own time."""
        return await self._call(lambda: self._delete_before(wall_seconds))

    async def close(self) -> None:
        """Write what waits, then end the thread. Idempotent."""
        self._closing = True
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wake.set()
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    async def _call(self, work: Callable[[], T]) -> T:
        if self._closing:
            return await asyncio.get_running_loop().run_in_executor(None, work)
        answer: Future[T] = Future()

        def run() -> None:
            try:
                answer.set_result(work())
            except Exception as error:
                answer.set_exception(error)

        self._calls.append(run)
        self._start()
        self._wake.set()
        return await asyncio.wrap_future(answer)

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="farcall-logs", daemon=True)
            self._thread.start()

    # -- the thread ----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            closing = self._closing  # looked at before the queues: what was appended before is written
            calls = [self._calls.popleft() for _ in range(len(self._calls))]
            try:
                self._write_waiting()
            except Exception:
                log.exception("output of functions is lost")
            for call in calls:
                call()
            if closing and not self._appends and not self._calls:
                return

    def _write_waiting(self) -> None:
        by_file: dict[Path, bytearray] = {}
        while self._appends:
            identifier, lines, size = self._appends.popleft()
            self._waiting_bytes -= size
            buffer = by_file.setdefault(self._path(identifier), bytearray())
            for line in self._capped(identifier, lines):
                buffer += _record(identifier, line)
        for path, data in by_file.items():
            if data:
                self._append_to(path, data)

    def _capped(self, identifier: bytes, lines: Sequence[LogLine]) -> Iterator[LogLine]:
        written = self._written.pop(identifier, 0)
        for line in lines:
            if written > self._cap_bytes:
                break
            written += len(line.text) + _LINE_BYTES
            if written > self._cap_bytes:
                yield cut_marker(line, f"the output is larger than {self._cap_bytes} bytes")
            else:
                yield line
        self._written[identifier] = written
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    def _append_to(self, path: Path, data: bytearray) -> None:
        """Output that cannot be written is lost: waiting for room would hold up everybody's."""
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(path, "ab", buffering=0) as file:
                file.write(data)
        except OSError as error:
            if time.monotonic() - self._failed_at > _RETRY_SECONDS:
                log.error("output of functions is lost: it cannot be written", file=str(path), reason=str(error))
            self._failed_at = time.monotonic()

    def _path(self, identifier: bytes) -> Path:
        shard = f"{identifier[-1]:02x}.log"
        if is_keyed(identifier):
            return self._root / _KEYED_SLOT / shard
        return self._root / f"{int.from_bytes(identifier[:6], 'big') >> _SLOT_BITS:08x}" / shard

    def _read(self, identifier: bytes, after: tuple[int, int] | None) -> list[LogLine]:
        if len(identifier) != INVOCATION_ID_BYTES:
            return []
        try:
            data = self._path(identifier).read_bytes()
        except FileNotFoundError:
            return []
        found = {(line.fence, line.seq): line for line in _lines_of(data, identifier)}
        return [found[place] for place in sorted(found) if after is None or place > after]

    def _drop(self, path: Path, keep: Callable[[bytes, LogLine], bool]) -> None:
        """Write the file anew with the records that are to be kept."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        kept = b"".join([_record(owner, line) for owner, line in _all_records(data) if keep(owner, line)])
        if not kept:
            path.unlink()
            return
        beside = path.with_suffix(".new")
        beside.write_bytes(kept)
        os.replace(beside, path)

    def _delete_before(self, wall_seconds: float) -> int:
        if not self._root.is_dir():
            return 0
        oldest = int(wall_seconds * 1000) >> _SLOT_BITS
        gone = 0
        for slot in sorted(self._root.iterdir()):
            files = list(slot.iterdir())
            if slot.name == _KEYED_SLOT:
                for file in files:
                    self._drop(file, lambda _, line: line.at >= wall_seconds)
                    gone += not file.exists()
            elif int(slot.name, 16) < oldest:
                for file in files:
                    file.unlink()
                slot.rmdir()
                gone += len(files)
        return gone


def cut_marker(instead_of: LogLine, why: str) -> LogLine:
    """The line that says that from here on output is missing."""
    return LogLine(instead_of.fence, instead_of.seq, instead_of.at, "cut", why)


def _record(identifier: bytes, line: LogLine) -> bytes:
    try:
        body = _encode((line.fence, line.seq, line.at, line.stream, line.text))
    except UnicodeEncodeError:  # lone surrogates, which no file of text can hold
        text = line.text.encode("utf-8", "replace").decode("utf-8")
        body = _encode((line.fence, line.seq, line.at, line.stream, text))
    return _MAGIC + identifier + len(body).to_bytes(_LENGTH_BYTES, "big") + body


def _lines_of(data: bytes, identifier: bytes) -> Iterator[LogLine]:
    needle = _MAGIC + identifier
    place = data.find(needle)
    while place >= 0:
        found = _record_at(data, place)
        if found is not None:
            yield found[1]
        place = data.find(needle, place + len(needle))


def _all_records(data: bytes) -> Iterator[tuple[bytes, LogLine]]:
    place = data.find(_MAGIC)
    while place >= 0:
        found = _record_at(data, place)
        if found is not None:
            yield found
        place = data.find(_MAGIC, place + len(_MAGIC))


def _record_at(data: bytes, place: int) -> tuple[bytes, LogLine] | None:
    """None if it was cut short."""
    start = place + _HEAD_BYTES
    identifier = data[place + len(_MAGIC) : start - _LENGTH_BYTES]
    end = start + int.from_bytes(data[start - _LENGTH_BYTES : start], "big")
    if end > len(data):
        return None
    try:
        return identifier, LogLine(*_decode(data[start:end]))
    except (msgspec.MsgspecError, ValueError):
        return None
