"""Served Python: each slot is a guest process that has loaded the owner's files or modules."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import shutil
import signal
import struct
import sys
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from farcall.guest.board import Board
from farcall.guest.channel import ChannelBroken, FromGuestParser, pack
from farcall.guest.messages import (
    Failed,
    FromGuest,
    Leave,
    Loaded,
    Piece,
    Printed,
    Reported,
    Run,
    RunItem,
    Setup,
    Succeeded,
    Taken,
    ToGuest,
    Unloadable,
    Yielded,
)
from farcall.runtimes.deaths import explain_exit, oom_kills
from farcall.runtimes.ports import Death, SlotListener, Told
from farcall.runtimes.spawning import INHERITS, Spawned, spawn

READ_BYTES: Final = 64 * 1024  # more would be mapped and unmapped at each read
_TOKEN: Final = struct.Struct("=Q")
_TEXT_CHARACTERS: Final = 64 * 1024
_LAST_WORDS_CHARACTERS: Final = 4000
_STREAMS: Final = frozenset({"stdout", "stderr", "log"})


@dataclass(frozen=True, slots=True)
class PythonProcesses:
    """The runtime. `setup` holds what guests load; its spool is given to each slot below `directory`."""

    setup: Setup
    directory: Path
    inherits: bool = INHERITS  # see `farcall.runtimes.spawning`

    def slot(self, number: int, listener: SlotListener) -> PythonProcess:
        """A slot that has not been started; to be called in a running event loop."""
        return PythonProcess(number, self.setup, self.directory, listener, inherits=self.inherits)


class PythonProcess:
    """One guest process and our ends of what connects us. Implements `farcall.runtimes.ports.Slot`."""

    def __init__(
        self, number: int, setup: Setup, directory: Path, listener: SlotListener, *, inherits: bool = INHERITS
    ) -> None:
        self.number = number
        self.prefetches = inherits  # without a pipe of tokens nothing can be taken back
        self.directory = directory / f"slot-{number}-{time.monotonic_ns():x}"
        self.spool = self.directory / "spool"
        self._setup = setup
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = FromGuestParser()
        self._outstanding: deque[int] = deque()
        self._given = 0  # the latest one that went without a token: it was the guest's at once
        self._taken_back = 0  # the latest one that was taken back …
        self._ended_seq = 0  # … and that ended
        self._unsent = bytearray()
        self._spawned: Spawned | None = None
        self._board: Board | None = None
        self._loaded = False
        self._last_words = ""
        self._head_since = 0.0  # since when the first outstanding one can have been running
        self._oom_kills = 0
        self._alive = threading.Lock()  # held while the process id is certain to be ours
        self._reaped = False
        self._closing = False
        self._broken = ""  # how the guest broke the rules, if it did

    @property
    def outstanding(self) -> int:
        return len(self._outstanding)

    @property
    def takes_more(self) -> bool:
        return self._spawned is not None and not self._closing

    # -- starting and ending -------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.spool.mkdir(parents=True, mode=0o700)
        self._board = Board.create(self.directory / "board")
        self._oom_kills = oom_kills()
        # On Linux a guest dies with the thread that started it, so that is one that stays.
        spawned = spawn(self.directory) if self.prefetches else None
        if spawned is not None:
            self._begin(spawned)
        threading.Thread(target=self._wait, args=(spawned,), name=f"farcall-slot-{self.number}", daemon=True).start()

    def _begin(self, spawned: Spawned) -> None:
        self._spawned = spawned
        if self._closing:
            self.kill()
        self._loop.add_reader(spawned.channel.fileno(), self._read_once)
        self._write(_with_spool(self._setup, self.spool))

    def _wait(self, spawned: Spawned | None) -> None:
        """In a thread: see the process through to its end, after starting it if the loop could not wait for that."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker is ending
            if spawned is None:
                try:
                    spawned = spawn(self.directory, inherits=False)
                except OSError as error:
                    self._loop.call_soon_threadsafe(self._not_started, error)
                    return
                self._loop.call_soon_threadsafe(self._begin, spawned)
            self._wait_for_end(spawned)
            self._loop.call_soon_threadsafe(self._ended)

    def _not_started(self, error: OSError) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        message = f"No process could be started: {error}."
        self._listener.died(self, Death("process_died", message, [], [], False, ""))

    def _wait_for_end(self, spawned: Spawned) -> None:
        if hasattr(os, "waitid"):
            # Not reaped yet, so that its id stays its own until the loop has seen to it.
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PID, spawned.process.pid, os.WEXITED | os.WNOWAIT)
        else:
            spawned.process.wait()

    def _ended(self) -> None:
        spawned = self._spawned
        if spawned is None:
            return
        while self._read_once():
            pass
        unstarted = self._tokens()
        if self._given in self._outstanding and self._board is not None and self._board.started()[0] != self._given:
            unstarted.insert(0, self._given)
        started = set(self._outstanding).difference(unstarted)
        running = self.running()
        run_seconds = 0.0 if running is None else time.monotonic() - running[1]
        self._collect(final=True)
        with self._alive:
            if hasattr(os, "waitid"):  # its id is still its own
                self._signal_group(signal.SIGKILL)  # children it left behind
            return_code = spawned.process.wait()
            self._reaped = True
        code, message = explain_exit(return_code, self._oom_kills)
        if self._broken:
            code, message = "process_died", f"The function's process was stopped: {self._broken}."
        self._loop.remove_reader(spawned.channel.fileno())
        self._loop.remove_writer(spawned.channel.fileno())
        spawned.close()
        self._spawned = None
        self._outstanding.clear()
        if self._board is not None:
            self._board.close()
        shutil.rmtree(self.directory, ignore_errors=True)
        death = Death(code, message, sorted(started), unstarted, self._loaded, self._last_words, run_seconds)
        self._listener.died(self, death)

    def kill(self) -> None:
        self._closing = True
        self.kill_now()

    def kill_now(self) -> None:
        with self._alive:
            if self._spawned is not None and not self._reaped and self._spawned.process.returncode is None:
                self._signal_group(getattr(signal, "SIGKILL", signal.SIGTERM))

    def _signal_group(self, number: int) -> None:
        assert self._spawned is not None  # callers looked
        process = self._spawned.process
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, number)

    def close(self) -> None:
        self._closing = True
        spawned = self._spawned
        if spawned is None:
            return
        self._write(Leave())
        if spawned.tokens_write >= 0:
            os.close(spawned.tokens_write)
            spawned.tokens_write = -1

    # -- what the worker asks ------------------------------------------------------------------------------------------

    def send(self, items: list[RunItem]) -> None:
        spawned = self._spawned
        if spawned is None or self._closing:
            raise RuntimeError("this slot takes no more attempts")
        outstanding = self._outstanding
        given = False
        if not outstanding:
            self._head_since = time.monotonic()
            # A guest that still holds what was taken back from it waits for a token.
            given = self._taken_back <= self._ended_seq
            if given:
                self._given = items[0].seq
        self._write(Run(items, given))
        if given:
            outstanding.append(items[0].seq)
        if len(items) > given:
            later = [item.seq for item in items[given:]]
            outstanding.extend(later)
            if spawned.tokens_write >= 0:
                # After the items: whoever holds a token will find its item in the channel.
                os.write(spawned.tokens_write, b"".join([_TOKEN.pack(seq) for seq in later]))

    def take_back(self) -> list[int]:
        seqs = self._tokens()
        if seqs:
            self._taken_back = seqs[-1]
            back = set(seqs)
            self._outstanding = deque(seq for seq in self._outstanding if seq not in back)
        return seqs

    def _tokens(self) -> list[int]:
        seqs: list[int] = []
        if self._spawned is not None and self._spawned.tokens_read >= 0:
            with contextlib.suppress(BlockingIOError):
                while data := os.read(self._spawned.tokens_read, 4096):
                    seqs += [seq for (seq,) in _TOKEN.iter_unpack(data)]
        return seqs

    def running(self) -> tuple[int, float] | None:
        if not self._outstanding or self._board is None:
            return None
        head = self._outstanding[0]
        seq, at = self._board.started()
        if seq != head:
            return None
        # The guest may lie: nothing starts before it could, or in the future.
        return head, min(max(at, self._head_since), time.monotonic()) if math.isfinite(at) else self._head_since

    def taken(self, seq: int, count: int) -> None:
        if self._spawned is not None:
            self._write(Taken(seq, count))

    def interrupt(self, seq: int) -> bool:
        if sys.platform == "win32" or self._board is None:
            return False
        self._board.ask_to_stop(seq)
        with self._alive:
            if self._spawned is not None and not self._reaped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._spawned.process.pid, signal.SIGINT)
        return True

    def collect_output(self) -> None:
        self._collect(final=False)

    # -- what the guest says -------------------------------------------------------------------------------------------

    def _read_once(self) -> bool:
        """Whether there may be more to read at once."""
        if self._spawned is None:
            return False
        try:
            data = self._spawned.channel.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._loop.remove_reader(self._spawned.channel.fileno())
            self.kill()  # it has ended, or is of no more use
            return False
        told: list[Told] = []
        try:
            for message in self._parser.feed(data):
                checked = self._checked(message)
                if checked is not None:
                    told.append(checked)
        except ChannelBroken as error:
            self._broken = str(error)
            self._loop.remove_reader(self._spawned.channel.fileno())
            self.kill()
        if told:
            self._listener.told(self, told)
        return len(data) == READ_BYTES and not self._broken

    def _checked(self, message: FromGuest) -> Told | None:
        """The message, if it may come now; raises ChannelBroken."""
        kind = type(message)
        if kind is Succeeded or kind is Failed:
            outstanding = self._outstanding
            if not outstanding or outstanding[0] != message.seq:  # type: ignore[union-attr]  # narrowed by `kind`
                raise ChannelBroken("the guest ended an attempt that it was not running")
            if not 0 <= message.run_seconds < math.inf:  # type: ignore[union-attr]  # as above
                raise ChannelBroken("the guest gave an impossible duration")
            if not 0 <= message.cpu_seconds < math.inf:  # type: ignore[union-attr]  # as above
                raise ChannelBroken("the guest gave an impossible duration")
            self._ended_seq = outstanding.popleft()
            self._head_since = time.monotonic()
            return message if kind is Succeeded else _bounded(message)  # type: ignore[arg-type,return-value]  # as above
        if isinstance(message, Loaded):
            if self._loaded:
                raise ChannelBroken("the guest said twice that it has loaded")
            self._loaded = True
            self._last_words = ""
            self._listener.loaded(self, message)
            return None
        if isinstance(message, Unloadable):
            self._listener.unloadable(self, message)
            return None
        return self._checked_on_the_way(message)  # type: ignore[arg-type]  # the ends were seen to above

    def _checked_on_the_way(self, message: Printed | Reported | Yielded) -> Told:
        if isinstance(message, Printed):
            if any(piece.stream not in _STREAMS or len(piece.text) > _TEXT_CHARACTERS for piece in message.pieces):
                raise ChannelBroken("the guest printed to a stream that there is not, or too much at once")
            if message.seq == 0:
                return message
        elif isinstance(message, Reported) and not (0 <= message.fraction <= 1 and len(message.stage) <= 1000):
            raise ChannelBroken("the guest reported impossible progress")
        if not self._outstanding or self._outstanding[0] != message.seq:
            raise ChannelBroken("the guest spoke for an attempt that it was not running")
        return message

    def _collect(self, *, final: bool) -> None:
        spawned = self._spawned
        if spawned is None or spawned.stdout < 0:
            return
        head = self._outstanding[0] if self._outstanding else 0
        pieces: list[Piece] = []
        for stream, descriptor in (("stdout", spawned.stdout), ("stderr", spawned.stderr)):
            with contextlib.suppress(BlockingIOError):
                while data := os.read(descriptor, _TEXT_CHARACTERS):
                    pieces.append(Piece(stream, time.time(), data.decode("utf-8", "replace")))
        if not pieces:
            return
        if not self._loaded:
            text = self._last_words + "".join(piece.text for piece in pieces)
            self._last_words = text[-_LAST_WORDS_CHARACTERS:]
        running = self.running()
        if not final and (running is None or running[0] != head):
            # It ended while we read: what came may be of the one before or after, so nobody gets it.
            head = 0
        self._listener.told(self, [Printed(head, pieces)])

    # -- writing -------------------------------------------------------------------------------------------------------

    def _write(self, message: ToGuest) -> None:
        assert self._spawned is not None  # callers looked
        data = pack(message)
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._spawned.channel.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # it is dying; `died` follows
        if sent < len(data):
            self._unsent += memoryview(data)[sent:]
            self._loop.add_writer(self._spawned.channel.fileno(), self._writable)

    def _writable(self) -> None:
        if self._spawned is None:
            return
        try:
            sent = self._spawned.channel.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._unsent)
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self._spawned.channel.fileno())


def _with_spool(setup: Setup, spool: Path) -> Setup:
    """The setup of one guest."""
    return Setup(
        setup.targets, setup.secret, str(spool), setup.inline_limit_bytes, setup.blob_limit_bytes, setup.stream_window
    )


def _bounded(end: Failed) -> Failed:
    return Failed(
        end.seq,
        end.run_seconds,
        end.code[:100],
        end.message[:_TEXT_CHARACTERS],
        end.hint[:1000],
        end.remote_type[:1000],
        end.traceback[:_TEXT_CHARACTERS],
        end.cpu_seconds,
    )
