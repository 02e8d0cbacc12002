"""What user code prints, logs and reports, captured per attempt and told in order, before the attempt's end.

`sys.stdout` and `sys.stderr` become `Captured`; a handler on the root logger takes log records. What goes to the
descriptors 1 and 2 directly (native code, child processes) arrives in pipes (`Native`), of which starter and guest both
hold the reading end: the guest empties them at the end of each attempt, the starter while one runs for long, so that no
native code ever blocks on a full pipe.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import select
import threading
import time
from collections.abc import Callable
from typing import Final

from farcall.guest.channel import Channel
from farcall.guest.messages import Piece, Printed, Reported

_FLUSH_CHARACTERS: Final = 16 * 1024
_PIECE_CHARACTERS: Final = 64 * 1024
_FLUSH_SECONDS: Final = 0.05
_PROGRESS_SECONDS: Final = 0.1
_STAGE_CHARACTERS: Final = 200
_READ_BYTES: Final = 64 * 1024


class Output:
    """Collects the output of the running attempt. Any thread may add to it."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.RLock()
        self._pieces: list[Piece] = []
        self._characters = 0
        self._flushed_at = 0.0
        self.seq = 0  # the attempt to which output belongs from now on; 0: none
        self._progress: Reported | None = None
        self._progress_told_at = 0.0
        self._wanted = threading.Event()
        self._flusher: threading.Thread | None = None
        self._forked = False

    def forked(self) -> None:
        """This is a child process of user code: it prints to the descriptors, since the channel is its parent's."""
        self._lock = threading.RLock()
        self._forked = True
        self._pieces = []
        self._progress = None

    def end(self) -> None:
        """All output so far is told; what follows belongs to nobody."""
        if self._pieces:
            self.flush()
        self._progress = None
        self.seq = 0

    def add(self, stream: str, text: str) -> None:
        """Take some text; it is told soon, at the latest with the attempt's end."""
        if self._forked:
            self._add_natively(stream, text)
            return
        for start in range(0, len(text), _PIECE_CHARACTERS):
            self._add(stream, text[start : start + _PIECE_CHARACTERS])

    def _add(self, stream: str, text: str) -> None:
        with self._lock:
            pieces = self._pieces
            if pieces and pieces[-1].stream == stream != "log" and len(pieces[-1].text) < _FLUSH_CHARACTERS:
                pieces[-1].text += text
            else:
                pieces.append(Piece(stream, time.time(), text))
            self._characters += len(text)
            # A line now and then is told at once: it may be the last one before a crash.
            line_after_a_pause = text[-1] == "\n" and time.monotonic() - self._flushed_at >= _FLUSH_SECONDS
            if line_after_a_pause or self._characters >= _FLUSH_CHARACTERS:
                self.flush()
                return
        self._flush_soon()

    def _add_natively(self, stream: str, text: str) -> None:
        """In whole lines, so that those of several children do not mix."""
        with self._lock:
            if self._pieces and self._pieces[-1].stream == stream:
                self._pieces[-1].text += text
            else:
                self._pieces.append(Piece(stream, 0.0, text))
            if "\n" in text:
                self.flush()

    def flush(self) -> None:
        """Tell what was collected."""
        with self._lock:
            if not self._pieces:
                return
            if self._forked:
                pieces, self._pieces = self._pieces, []
                for piece in pieces:
                    os.write(1 if piece.stream == "stdout" else 2, piece.text.encode("utf-8", "replace"))
                return
            message = Printed(self.seq, self._pieces)
            self._pieces = []
            self._characters = 0
            self._flushed_at = time.monotonic()
            self._channel.send(message)

    def report(self, fraction: float, stage: str) -> None:
        """Progress: told at once, or, if that was just done, a moment later, if nothing newer came."""
        if self._forked:
            return
        with self._lock:
            self._progress = Reported(self.seq, fraction, stage[:_STAGE_CHARACTERS])
            if time.monotonic() - self._progress_told_at >= _PROGRESS_SECONDS:
                self._tell_progress()
                return
        self._flush_soon()

    def _tell_progress(self) -> None:
        message, self._progress = self._progress, None
        if message is not None and message.seq == self.seq:
            self._progress_told_at = time.monotonic()
            self._channel.send(message)

    def _flush_soon(self) -> None:
        if self._wanted.is_set():
            return
        if self._flusher is None:
            self._flusher = threading.Thread(target=self._flush_again_and_again, name="farcall-output", daemon=True)
            self._flusher.start()
        self._wanted.set()

    def _flush_again_and_again(self) -> None:
        with contextlib.suppress(OSError):  # the starter is gone, and soon this process
            while self._wanted.wait():
                time.sleep(_FLUSH_SECONDS)
                self._wanted.clear()
                self.flush()
                with self._lock:
                    wait = self._progress_told_at + _PROGRESS_SECONDS - time.monotonic()
                    if self._progress is not None and wait > 0:
                        self._wanted.set()
                    else:
                        self._tell_progress()


class Captured(io.TextIOBase):
    """Takes the place of `sys.stdout` or `sys.stderr`."""

    def __init__(self, output: Output, stream: str, descriptor: int) -> None:
        super().__init__()
        self._output = output
        self._stream = stream
        self._descriptor = descriptor
        self.buffer = io.BufferedWriter(_Bytes(self))

    @property
    def encoding(self) -> str:  # type: ignore[override]  # typeshed has an attribute where io documents a property
        return "utf-8"

    @property
    def name(self) -> str:
        return f"<{self._stream}>"

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        self._output.add(self._stream, text)
        return len(text)

    def fileno(self) -> int:
        return self._descriptor

    def flush(self) -> None:
        self.buffer.flush()
        self._output.flush()


class _Bytes(io.RawIOBase):
    """The binary side of `Captured`."""

    def __init__(self, text: Captured) -> None:
        self._text = text

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        view = memoryview(data)  # type: ignore[arg-type]  # whatever has a buffer, as RawIOBase.write takes
        self._text.write(bytes(view).decode("utf-8", "replace"))
        return view.nbytes


class LogHandler(logging.Handler):
    """Sends the records of the root logger to `Output`."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._output.add("log", self.format(record) + "\n")
        except OSError:
            raise
        except Exception:  # noqa: BLE001  # a record that can't be formatted must not fail the function
            self.handleError(record)


class Native:
    """The reading ends of the pipes behind the descriptors 1 and 2; never blocks."""

    def __init__(self, stdout: int, stderr: int) -> None:
        self._streams = {stdout: "stdout", stderr: "stderr"}
        self._poll = select.poll()
        for descriptor in self._streams:
            os.set_blocking(descriptor, False)
            self._poll.register(descriptor, select.POLLIN)

    def drain(self, add: Callable[[str, str], None]) -> None:
        """Hand over what is in the pipes now."""
        while ready := self._poll.poll(0):
            for descriptor, _ in ready:
                with contextlib.suppress(BlockingIOError):  # the starter was faster
                    data = os.read(descriptor, _READ_BYTES)
                    if not data:
                        self._poll.unregister(descriptor)
                    add(self._streams[descriptor], data.decode("utf-8", "replace"))
