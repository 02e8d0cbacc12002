"""A mail server as its own process, on loopback: one that works, and ones that misbehave.

    python -m tests.post_office DIRECTORY [BEHAVIOUR]

prints its port and then answers until its standard input ends. Letters are files in DIRECTORY, in the order in which
they came.
"""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import itertools
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = "hub", "correct horse battery"


class Letters:
    """A handler of aiosmtpd: keeps what comes, or refuses it as its behaviour says."""

    def __init__(self, directory: Path, behaviour: str) -> None:
        self._directory = directory
        self._behaviour = behaviour
        self._numbers = itertools.count()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self._behaviour == "refuses-recipients":
            return "550 5.1.1 No such user here"
        if self._behaviour == "greylists" and not any(self._directory.glob("seen")):
            (self._directory / "seen").touch()
            return "451 4.7.1 Come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self._behaviour == "refuses-data":
            return "554 5.7.1 This looks like an advertisement"
        number = next(self._numbers)
        draft = self._directory / f"{number:04}.draft"
        draft.write_bytes(envelope.content)
        (self._directory / f"{number:04}.to").write_text("\n".join(envelope.rcpt_tos))
        draft.rename(self._directory / f"{number:04}.eml")
        return "250 Taken"


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


async def live(directory: Path, behaviour: str) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    loop = asyncio.get_running_loop()
    if behaviour == "hangs":
        server = await asyncio.start_server(hang, "127.0.0.1", 0)
    else:
        letters = Letters(directory, behaviour)
        asks = behaviour == "asks-for-login"
        server = await loop.create_server(
            lambda: SMTP(
                letters,
                enable_SMTPUTF8=behaviour != "ascii-only",
                authenticator=authenticate,
                auth_required=asks,
                auth_require_tls=False,
            ),
            "127.0.0.1",
            0,
        )
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@dataclass(frozen=True)
class PostOffice:
    """A running mail server, and what it has taken."""

    port: int
    directory: Path

    def letters(self) -> list[EmailMessage]:
        """What came so far."""
        found = sorted(self.directory.glob("*.eml"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in found]

    def recipients(self) -> list[str]:
        """The envelopes' addresses, letter by letter."""
        return [file.read_text() for file in sorted(self.directory.glob("*.to"))]

    def letter(self, number: int = 0, patience_seconds: float = 20.0) -> EmailMessage:
        """The letter of that number, waiting for it."""
        deadline = time.monotonic() + patience_seconds
        while len(found := self.letters()) <= number:
            assert time.monotonic() < deadline, f"letter {number} did not come"
            time.sleep(0.05)
        return found[number]


@contextlib.contextmanager
def post_office(directory: Path, behaviour: str = "works") -> Iterator[PostOffice]:
    """A mail server until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-W", "ignore", "-m", "tests.post_office", str(directory), behaviour]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield PostOffice(int(process.stdout.readline()), directory)
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


def body(letter: EmailMessage, kind: str = "plain") -> str:
    """The text of a letter, or its HTML."""
    part = letter.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "works"))
