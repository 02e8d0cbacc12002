"""The guest's life: load, say what was found, then run what is given until the starter goes away."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import platform
import struct
import sys
from collections import deque
from pathlib import Path

from farcall.guest.board import Board
from farcall.guest.channel import Channel
from farcall.guest.coding import Coder
from farcall.guest.interrupts import Interrupts
from farcall.guest.loading import LoadError, load
from farcall.guest.messages import Leave, Loaded, Run, RunItem, Setup, Taken, ToGuest, Unloadable
from farcall.guest.output import Captured, LogHandler, Native, Output
from farcall.guest.running import Runner
from farcall.guest.streaming import Streaming

TOKEN = struct.Struct("=Q")


class Guest:
    """Everything that one guest process holds.

    `tokens` is a pipe in which one token lies for each attempt that was sent ahead of time and not started; whoever
    takes the token has the attempt, so that starter and guest never both have it. What is sent to a guest that has
    nothing to do is its own at once, and has no token. Without such a pipe (None) everything is its own.
    """

    def __init__(
        self, channel: Channel, board: Board, interrupts: Interrupts, tokens: int | None, native: Native | None
    ):
        self._channel = channel
        self._board = board
        self._interrupts = interrupts
        self._tokens = tokens
        self._native = native
        self._items: deque[RunItem] = deque()
        self._given = 0  # the latest one that needed no token
        self._leaving = False
        self._output = Output(channel)

    def serve(self) -> int:
        """Run until the starter is gone; returns the exit code."""
        setup = self._channel.receive()
        if not isinstance(setup, Setup):
            return 2
        self._capture()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)
        try:
            loaded = load(setup.targets, setup.secret, Path(setup.spool) / "rooms")
        except LoadError as error:
            self._end_of_output()
            self._channel.send(Unloadable(error.message, error.detail))
            return 1
        coder = Coder(setup.spool, setup.inline_limit_bytes, setup.blob_limit_bytes)
        streaming = Streaming(self._channel, coder, setup.stream_window, self._keep)
        runner = Runner(loaded.functions, coder, self._output, self._board, self._interrupts, streaming)
        gc.collect()
        gc.freeze()  # what loading made lives as long as this process: no collection needs to look at it
        described = [served.described for served in loaded.functions]
        self._end_of_output()
        self._channel.send(Loaded(described, loaded.files, platform.python_version()))
        while (item := self._next(streaming)) is not None:
            end = runner.run(item)
            self._end_of_output()
            self._channel.send(end)
        return 0

    def _capture(self) -> None:
        sys.stdout = Captured(self._output, "stdout", 1)
        sys.stderr = Captured(self._output, "stderr", 2)
        root = logging.getLogger()
        root.addHandler(LogHandler(self._output))
        root.setLevel(logging.INFO)

    def _forked(self) -> None:
        self._output.forked()
        self._channel.close()

    def _end_of_output(self) -> None:
        if self._native is not None:
            self._native.drain(self._output.add)
        self._output.end()

    def _next(self, streaming: Streaming) -> RunItem | None:
        """The next attempt that is this guest's to run; None when there will be no more."""
        items = self._items
        mine = 0  # whose token we hold
        while True:
            if items:
                if not mine and items[0].seq != self._given and not (mine := self._token()):
                    return None
                # Those in front of what we have the token of were taken back.
                while items and items[0].seq < mine:
                    items.popleft()
                if items:
                    return items.popleft()
            if self._leaving:
                return None
            message = self._channel.receive()
            if message is None:
                return None
            if type(message) is Taken:
                streaming.take(message)
            else:
                self._keep(message)

    def _token(self) -> int:
        """The attempt whose token is taken; waits for one. 0 if there will be no more."""
        if self._tokens is None:
            return self._items[0].seq
        token = os.read(self._tokens, TOKEN.size)
        return int(TOKEN.unpack(token)[0]) if len(token) == TOKEN.size else 0

    def _keep(self, message: ToGuest) -> None:
        if type(message) is Run:
            if message.given:
                self._given = message.items[0].seq
            self._items.extend(message.items)
        elif type(message) is Leave:
            self._leaving = True


def run_guest(channel: Channel, board: Board, interrupts: Interrupts, tokens: int | None, native: Native | None) -> int:
    """The guest's whole life; returns its exit code."""
    interrupts.install()
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        return Guest(channel, board, interrupts, tokens, native).serve()
    return 0
