"""The people of a page: each has a directory, a shell and a Python, and keeps them from block to block."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from tests.docs.pages import ROOT

NOTEBOOK = Path(__file__).with_name("notebook.py")
_END = "\x01end"
_PATIENCE_SECONDS = 60.0
_SERVES = re.compile(r"(\w+=\S* )*farcall (up|hub|serve)\b")
_JOB_NOTICE = re.compile(r"^\S*: line \d+: .*(Killed|Terminated).*\n", re.MULTILINE)


class Person:
    """Somebody with a shell and a Python of their own."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.environment = environment
        self._shell: subprocess.Popen[str] | None = None
        self._lines: Queue[str] = Queue()
        self._notebook: subprocess.Popen[str] | None = None
        self._answers: Any = None
        self._servers: list[Path] = []

    # -- shell ---------------------------------------------------------------------------------------------------------

    def command(self, text: str) -> tuple[str, int]:
        """Type a command; what it prints, and its exit code."""
        if text.startswith("make "):  # the tests would call themselves: that the target is there must do
            text = f"make --directory {ROOT} --dry-run {text.removeprefix('make ')}"
        shell = self._open_shell()
        assert shell.stdin is not None
        shell.stdin.write(f"{{ {text}\n}} </dev/null\nprintf '\\n{_END}%s\\n' $?\n")
        shell.stdin.flush()
        printed: list[str] = []
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.1, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"$ {text}\ndid not end; so far:\n{''.join(printed)}") from None
            if line.startswith(_END):
                return _JOB_NOTICE.sub("", "".join(printed)), int(line.removeprefix(_END))
            printed.append(line)

    def serve(self, text: str, ready: Callable[[str], bool]) -> str:
        """Type a command that goes on, in the background; what it has printed when it is `ready`."""
        log = self.directory / f".server-{len(self._servers)}.log"
        self._servers.append(log)
        _, code = self.command(f"{text.removesuffix('&').rstrip()} >{log} 2>&1 &")
        assert code == 0
        process = int(self.command("echo $!")[0])
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not ready(log.read_text() if log.exists() else ""):
            if time.monotonic() > deadline or not _alive(process):
                raise AssertionError(f"$ {text}\nis not ready, or has ended; it says:\n{log.read_text()}")
            time.sleep(0.05)
        return log.read_text()

    def _open_shell(self) -> subprocess.Popen[str]:
        if self._shell is None:
            self._shell = subprocess.Popen(
                ["bash", "--noprofile", "--norc"],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            threading.Thread(target=self._read, args=(self._shell,), daemon=True).start()
        return self._shell

    def _read(self, shell: subprocess.Popen[str]) -> None:
        assert shell.stdout is not None
        for line in shell.stdout:
            self._lines.put(line)

    # -- python --------------------------------------------------------------------------------------------------------

    def python(self, code: str, *, doctest: bool = False) -> tuple[str, str]:
        """Type into Python; what it prints, and what went wrong (empty: nothing)."""
        if self._notebook is None:
            if self._shell is not None:  # Python is started from the shell, with what was exported there
                self.environment = dict(
                    entry.split("=", 1) for entry in self.command("env -0")[0].split("\0") if "=" in entry
                )
            read, write = os.pipe()
            self._notebook = subprocess.Popen(
                [sys.executable, str(NOTEBOOK), str(write)],
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.PIPE,
                text=True,
                pass_fds=[write],
            )
            os.close(write)
            self._answers = os.fdopen(read, encoding="utf-8")
        assert self._notebook.stdin is not None
        self._notebook.stdin.write(json.dumps({"code": code, "doctest": doctest}) + "\n")
        self._notebook.stdin.flush()
        waiting, _, _ = select.select([self._answers], [], [], _PATIENCE_SECONDS)
        if not waiting:
            self._notebook.kill()
            raise AssertionError(f"this did not end in {_PATIENCE_SECONDS:g} s:\n{code}")
        line = self._answers.readline()
        assert line, "Python ended"
        answer = json.loads(line)
        return answer["printed"], answer["failure"]

    def run_file(self, name: str) -> tuple[str, int]:
        """Run a file of this person's as it is, far from any hub."""
        alone = {key: value for key, value in self.environment.items() if not key.startswith("FARCALL_")}
        done = subprocess.run(
            [sys.executable, name],
            cwd=self.directory,
            env=alone,
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        return done.stdout + done.stderr, done.returncode

    def leave(self) -> None:
        """Close Python and the shell, with everything that was started there."""
        if self._notebook is not None:
            assert self._notebook.stdin is not None
            self._notebook.stdin.close()
            self._notebook.wait(10)
            self._answers.close()
        if self._shell is not None:
            assert self._shell.stdin is not None
            self._shell.stdin.write("kill $(jobs -p) 2>/dev/null; wait\n")
            self._shell.stdin.close()
            try:
                self._shell.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(self._shell.pid, 9)
                self._shell.wait(5)


def goes_on(command: str) -> bool:
    """Whether a command runs until it is stopped."""
    return _SERVES.match(command) is not None and "--help" not in command


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
