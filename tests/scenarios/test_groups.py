"""A group: two people serve one function together, until one of them is removed."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter

import pytest

import farcall
from tests.scenarios.world import World, wait_until

SOURCE = """
    import os
    import time
    import farcall

    @farcall.function(namespace="/lab/physics")
    def whose() -> str:
        \"\"\"Whose machine this is.\"\"\"
        return os.environ["WHOSE"]

    @farcall.function(namespace="/lab/physics", concurrency=1)
    def hold(seconds: float) -> str:
        time.sleep(seconds)
        return os.environ["WHOSE"]
"""


def as_person(world: World, who: str, *arguments: str) -> str:
    done = world.farcall(*arguments, who=who)
    assert done.returncode == 0, done.stderr
    return done.stdout


def serve(world: World, who: str) -> None:
    """A worker of this member, on a machine of its own as far as secrets go."""
    data = {"XDG_DATA_HOME": str(world.directory / f"data of {who}"), "WHOSE": who}
    world.start(f"w_{who}", "serve", "lab.py", "--name", f"w_{who}", "--slots", "1", who=who, **data)
    wait_until(lambda: world.worker(f"w_{who}", who).get("functions"), 30, f"{who} serves:\n{world.log(f'w_{who}')}")


@pytest.fixture
def lab(world: World) -> World:
    """Alice and Bob serve for their group; Carol may call."""
    world.account("carol")
    as_person(world, "alice", "groups", "create", "lab")
    as_person(world, "alice", "groups", "add", "lab", "bob")
    world.write("lab.py", SOURCE)
    serve(world, "alice")
    serve(world, "bob")
    as_person(world, "alice", "share", "lab/physics", "carol")
    return world


def test_two_members_serve_one_function_until_one_of_them_is_removed(lab: World) -> None:
    with farcall.connect(lab.url, lab.tokens["carol"]) as carol, farcall.connect(lab.url, lab.tokens["bob"]) as bob:
        whose = carol.get("lab/physics/whose")
        counts = Counter(whose() for _ in range(20))
        assert counts["alice"] == counts["bob"] == 10, f"they take turns: {counts}"
        [shown] = [each for each in carol.functions() if each["name"] == "lab/physics/whose"]
        assert (shown["owner"], shown["version"], shown["workers"]) == ("lab", 1, 2), "the same code is one version"

        assert bob.get("lab/physics/whose")() in ("alice", "bob")
        running = bob.get("lab/physics/hold").submit(2.0)
        waiting = bob.get("lab/physics/hold").submit(0.0)
        wait_until(lambda: bob.rest.get(f"/v1/invocations/{running.id}")["status"] == "running", what="one runs")
        as_person(lab, "alice", "groups", "remove", "lab", "bob")
        with pytest.raises(farcall.FarcallError) as caught:
            waiting.result(10)
        assert caught.value.code == "cancelled"
        assert "the permission to call lab/physics/hold was taken back" in str(caught.value)
        with pytest.raises(farcall.NotFound):
            bob.get("lab/physics/whose")
        assert running.result(20) in ("alice", "bob"), "what ran runs on"
        assert {whose() for _ in range(10)} == {"alice"}, "his worker is given nothing more"
        assert lab.worker("w_bob", "bob").get("functions") == []

    assert lab.farcall("groups", "delete", "lab", who="alice").returncode == 1, "there are functions"
    entries = json.loads(as_person(lab, "alice", "audit", "--path", "lab", "--json"))["items"]
    told = [(entry["who"], entry["what"], entry["path"], entry["target"]) for entry in reversed(entries)]
    assert told == [
        ("alice", "group.create", "lab", ""),
        ("alice", "group.add", "lab", "bob"),
        ("alice", "function.publish", "lab/physics/whose", ""),
        ("alice", "function.publish", "lab/physics/hold", ""),
        ("alice", "share.create", "lab/physics", "carol"),
        ("alice", "group.remove", "lab", "bob"),
    ]
    assert {entry["origin"] for entry in entries} == {"127.0.0.1"}
    rows = list(csv.DictReader(io.StringIO(as_person(lab, "alice", "audit", "--what", "group", "--csv"))))
    assert [row["what"] for row in rows] == ["group.remove", "group.add", "group.create"]
    assert "group.remove" in as_person(lab, "bob", "audit", "--what", "group"), "it is about him"
    assert "function.publish" not in as_person(lab, "bob", "audit", "--path", "lab")


def test_the_wrong_turns_around_groups_have_their_sentences(world: World) -> None:
    as_person(world, "alice", "groups", "create", "lab")

    def refused(who: str, *arguments: str) -> str:
        done = world.farcall(*arguments, who=who)
        assert done.returncode == 1, done.stdout
        return done.stderr

    assert "The handle lab is taken." in refused("bob", "groups", "create", "lab")
    assert "There is no group lab" in refused("bob", "groups", "show", "lab")
    assert "There is no group lab" in refused("bob", "groups", "leave", "lab")
    assert "There is no account nobody." in refused("alice", "groups", "add", "lab", "nobody")
    assert "alice is the only manager of lab." in refused("alice", "groups", "leave", "lab")
    as_person(world, "alice", "groups", "add", "lab", "bob")
    assert "This is for the managers of lab." in refused("bob", "groups", "add", "lab", "bob", "--manager")
    as_person(world, "bob", "groups", "leave", "lab")
    assert "no group" in world.farcall("groups", "list", who="bob").stderr
    with farcall.connect(world.url, world.tokens["alice"]) as alice:
        alice.groups.add("lab", "bob", "manager")
        alice.groups.leave("lab")
        assert list(alice.groups) == []
    as_person(world, "bob", "groups", "delete", "lab")
    as_person(world, "alice", "groups", "create", "lab")
