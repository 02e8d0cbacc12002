"""A peer, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from farcall.client.client import Client
from tests.unit.client.peer import TOKEN, Peer

FLOAT = {"type": "number", "x-type": "float"}
INT = {"type": "integer", "x-type": "int"}


@pytest.fixture(autouse=True)
def nothing_of_this_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No login and no environment of whoever runs the tests."""
    for name in ("FARCALL_HUB", "FARCALL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def peer() -> Iterator[Peer]:
    peer = Peer()
    peer.serve("alice/physics/add", lambda a, b: a + b, {"a": FLOAT, "b": (FLOAT, 1.0)}, FLOAT, doc="The sum.")
    peer.serve("alice/echo", lambda x: x, {"x": {}})

    def fail(kind: str) -> None:
        raise {"ValueError": ValueError, "KeyError": KeyError, "StopIteration": StopIteration}[kind]("it is bad")

    peer.serve("alice/fail", fail, {"kind": {"type": "string", "x-type": "str"}})
    peer.serve("alice/count", lambda n: iter(range(n)), {"n": INT}, INT, stream=True)
    with peer.running():
        yield peer


@pytest.fixture
def client(peer: Peer) -> Iterator[Client]:
    with Client(peer.url, TOKEN) as client:
        yield client
