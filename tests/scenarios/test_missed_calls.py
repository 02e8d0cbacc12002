"""A shared function without a worker: its owner hears of it, in the list and by mail, until it is served again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.post_office import PostOffice, body, post_office
from tests.scenarios.world import World, wait_until

SOURCE = """
    import farcall

    @farcall.function
    def double(x: int) -> int:
        return 2 * x
"""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[PostOffice]:
    with post_office(tmp_path / "letters") as office:
        yield office


@pytest.fixture
def world(tmp_path: Path, office: PostOffice) -> Iterator[World]:
    made = World(
        tmp_path,
        FARCALL_HUB_SMTP_HOST="127.0.0.1",
        FARCALL_HUB_SMTP_PORT=str(office.port),
        FARCALL_HUB_SMTP_SECURITY="none",
        FARCALL_HUB_MAIL_FROM="Farcall <farcall@hub.org>",
        FARCALL_HUB_NO_WORKER_GRACE_SECONDS="0.2",
        FARCALL_HUB_RESUME_GRACE_SECONDS="1",
    )
    made.start_hub()
    made.account("alice")
    made.account("bob")
    made.write("functions.py", SOURCE)
    made.serve("worker", "functions.py")
    assert made.farcall("share", "alice/double", "bob", who="alice").returncode == 0
    yield made
    made.close()


def missed(world: World, who: str) -> tuple[int | None, str | None]:
    record = json.loads(world.farcall("show", "alice/double", "--json", who=who).stdout)
    return record["missed_calls"], record["missed_since"]


def test_the_owner_hears_of_missed_calls_until_a_worker_is_back(world: World, office: PostOffice) -> None:
    assert missed(world, "alice") == (0, None)
    world.processes["worker"].send_signal(signal.SIGTERM)
    world.processes["worker"].wait(10)
    for caller in ("alice", "bob", "bob"):  # what alice misses, she knows
        done = world.farcall("call", "alice/double", "x=2", who=caller)
        assert done.returncode == 1
        assert "No worker serves alice/double now." in done.stderr
    assert world.farcall("call", "alice/double", "x=4", "--queue", "--submit", who="bob").returncode == 0
    wait_until(lambda: missed(world, "alice")[0] == 3, what="three calls are missed")
    assert "no worker · 3 calls missed since" in world.farcall("list", who="alice").stdout
    assert "3 calls missed since" in world.farcall("show", "alice/double", who="alice").stdout
    assert missed(world, "bob") == (None, None)
    assert "missed" not in world.farcall("list", who="bob").stdout
    letter = office.letter()
    assert letter["To"] == "alice@example.org"
    assert letter["Subject"] == "Nobody serves alice/double"
    assert "found none since" in body(letter)
    world.kill_hub()
    world.start_hub()
    assert missed(world, "alice")[0] == 3
    world.serve("again", "functions.py")
    wait_until(lambda: missed(world, "alice") == (0, None), what="it is served again")
    assert "missed" not in world.farcall("list", who="alice").stdout
    assert len(office.letters()) == 1
