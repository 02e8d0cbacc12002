"""Who reads a socket: its loop, or, while nothing but one answer is awaited, the thread that awaits it.

To wake the loop, which wakes the thread, takes longer than reading. So the loop *lends* its reading: it stops watching,
and a thread may take what comes next, if that is what it waits for. Everything else goes to the loop, byte for byte,
and with it the reading. The loop takes it back as soon as it has something to say, or nobody has read for a while.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

READ_SECONDS: Final = 0.02  # for whoever has to wait longer, the loop may as well read
LOOK_SECONDS: Final = 0.05
STALLED_LOOKS: Final = 20
_READ_BYTES: Final = 16 * 1024


def raised_by_handler(error: BaseException) -> bool:
    """Whether a signal's handler raised what was caught, and not the system's function itself: alarms are often told by
    TimeoutError, which a socket raises too.
    """
    return error.__traceback__ is not None and error.__traceback__.tb_next is not None


class _By(Enum):
    """Who may read now."""

    LOOP = auto()
    ANYBODY = auto()  # lent, and not taken
    THREAD = auto()  # lent, and taken
    NOBODY = auto()  # the connection has ended


class Lending:
    """Belongs to the loop, except `read` and `ask_back`. `feed` is given, in the loop, what a thread did not want.

    The socket is one of its own: `transport` may close the other at any time.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        transport: asyncio.Transport,
        own: socket.socket,
        feed: Callable[[bytes], None],
    ) -> None:
        own.settimeout(READ_SECONDS)
        self._loop = loop
        self._transport = transport
        self._socket = own
        self._feed = feed
        self._guard = threading.Lock()  # of what follows; held for a moment only
        self._by = _By.LOOP
        self._reader = 0  # the thread
        self._asked_back = False
        self._turns = 0
        self._turns_seen = 0
        self._idle_looks = 0
        self._looking = False

    def lend(self) -> None:
        """Stop reading. Everything that was read before has to be dealt with, to the last byte."""
        if self._by is not _By.LOOP or self._transport.is_closing():
            return
        self._transport.pause_reading()
        with self._guard:
            self._by = _By.ANYBODY
            self._turns += 1
        if not self._looking:
            self._look()

    def take_back(self) -> None:
        """Read again: at once, or as soon as the thread that reads lets go."""
        if self._by is _By.LOOP:
            return
        with self._guard:
            if self._by is _By.THREAD:
                self._asked_back = True
            if self._by is not _By.ANYBODY:
                return
            self._by = _By.LOOP
        self._resume(b"")

    def ask_back(self) -> None:
        """From any thread: let the loop read again."""
        if self._by is not _By.LOOP:
            self._soon(self.take_back)

    def read(self, wants: Callable[[bytes], bool]) -> bool:
        """From any thread: wait a moment for the next bytes; True if `wants` said so of them, and has dealt with them.

        If it is interrupted, nobody knows what was taken from the socket: then the connection is dropped.
        """
        try:
            with self._guard:
                mine = self._by is _By.ANYBODY
                if mine:
                    self._by, self._reader, self._asked_back = _By.THREAD, threading.get_ident(), False
                    self._turns += 1
            if not mine:
                self._drop_if_mine()  # this is a signal's handler, called in the middle of the reading
                return False
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError as error:  # it takes too long, or is broken: the loop finds out
                if raised_by_handler(error):
                    raise
                data = b""
            wanted = bool(data) and wants(data)
            self._let_go(b"" if wanted else data, wanted)
            return wanted
        except BaseException:
            self._drop_if_mine()
            raise

    def end(self) -> None:
        """The connection is lost."""
        with self._guard:
            taken = self._by is _By.THREAD
            self._by = _By.NOBODY
        if not taken:  # else whoever reads closes it: its number might be given to another
            self._socket.close()

    def _let_go(self, rest: bytes, wanted: bool) -> None:
        with self._guard:
            if wanted and not self._asked_back and self._by is _By.THREAD:
                self._by = _By.ANYBODY
                return
        self._soon(lambda: self._resume(rest))  # first: an interrupt behind it drops the connection, and loses nothing
        with self._guard:
            if self._by is _By.NOBODY:
                self._socket.close()
            else:
                self._by = _By.LOOP

    def _drop_if_mine(self) -> None:
        with self._guard:
            if self._by is not _By.THREAD or self._reader != threading.get_ident():
                return
            self._by = _By.LOOP  # which does not read either
        self._soon(self._transport.abort)

    def _resume(self, rest: bytes) -> None:
        if self._by is _By.NOBODY:
            return
        if not self._transport.is_closing():
            self._transport.resume_reading()
        if rest:
            self._feed(rest)

    def _look(self) -> None:
        """Nobody reads any more, or did so and vanished, which takes two interrupts."""
        with self._guard:
            by, idle = self._by, self._turns == self._turns_seen
            self._turns_seen = self._turns
        self._idle_looks = self._idle_looks + 1 if idle else 0
        self._looking = False
        if by is _By.ANYBODY and idle:
            self.take_back()
        elif by is _By.THREAD and self._idle_looks > STALLED_LOOKS:
            self._transport.abort()
        elif by is _By.ANYBODY or by is _By.THREAD:
            self._looking = True
            self._loop.call_later(LOOK_SECONDS, self._look)

    def _soon(self, what: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know
            self._loop.call_soon_threadsafe(what)
