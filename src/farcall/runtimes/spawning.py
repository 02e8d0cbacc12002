"""Starting a guest process, with private descriptors to it: a channel, a pipe of tokens, pipes for native output.

Where descriptors can't be inherited (Windows) the guest dials a loopback port and shows a secret; there is no pipe of
tokens then, so attempts are sent one at a time, and native output is not captured.
"""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CONNECT_SECONDS = 30.0
_SECRET_BYTES = 32
_OUTPUT_PIPE_BYTES = 1024 * 1024


@dataclass(slots=True)
class Spawned:
    """A process and our ends. Descriptors are -1 where there are none; all of ours are non-blocking."""

    process: subprocess.Popen[bytes]
    channel: socket.socket
    tokens_write: int = -1
    tokens_read: int = -1
    stdout: int = -1
    stderr: int = -1

    def close(self) -> None:
        """Close our ends."""
        self.channel.close()
        for descriptor in (self.tokens_write, self.tokens_read, self.stdout, self.stderr):
            if descriptor >= 0:
                os.close(descriptor)
        self.tokens_write = self.tokens_read = self.stdout = self.stderr = -1


INHERITS: Final = sys.platform != "win32"
"""Whether a process can be given descriptors here."""


def spawn(directory: Path, *, inherits: bool = INHERITS) -> Spawned:
    """Start a guest whose board lies in `directory`; without `inherits` waits until it has dialled. Raises OSError."""
    command = [sys.executable, "-m", "farcall.guest", "--board", str(directory / "board")]
    return _spawn_with_descriptors(command, directory) if inherits else _spawn_over_loopback(command)


def _spawn_with_descriptors(command: list[str], directory: Path) -> Spawned:
    # Two openings of one FIFO, since ours must never block, theirs must, and the flag belongs to the opening.
    fifo = directory / "tokens"
    os.mkfifo(fifo, 0o600)
    theirs: list[int] = []
    ours: list[int] = []
    try:
        ours.append(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))
        ours.append(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
        theirs.append(os.open(fifo, os.O_RDONLY))
        for _ in range(2):
            reading, writing = os.pipe()
            os.set_blocking(reading, False)
            ours.append(reading)
            theirs.append(writing)
        parent, child = socket.socketpair()
        parent.setblocking(False)
        tokens_read, tokens_write, stdout, stderr = ours
        tokens, stdout_write, stderr_write = theirs
        _widen(stdout)
        _widen(stderr)
        command += ["--channel", str(child.fileno()), "--tokens", str(tokens), "--outputs", f"{stdout},{stderr}"]
        with child:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout_write,
                stderr=stderr_write,
                pass_fds=(child.fileno(), tokens, stdout, stderr),
                start_new_session=True,  # Ctrl-C is for the worker, and a kill reaches children too
            )
        return Spawned(process, parent, tokens_write, tokens_read, stdout, stderr)
    except BaseException:
        for descriptor in ours:
            os.close(descriptor)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
        fifo.unlink()


def _widen(descriptor: int) -> None:
    """Let native code write much before we have to read; only a comfort."""
    if sys.platform == "linux":
        import fcntl

        try:
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _OUTPUT_PIPE_BYTES)
        except OSError:  # the user's share of pipe memory is used up
            pass


def _spawn_over_loopback(command: list[str]) -> Spawned:
    secret = secrets.token_bytes(_SECRET_BYTES)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(_CONNECT_SECONDS)
        process = subprocess.Popen(
            [*command, "--port", str(server.getsockname()[1])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "FARCALL_GUEST_SECRET": secret.hex()},
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        while True:
            try:
                connection, _ = server.accept()
            except TimeoutError:
                process.kill()
                raise
            connection.settimeout(_CONNECT_SECONDS)
            if hmac.compare_digest(_read_exactly(connection, _SECRET_BYTES), secret):
                break
            connection.close()  # somebody else on this machine tried the port
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    return Spawned(process, connection)


def _read_exactly(connection: socket.socket, count: int) -> bytes:
    data = b""
    try:
        while len(data) < count:
            part = connection.recv(count - len(data))
            if not part:
                break
            data += part
    except OSError:
        pass
    return data
