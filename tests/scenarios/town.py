"""A world that lives as long as the test run: Alice serves, Bob calls. Each story adds workers of its own."""

from __future__ import annotations

import contextlib
import itertools
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import farcall
from tests.scenarios.world import World, wait_until

FINAL = ("succeeded", "failed", "cancelled", "expired")


class Town(World):
    """Bob may call everything that Alice serves below `alice/open`."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            directory,
            FARCALL_HUB_RESUME_GRACE_SECONDS="3",
            FARCALL_HUB_NO_WORKER_GRACE_SECONDS="0.5",
            FARCALL_HUB_LEASE_SECONDS="3",
            FARCALL_HUB_HEARTBEAT_SECONDS="0.5",
            FARCALL_HUB_LEASE_MARGIN_SECONDS="0.5",
            FARCALL_HUB_BLOB_LIMIT_BYTES=str(64 * 1024 * 1024),
        )
        self._counter = itertools.count(1)

    def open(self) -> None:
        """Start the hub and make the accounts."""
        self.start_hub()
        self.account("alice")
        self.account("bob")
        self.share("alice/open", "bob")

    def share(self, name: str, handle: str) -> None:
        """As Alice, let somebody call what is there or will be."""
        done = self.farcall("share", name, handle, who="alice")
        assert done.returncode == 0, done.stderr

    def client(self, who: str = "bob", url: str = "") -> farcall.Client:
        """A client of that person, with a connection of its own."""
        return farcall.connect(url or self.url, self.tokens[who])

    def fresh(self, stem: str) -> str:
        """A name that nobody has used."""
        return f"{stem}{next(self._counter)}"

    @contextlib.contextmanager
    def serving(
        self, source: str, *, slots: int = 1, name: str = "", url: str = "", options: tuple[str, ...] = ()
    ) -> Iterator[str]:
        """A worker of Alice's for this block; gives its name. Its functions say `namespace="open"` for Bob's sake."""
        name = name or self.fresh("worker")
        path = self.write(f"{name}.py", source)
        self.serve(name, str(path), slots=slots, url=url, options=options)
        try:
            yield name
        finally:
            self.stop(name)

    def stop(self, name: str) -> None:
        """Let a worker leave as it likes, and wait for it."""
        process = self.processes[name]
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)

    def python(
        self, program: str, *, who: str = "bob", executable: str = sys.executable, **more: str
    ) -> subprocess.Popen[str]:
        """A caller in a process of its own; `farcall` is imported already."""
        return subprocess.Popen(
            [executable, "-c", "import farcall\n" + textwrap.dedent(program)],
            cwd=self.directory,
            env=self.environment(who, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def record(self, identifier: str, who: str = "bob") -> dict[str, Any]:
        """The hub's record of an invocation."""
        return dict(self.get(f"/v1/invocations/{identifier}", who))

    def reaches(self, identifier: str, *states: str, who: str = "bob", seconds: float = 20.0) -> dict[str, Any]:
        """Wait until an invocation is in one of the states; its record."""

        def looked() -> dict[str, Any] | None:
            record = self.record(identifier, who)
            return record if record["status"] in states else None

        found: dict[str, Any] = wait_until(looked, seconds, f"{identifier} is {' or '.join(states)}")
        return found

    def lines(self, name: str) -> list[str]:
        """The lines of a file that functions write into."""
        path = self.directory / name
        return path.read_text().splitlines() if path.exists() else []
