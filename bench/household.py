"""Farcall as its users run it: a hub, Alice's worker and Bob's permission, all by the command line."""

from __future__ import annotations

import os
import subprocess
import urllib.request
from contextlib import ExitStack
from pathlib import Path

from bench.peer import SLOTS
from bench.processes import ROOT, Processes, free_port, program


class Household:
    """A hub with the accounts `alice` and `bob`. Alice serves and shares; Bob calls. Everything is in `scratch`."""

    def __init__(self, scratch: Path, cleanup: ExitStack) -> None:
        self._scratch = scratch
        self._processes = Processes(scratch)
        cleanup.callback(self._processes.stop)
        self.data = scratch / "hub"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def open(self) -> None:
        """Start the hub and make the accounts."""
        command = [program("farcall"), "hub", "--data", str(self.data), "--port", str(self.port)]
        self.hub_pid = self._processes.start("hub", command)
        self._processes.wait_until(self._is_ready, "farcall hub")
        self.admin = (self.data / "admin-token").read_text().strip()
        self._alice = self._account("alice", self.admin)
        self.bob = self._account("bob", self.admin)

    def serve(self, file: str, function: str) -> int:
        """Let Alice serve `bench/<file>` on two slots and share `alice/<function>` with Bob. Returns the process id."""
        name = f"worker-{file}"
        command = [program("farcall"), "serve", f"bench/{file}", "--slots", str(SLOTS)]
        pid = self._processes.start(name, command, self._environment(self._alice))
        self._processes.wait_until(lambda: self._is_served(f"alice/{function}"), f"farcall serve {file}")
        self._farcall(self._alice, "share", f"alice/{function}", "bob")
        return pid

    def share_with_bob(self, path: str) -> None:
        """Let Bob see a namespace, whoever owns it: an administrator keeps order."""
        self._farcall(self.admin, "share", path, "bob", "--can", "view")

    def _account(self, handle: str, admin: str) -> str:
        command = ("account", "create", handle, f"{handle}@example.org", "--print-token")
        return self._farcall(admin, *command).split()[-1]

    def _is_ready(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/readyz", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def _is_served(self, name: str) -> bool:
        try:
            self._farcall(self._alice, "show", name)
        except RuntimeError:
            return False
        return True

    def _farcall(self, token: str, *arguments: str) -> str:
        command = [program("farcall"), *arguments]
        done = subprocess.run(command, cwd=ROOT, env=self._whole(token), capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise RuntimeError(f"farcall {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _whole(self, token: str) -> dict[str, str]:
        return {**os.environ, **self._environment(token)}

    def _environment(self, token: str) -> dict[str, str]:
        """Hub and token by the environment, which comes before any login file of whoever runs the benchmark."""
        return {"FARCALL_HUB": self.url, "FARCALL_TOKEN": token}
