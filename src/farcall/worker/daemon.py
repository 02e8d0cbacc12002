"""Workers in the background of this machine: started, asked after, stopped; one of a name. POSIX only.

A daemon holds a lock on its file for as long as it lives, so a process id that was given to somebody else is never
taken for it. What it says goes to a log beside that file.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import platformdirs

from farcall.worker.options import Event, EventKind

LOG_LIMIT_BYTES = 16 * 1024 * 1024
_POLL_SECONDS = 0.05


class DaemonError(Exception):
    """It cannot be started or stopped; the message is one sentence that says why and what to do."""


class DaemonState(msgspec.Struct):
    """What a daemon's file says. `state` is starting, serving, away (from the hub), leaving, failed or ended."""

    name: str
    sources: list[str]
    hub: str
    log: str
    pid: int = 0
    started_at: float = 0.0
    state: str = "starting"
    functions: list[str] = []
    message: str = ""


_STATES = {
    EventKind.READY: "serving",
    EventKind.RELOADED: "serving",
    EventKind.DISCONNECTED: "away",
    EventKind.RECONNECTING: "away",
    EventKind.DRAINING: "leaving",
    EventKind.FAILED: "failed",
    EventKind.UNLOADABLE: "failed",  # at its start; later it goes on with what it has
}


def supported() -> bool:
    """Whether this system has what daemons take."""
    return sys.platform != "win32"


def directory() -> Path:
    """Where this user's daemons keep their files."""
    return platformdirs.user_state_path("farcall", appauthor=False) / "workers"


class Daemons:
    """The daemons whose files are in `place`."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def start(self, state: DaemonState, command: Sequence[str], patience_seconds: float = 30.0) -> DaemonState:
        """Run `command` detached, and wait until it serves. Raises DaemonError if one of that name runs, or it fails.

        A path is appended to `command`, for which that process makes a `Daemon`.
        """
        self._place.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(state.name)
        if self._alive(path):
            raise DaemonError(f"A daemon named {state.name} is running; stop it, or choose another --name.")
        state.log = str(path.with_suffix(".log"))
        _write(path, state)
        with _log(Path(state.log)) as log:
            process = subprocess.Popen(
                [*command, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            ended = process.poll() is not None
            seen = self._read(path) or state
            if seen.state == "serving" and not ended:
                return seen
            if ended:
                path.unlink(missing_ok=True)
                reason = seen.message or f"it ended with exit code {process.returncode}"
                raise DaemonError(f"The daemon {state.name} did not come up: {reason} Its log is {state.log}.")
            time.sleep(_POLL_SECONDS)
        return self._read(path) or state

    def list(self) -> list[DaemonState]:
        """All that there are, by name; the files of those that ended without a word say `ended`."""
        found = []
        for path in sorted(self._place.glob("*.json")):
            state = self._read(path)
            if state is None:
                continue
            if not self._alive(path):
                state.state = "ended"
            found.append(state)
        return found

    def stop(self, name: str, patience_seconds: float) -> bool:
        """Let it finish what runs, and end; False if it is still finishing. Raises DaemonError if there is none."""
        path = self._path(name)
        state = self._read(path)
        if state is None:
            known = ", ".join(each.name for each in self.list()) or "none"
            raise DaemonError(f"There is no daemon named {name}; there are: {known}.")
        deadline = time.monotonic() + patience_seconds
        if self._alive(path):
            with contextlib.suppress(ProcessLookupError):
                os.kill(state.pid, signal.SIGTERM)
        while self._alive(path):
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        path.unlink(missing_ok=True)
        return True

    def _path(self, name: str) -> Path:
        if not name or name.startswith(".") or os.sep in name:
            raise DaemonError(f"{name!r} cannot be the name of a daemon; it names a file.")
        return self._place / f"{name}.json"

    def _alive(self, path: Path) -> bool:
        try:
            descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, path: Path) -> DaemonState | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=DaemonState)
        except (OSError, msgspec.DecodeError):
            return None


class Daemon:
    """The daemon itself, in its process. Its file says what it does."""

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        if not _lock(self._descriptor):
            raise DaemonError(f"A daemon named {name} is running.")
        self._state = msgspec.json.decode(path.read_bytes(), type=DaemonState)
        self._state.pid, self._state.started_at = os.getpid(), time.time()
        _write(path, self._state)

    def telling(self, tell: Callable[[Event], None]) -> Callable[[Event], None]:
        """What `tell` says, and the file too."""

        def told(event: Event) -> None:
            tell(event)
            state = _STATES.get(event.kind)
            if event.kind is EventKind.UNLOADABLE and self._state.state != "starting":
                state = self._state.state
            if state is not None:
                self._state.state = state
                self._state.message = "" if state == "serving" else event.message
                if event.kind is EventKind.READY:
                    self._state.functions = list(event.names)
                with contextlib.suppress(OSError):
                    _write(self._path, self._state)

        return told


@contextlib.contextmanager
def _log(path: Path) -> Iterator[int]:
    """The log, to append to; one that has grown large makes room."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(path: Path, state: DaemonState) -> None:
    temporary = path.with_suffix(".new")
    temporary.write_bytes(msgspec.json.encode(state))
    temporary.replace(path)


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        return False

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
