"""Stopping user code softly: SIGINT becomes KeyboardInterrupt in it, and only in the attempt that was meant.

The starter names the attempt on the board before it sends the signal, so one that arrives late hits nobody else.
"""

from __future__ import annotations

import os
import selectors
import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING, Any

from farcall.guest.board import Board

if TYPE_CHECKING:
    import asyncio


class HeldBack:
    """A block without interrupts; one that comes meanwhile is raised at its end. For the main thread; others pass."""

    def __init__(self) -> None:
        self.depth = 0
        self.pending = False
        self._main = threading.get_ident()

    def __enter__(self) -> None:
        if threading.get_ident() == self._main:
            self.depth += 1

    def __exit__(self, *_: object) -> None:
        if threading.get_ident() == self._main:
            self.depth -= 1
            if self.pending and not self.depth:
                self.pending = False
                raise KeyboardInterrupt


class Interrupts:
    """Whether, where and when a signal interrupts. All of it happens in the main thread."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self.held_back = HeldBack()
        self.seq = 0  # the attempt whose code runs now; 0: none, nothing to interrupt
        self.struck = 0  # the attempt that was interrupted
        self.task: asyncio.Task[Any] | None = None  # set while an event loop runs the attempt
        self._loop_files: tuple[str, ...] = ()

    def install(self) -> None:
        """Take over SIGINT; to be called in the main thread."""
        signal.signal(signal.SIGINT, self._signalled)

    def begin(self, seq: int) -> None:
        """The code of `seq` runs from now on; raises KeyboardInterrupt if it was to be stopped before it began."""
        self.seq = seq
        if self._board.to_stop() == seq:
            self.struck = seq
            raise KeyboardInterrupt

    def loop_runs(self, task: asyncio.Task[Any] | None, directory: str = "") -> None:
        """An event loop, whose code lies in `directory`, runs the attempt as `task`; None: it does not any more."""
        self._loop_files = (directory + os.sep, selectors.__file__)
        self.task = task

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if not self.seq or self._board.to_stop() != self.seq:
            return
        self.struck = self.seq
        if self.held_back.depth:
            self.held_back.pending = True
        elif self.task is not None and frame is not None and frame.f_code.co_filename.startswith(self._loop_files):
            # The loop waits: cancelling the task lets its `finally` blocks run.
            self.task.get_loop().call_soon_threadsafe(self.task.cancel)
        else:
            raise KeyboardInterrupt
