"""A small world for stories: hub, workers and people in processes of their own, on loopback, in a scratch directory."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

FARCALL = (sys.executable, "-m", "farcall")


def wait_until(ready: Callable[[], Any], seconds: float = 20.0, what: str = "the condition") -> Any:
    """Poll until `ready()` is truthy, and return that; fails the test when time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = ready()
        except (urllib.error.URLError, OSError):
            value = None
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds:g} s")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class World:
    """Everything that a story starts is stopped by `close`."""

    def __init__(self, directory: Path, **hub_settings: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.hub_settings = hub_settings
        self.tokens: dict[str, str] = {}
        self.processes: dict[str, subprocess.Popen[str]] = {}
        self._closing: list[Callable[[], None]] = []

    # -- processes -----------------------------------------------------------------------------------------------------

    def environment(self, who: str = "", url: str = "", **more: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FARCALL_")}
        kept |= {
            "PYTHONUNBUFFERED": "1",
            "HOME": str(self.directory),
            "XDG_CONFIG_HOME": str(self.directory / "config"),
        }
        if who:
            kept |= {"FARCALL_HUB": url or self.url, "FARCALL_TOKEN": self.tokens[who]}
        return kept | more

    def start(self, name: str, *arguments: str, who: str = "", url: str = "", **more: str) -> subprocess.Popen[str]:
        with (self.directory / f"{name}.log").open("a") as log:
            process = subprocess.Popen(
                [*FARCALL, *arguments],
                cwd=self.directory,
                env=self.environment(who, url, **more),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.processes[name] = process
        return process

    def log(self, name: str) -> str:
        path = self.directory / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def farcall(
        self, *arguments: str, who: str = "", stdin: str = "", timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end; its exit code is for the story to judge."""
        return subprocess.run(
            [*FARCALL, *arguments],
            cwd=self.directory,
            env=self.environment(who),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def close(self) -> None:
        for undo in reversed(self._closing):
            undo()
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
        deadline = time.monotonic() + 5
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)

    # -- hub and people ------------------------------------------------------------------------------------------------

    def start_hub(self) -> None:
        self.start("hub", "hub", "--data", "hub", "--port", str(self.port), **self.hub_settings)
        self._wait_for("hub", lambda: self.get("/readyz"), "the hub comes up")
        self.tokens["admin"] = (self.directory / "hub" / "admin-token").read_text().strip()

    def kill_hub(self) -> None:
        self.processes["hub"].kill()
        self.processes["hub"].wait(10)

    def account(self, handle: str) -> str:
        """Make an account; returns and keeps its token."""
        done = self.farcall("account", "create", handle, f"{handle}@example.org", "--print-token", who="admin")
        assert done.returncode == 0, done.stderr
        found = re.search(r"farcall_pat_\w+", done.stdout)
        assert found, done.stdout
        self.tokens[handle] = found.group()
        return self.tokens[handle]

    def get(self, path: str, who: str = "admin") -> Any:
        """A REST read as JSON."""
        headers = {"Authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self.url + path, headers=headers), timeout=10) as response:
            return json.load(response)

    # -- workers -------------------------------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.write_text(textwrap.dedent(text))
        return path

    def serve(
        self,
        name: str,
        source: str,
        *,
        who: str = "alice",
        slots: int = 1,
        url: str = "",
        options: tuple[str, ...] = (),
    ) -> None:
        """Start a worker called `name` and wait until the hub sees what it serves."""
        self.start(name, "serve", source, "--name", name, "--slots", str(slots), *options, who=who, url=url)
        self._wait_for(name, lambda: self.worker(name, who).get("functions"), f"{name} serves")

    def worker(self, name: str, who: str = "alice") -> dict[str, Any]:
        """The hub's record of a ready worker; empty if there is none."""
        for item in self.get("/v1/workers", who)["items"]:
            if item["name"] == name and item["state"] == "ready":
                return dict(item)
        return {}

    def _wait_for(self, process: str, ready: Callable[[], Any], what: str) -> None:
        def looked() -> Any:
            code = self.processes[process].poll()
            assert code is None, f"{what}: the process ended with {code}:\n{self.log(process)}"
            return ready()

        wait_until(looked, 30, f"{what}; its output:\n{self.log(process)}")

    def child_processes(self, name: str) -> list[int]:
        """Process ids of a worker's slots (Linux)."""
        parent = self.processes[name].pid
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        return [int(pid) for pid in text.split()]

    # -- a cable that can be cut ---------------------------------------------------------------------------------------

    def cable(self) -> Cable:
        """A TCP relay to the hub; `url` is its near end."""
        cable = Cable(self.port)
        self._closing.append(cable.close)
        return cable


class Cable:
    """A TCP relay that can be cut and mended. While cut, connections are closed and new ones refused."""

    def __init__(self, target_port: int) -> None:
        self._target = target_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._whole = threading.Event()
        self._whole.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._whole.clear()
        with self._lock:
            for end in self._open:
                _shut(end)
            self._open.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if not self._whole.is_set():
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._target), 5)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        _shut(source)
        _shut(sink)


def _shut(end: socket.socket) -> None:
    try:
        end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    end.close()
