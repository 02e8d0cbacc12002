"""What attempts say while they run: output, progress, items of streams. Output waits while there is no line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from farcall.guest.messages import Piece
from farcall.wire import frames
from farcall.worker.attempts import Attempt, StreamBuffer

ATTEMPT_LIMIT_CHARACTERS: Final = 8 * 1024 * 1024
_WAITING_LIMIT_CHARACTERS: Final = 4 * 1024 * 1024
_FRAME_BYTES: Final = 4 * 1024 * 1024
_CUT: Final = "… what this attempt printed after this was cut …\n"


class Reports:
    """`send` takes frames, and loses them while there is no line."""

    def __init__(self, send: Callable[[frames.Frame], None]) -> None:
        self._send = send
        self._waiting: list[frames.LogItem] = []
        self._waiting_characters = 0
        self.connected = False

    def printed(self, attempt: Attempt, pieces: list[Piece]) -> None:
        """Output, in order."""
        items: list[frames.LogItem] = []
        for piece in pieces:
            if attempt.log_characters > ATTEMPT_LIMIT_CHARACTERS:
                break
            attempt.log_characters += len(piece.text)
            cut = attempt.log_characters > ATTEMPT_LIMIT_CHARACTERS
            text = _CUT if cut else piece.text
            items.append(frames.LogItem(attempt.id, attempt.fence, attempt.log_seq, piece.at, piece.stream, text))
            attempt.log_seq += 1
        if not items:
            return
        if self.connected:
            self._send(frames.Logs(items))
            return
        for item in items:
            if self._waiting_characters < _WAITING_LIMIT_CHARACTERS:
                self._waiting.append(item)
                self._waiting_characters += len(item.text)

    def reported(self, attempt: Attempt, fraction: float, stage: str) -> None:
        """Progress; lossy."""
        self._send(frames.Progress([frames.ProgressItem(attempt.id, attempt.fence, fraction, stage)]))

    def yielded(self, attempt: Attempt, first: int, items: list[bytes]) -> None:
        """Items of a stream, kept until the caller has taken them."""
        if attempt.stream is None:
            attempt.stream = StreamBuffer()
        if attempt.stream.add(first, items):
            self._send(frames.Stream(attempt.id, attempt.fence, first, items))

    def again(self, attempt: Attempt) -> None:
        """Send all items that the caller has not taken."""
        stream = attempt.stream
        if stream is None:
            return
        batch: list[bytes] = []
        first, size = stream.taken, 0
        for item in stream.items:
            if batch and size + len(item) > _FRAME_BYTES:
                self._send(frames.Stream(attempt.id, attempt.fence, first, batch))
                first, batch, size = first + len(batch), [], 0
            batch.append(item)
            size += len(item)
        if batch:
            self._send(frames.Stream(attempt.id, attempt.fence, first, batch))

    def resume(self) -> None:
        """A new line is open."""
        self.connected = True
        waiting, self._waiting, self._waiting_characters = self._waiting, [], 0
        for start in range(0, len(waiting), 1000):
            self._send(frames.Logs(waiting[start : start + 1000]))

    def disconnected(self) -> None:
        self.connected = False
