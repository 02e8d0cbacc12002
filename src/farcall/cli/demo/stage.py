"""Processes of the demo: started in a scratch directory, watched, and stopped whatever happens."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


from farcall.cli.output import say

FARCALL = (sys.executable, "-m", "farcall")
_RULE = 78


class SceneFailed(Exception):
    """Something was not as the story says; the message says what."""


def expect(holds: bool, otherwise: str) -> None:
    """The story's checks: raises SceneFailed."""
    if not holds:
        raise SceneFailed(otherwise)


@dataclass
class Stage:
    """A scratch directory, an address, and the processes that live there."""

    directory: Path
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    url: str = ""
    _scene: int = 0

    def scene(self, title: str) -> None:
        """A heading."""
        self._scene += 1
        say()
        say(f"{self._scene}. {title}", bold=True)

    def show(self, who: str, line: str) -> None:
        """The line that a reader would type."""
        python = line.startswith((">>>", "..."))
        say(f"   {who:>5} " if python else f"   {who:>5} $ ", fg="cyan", nl=False)
        say(line)

    def say(self, text: str) -> None:
        for line in text.rstrip().splitlines():
            say(f"         {line}".rstrip())

    def environment(self, who: str, **more: str) -> dict[str, str]:
        """This process's environment without its own Farcall settings, with those of `who`."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FARCALL_")}
        kept |= {"PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        home = self.directory / "homes" / (who or "nobody")  # logins of the story are not those of whoever looks on
        kept |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
        if who in self.tokens:
            kept |= {"FARCALL_HUB": self.url, "FARCALL_TOKEN": self.tokens[who]}
        return kept | more

    def start(
        self, name: str, who: str, *arguments: str, cwd: Path | None = None, **more: str
    ) -> subprocess.Popen[str]:
        """Start `farcall ARGUMENTS…` in the background; its output goes to NAME.log."""
        with (self.directory / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [*FARCALL, *arguments],
                cwd=cwd or self.directory,
                env=self.environment(who, **more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        self.processes[name] = process
        return process

    def farcall(self, who: str, *arguments: str, stdin: str = "") -> str:
        """Run `farcall ARGUMENTS…` and return what it prints; raises SceneFailed if it fails."""
        done = self._run(who, arguments, stdin)
        expect(done.returncode == 0, f"farcall {' '.join(arguments)} failed: {done.stderr or done.stdout}")
        return done.stdout

    def refused(self, who: str, *arguments: str) -> str:
        """Run `farcall ARGUMENTS…`, which is meant to fail, and return what it says then; raises SceneFailed if not."""
        done = self._run(who, arguments, "")
        expect(done.returncode != 0, f"farcall {' '.join(arguments)} was not refused: {done.stdout}")
        return done.stderr

    def _run(self, who: str, arguments: tuple[str, ...], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*FARCALL, *arguments],
            cwd=self.directory,
            env=self.environment(who),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def python(self, who: str, program: Path) -> subprocess.Popen[str]:
        """Run a program of `who`; its progress bar shows on this terminal, its result is JSON on stdout."""
        return subprocess.Popen(
            [sys.executable, str(program)],
            cwd=program.parent,
            env=self.environment(who),
            stdout=subprocess.PIPE,
            text=True,
        )

    def answer(self, process: subprocess.Popen[str], what: str) -> Any:
        """The JSON that a program of `python` printed."""
        try:
            output, _ = process.communicate(timeout=120)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise SceneFailed(f"{what} did not end within two minutes") from error
        expect(process.returncode == 0, f"{what} ended with exit code {process.returncode}")
        try:
            return json.loads(output)
        except ValueError as error:
            raise SceneFailed(f"{what} did not see what it should have seen; it printed {output!r:.200}") from error

    def get(self, who: str, path: str) -> Any:
        """A REST read, as JSON."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as response:
            return json.load(response)

    def wait_until(self, ready: Callable[[], bool], seconds: float, what: str, process: str = "") -> None:
        """Poll until `ready`; raises SceneFailed when time is up or the process has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if ready():
                    return
            except (urllib.error.URLError, OSError):
                pass
            held = self.processes.get(process)
            if held is not None and held.poll() is not None:
                raise SceneFailed(f"{what}: the process ended; its output:\n{self.output(process)}")
            time.sleep(0.02)
        raise SceneFailed(
            f"{what}: not within {seconds:g} s" + (f"; {process} says:\n{self.output(process)}" if process else "")
        )

    def output(self, name: str) -> str:
        """The end of a background process's output."""
        path = self.directory / f"{name}.log"
        return path.read_text()[-2000:] if path.exists() else ""

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> None:
        """Signal the process alone (SIGKILL to a worker: as when a machine loses power), and wait for its end."""
        process = self.processes[name]
        process.send_signal(how)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired as error:
            raise SceneFailed(f"{name} did not end on {how.name}") from error

    def close(self) -> None:
        """Stop everything that still runs, children included."""
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + 10
        for process in self.processes.values():
            try:
                process.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def table(rows: Mapping[str, object]) -> str:
    """Two aligned columns."""
    width = max(len(name) for name in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
