"""`farcall up --public`: TLS with a certificate of the hub's own making, links that carry its fingerprint."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.world import World, wait_until

SOURCE = """
    import farcall
    import numpy as np

    @farcall.function
    def double(values: np.ndarray) -> np.ndarray:
        return values * 2
"""
CALLER = """
import numpy as np
double = farcall.get("{handle}/double")
print(double(np.ones(500_000)).sum(), sum(sum(part) for part in double.map([np.ones(3)] * 20)))
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


def up(world: World) -> str:
    """Start it, and keep its owner's token; returns the link that it prints."""
    (world.directory / "hub.log").unlink(missing_ok=True)
    world.start("hub", "up", "--public", "--host", "127.0.0.1", "--port", str(world.port), "--data", "hub")
    wait_until(lambda: "listening on" in world.log("hub"), what="farcall up --public")
    world.tokens["owner"] = (world.directory / "hub" / "admin-token").read_text().strip()
    found = re.search(r"others come in by this link: (\S+)", world.log("hub"))
    assert found is not None
    return found[1]


def call(world: World, handle: str) -> subprocess.CompletedProcess[str]:
    script = "import farcall\n" + CALLER.format(handle=handle)
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=world.directory,
        env=world.environment("owner"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_caller_and_worker_reach_it_by_its_link_and_a_changed_certificate_stops_them(world: World) -> None:
    world.url = link = up(world)
    assert link.startswith(f"https://127.0.0.1:{world.port}/#sha256=")
    me = json.loads(world.farcall("whoami", "--json").stdout)  # by the login that `up` has left
    world.write("doubling.py", SOURCE)
    world.start("worker", "serve", "doubling.py", "--slots", "1", who="owner")
    wait_until(lambda: "serving" in world.log("worker"), what="farcall serve")
    done = call(world, me["handle"])
    assert done.stdout == "1000000.0 120.0\n", done.stderr

    world.url = link.partition("/#")[0]
    assert world.farcall("list", who="owner").returncode == 0, "the login remembers the fingerprint by the hub's URL"

    for name in ("worker", "hub"):
        world.processes[name].terminate()
        world.processes[name].wait(20)
    shutil.rmtree(world.directory / "hub" / "tls")
    assert up(world) != link

    world.url = link
    refused = world.farcall("list", who="owner")
    assert refused.returncode == 1
    assert "not the one that was pinned" in refused.stderr
    assert "Nothing was sent" in refused.stderr
    done = call(world, me["handle"])
    assert "HubUnreachable" in done.stderr
    assert "not the one that was pinned" in done.stderr
    assert world.farcall("whoami").returncode == 0, "the new link was remembered by whoever runs the hub"


def test_its_operator_is_told_who_cannot_reach_it(world: World) -> None:
    up(world)
    assert "For others use a hub of your lab" in world.log("hub")
