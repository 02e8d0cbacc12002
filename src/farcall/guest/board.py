"""A few numbers in memory that guest and starter share, so that either can look while the other is busy.

The guest writes which attempt it starts, and when, before it starts it; the starter writes which attempt shall stop.
Each cell has one writer. The starter takes nothing here on trust: it says how long something ran, not what is so.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final

BOARD_BYTES: Final = 4096
_STARTED: Final = struct.Struct("=Qd")
_INTERRUPT: Final = struct.Struct("=Q")
_INTERRUPT_OFFSET: Final = 64


class Board:
    """The shared cells, in a file of the starter's that both map."""

    def __init__(self, path: Path) -> None:
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), BOARD_BYTES)

    @classmethod
    def create(cls, path: Path) -> Board:
        """A new board, all zero."""
        path.write_bytes(bytes(BOARD_BYTES))
        return cls(path)

    def start(self, seq: int, monotonic_seconds: float) -> None:
        """The guest is about to start `seq`."""
        _STARTED.pack_into(self._memory, 0, seq, monotonic_seconds)

    def started(self) -> tuple[int, float]:
        """The latest start: `seq` (0: none yet) and monotonic time."""
        return _STARTED.unpack_from(self._memory, 0)

    def ask_to_stop(self, seq: int) -> None:
        """`seq`, and no other, shall be interrupted."""
        _INTERRUPT.pack_into(self._memory, _INTERRUPT_OFFSET, seq)

    def to_stop(self) -> int:
        """The attempt that shall stop; 0 if none."""
        seq: int = _INTERRUPT.unpack_from(self._memory, _INTERRUPT_OFFSET)[0]
        return seq

    def close(self) -> None:
        self._memory.close()
