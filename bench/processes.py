"""Child processes of a benchmark: started, waited for, stopped."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.peer import Missing

ROOT = Path(__file__).resolve().parent.parent


def program(name: str) -> str:
    """Path of a program of this environment, else of PATH. Raises `Missing`."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise Missing(f"the program {name}")
    return found


def free_port() -> int:
    """A TCP port on loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Processes:
    """The processes that one peer started; `stop` ends them, last first. Their output goes to `scratch`."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._started: list[tuple[str, subprocess.Popen[bytes]]] = []

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> int:
        """Start `command` in the project's directory and return its process id."""
        with open(self._scratch / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                command, cwd=ROOT, env={**os.environ, **(environment or {})}, stdout=log, stderr=subprocess.STDOUT
            )
        self._started.append((name, process))
        return process.pid

    def wait_until(self, ready: Callable[[], bool], what: str, timeout_seconds: float = 30) -> None:
        """Wait until `ready()`. Raises `RuntimeError` with the end of the logs if a process ends or time is up."""
        give_up = time.monotonic() + timeout_seconds
        while not ready():
            ended = [name for name, process in self._started if process.poll() is not None]
            if ended or time.monotonic() > give_up:
                reason = f"{', '.join(ended)} ended" if ended else f"not ready after {timeout_seconds:g} s"
                raise RuntimeError(f"{what}: {reason}\n{self._tails()}")
            time.sleep(0.02)

    def wait_for_port(self, port: int, what: str) -> None:
        """Wait until somebody listens on `port`."""
        self.wait_until(lambda: _listens(port), what)

    def output(self, name: str) -> str:
        """What the process has printed so far."""
        return (self._scratch / f"{name}.log").read_text(errors="replace")

    def stop(self) -> None:
        for _, process in reversed(self._started):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        self._started.clear()

    def _tails(self) -> str:
        return "\n".join(f"--- {name}\n{self.output(name)[-2000:]}" for name, _ in self._started)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
