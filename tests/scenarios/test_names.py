"""What functions are called: links, renaming, versions side by side, aliases, deprecation, deletion, search."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import time
import urllib.request
from datetime import datetime
from typing import Any

import pytest

import farcall
from tests.scenarios.world import World, wait_until

FALL = """
    import farcall
    from typing import Annotated

    @farcall.function(namespace="physics")
    def free_fall(time: Annotated[float, farcall.Unit("s")]) -> Annotated[float, farcall.Unit("m/s")]:
        \"\"\"Velocity of a falling body.\"\"\"
        return {gravity} * time
"""
CHANGED = """
    import farcall

    @farcall.function(namespace="physics")
    def free_fall(time: float, gravity: float = 9.81) -> float:
        return gravity * time
"""


def ran(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr


def listed(world: World, who: str, *options: str) -> list[str]:
    return [item["name"] for item in json.loads(ran(world.farcall("list", *options, "--json", who=who)))["items"]]


def python(world: World, who: str, script: str) -> subprocess.CompletedProcess[str]:
    """A program of somebody who imports functions."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=world.environment(who),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def post(world: World, who: str, path: str, body: Any) -> tuple[Any, Any]:
    headers = {"Authorization": f"Bearer {world.tokens[who]}", "Content-Type": "application/json"}
    request = urllib.request.Request(world.url + path, json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as response:
        return json.load(response), response.headers


@pytest.fixture
def served(world: World) -> World:
    world.write("fall.py", FALL.format(gravity=10))
    world.serve("fall", "fall.py")
    return world


def test_a_link_in_a_shared_namespace_lets_others_call_the_one_function_behind_it(served: World) -> None:
    world = served
    ran(world.farcall("namespace", "create", "alice/shared", who="alice"))
    ran(world.farcall("share", "alice/shared", "bob", who="alice"))
    assert listed(world, "bob") == []
    ran(world.farcall("namespace", "add", "alice/shared", "alice/physics/free_fall", who="alice"))
    assert listed(world, "bob") == ["alice/shared/free_fall"]
    done = python(world, "bob", "from farcall.catalog.alice.shared import free_fall; print(free_fall(2.0))")
    assert ran(done) == "20.0\n"
    assert ran(world.farcall("call", "alice/shared/free_fall", "time=3", who="bob")).strip() == "30.0"
    answer, _ = post(world, "bob", "/v1/functions/alice/shared/free_fall/invocations", {"args": {"time": 4}})
    assert answer["result"] == 40.0
    records = world.get("/v1/invocations", "bob")["items"]
    assert [record["function"] for record in records] == ["alice/physics/free_fall"] * 3
    # Bob points to it from a namespace of his own, which he shares: that gives nobody what he was given.
    world.account("carol")
    ran(world.farcall("namespace", "add", "bob/tools", "alice/shared/free_fall", "--as", "fall", who="bob"))
    ran(world.farcall("share", "bob/tools", "carol", who="bob"))
    assert ran(world.farcall("call", "bob/tools/fall", "time=1", who="bob")).strip() == "10.0"
    assert "There is no bob/tools/fall" in refused(world.farcall("call", "bob/tools/fall", "time=1", who="carol"))
    assert listed(world, "carol") == []
    # Taken out of the namespace it is gone, on the open connection too.
    with farcall.Client(world.url, world.tokens["bob"]) as client:
        fall = client.get("alice/shared/free_fall")
        assert fall(1.0) == 10.0
        ran(world.farcall("namespace", "remove", "alice/shared", "free_fall", who="alice"))
        with pytest.raises(farcall.NotFound):
            fall(1.0)
    assert "not" in refused(world.farcall("call", "alice/shared/free_fall", "time=1", who="bob"))
    assert ran(world.farcall("call", "alice/physics/free_fall", "time=1", who="alice")).strip() == "10.0"


def test_what_is_renamed_goes_on_under_its_new_name_and_is_gone_under_the_old(served: World) -> None:
    world = served
    ran(world.farcall("share", "alice/physics", "bob", who="alice"))
    ran(world.farcall("alias", "set", "alice/physics/free_fall", "prod", "1", who="alice"))
    with farcall.Client(world.url, world.tokens["bob"]) as client:
        old = client.get("alice/physics/free_fall")
        assert old(1.0) == 10.0
        ran(world.farcall("namespace", "rename", "alice/physics", "alice/lab/mechanics", who="alice"))
        with pytest.raises(farcall.NotFound):
            old(1.0)
        assert client.get("alice/lab/mechanics/free_fall@prod")(2.0) == 20.0
    assert "There is no alice/physics/free_fall" in refused(world.farcall("show", "alice/physics/free_fall", who="bob"))
    [record, *_] = world.get("/v1/invocations", "bob")["items"]
    assert record["function"] == "alice/lab/mechanics/free_fall"
    assert listed(world, "bob", "--namespace", "alice/lab") == ["alice/lab/mechanics/free_fall"]
    spaces = json.loads(ran(world.farcall("namespace", "list", "--json", who="alice")))["items"]
    assert [space["path"] for space in spaces] == ["alice", "alice/lab", "alice/lab/mechanics"]
    taken = refused(world.farcall("namespace", "rename", "alice/lab", "alice/lab/mechanics/free_fall", who="alice"))
    assert "taken, or lies below" in taken


def test_workers_that_come_back_serve_what_was_renamed_under_its_new_name(served: World) -> None:
    world, name = served, "alice/mechanics/free_fall"
    ran(world.farcall("share", "alice/physics", "bob", who="alice"))
    ran(world.farcall("namespace", "rename", "alice/physics", "alice/mechanics", who="alice"))
    world.kill_hub()
    world.start_hub()  # the worker connects anew, with the name in its file
    wait_until(lambda: world.worker("fall").get("functions") == [name], what="fall serves again")
    assert f"alice/physics/free_fall was renamed to {name}, and is served as that." in world.log("fall")
    world.serve("other", "fall.py")  # and so does one that starts
    assert f"alice/physics/free_fall was renamed to {name}, and is served as that." in world.log("other")
    assert listed(world, "bob") == [name]
    assert ran(world.farcall("call", name, "time=2", who="bob")).strip() == "20.0"
    versions = json.loads(ran(world.farcall("versions", name, "--json", who="alice")))["items"]
    assert len(versions) == 1


def test_other_code_under_a_name_that_was_renamed_is_refused_until_the_name_is_free(served: World) -> None:
    world = served
    ran(world.farcall("namespace", "rename", "alice/physics", "alice/mechanics", who="alice"))
    world.write("faster.py", FALL.format(gravity=20))
    told = refused(world.farcall("serve", "faster.py", "--name", "faster", who="alice"))
    assert "alice/physics was renamed to alice/mechanics, and this is no version of" in told
    assert "farcall namespace create alice/physics" in told
    ran(world.farcall("namespace", "create", "alice/physics", who="alice"))
    world.serve("faster", "faster.py")
    assert listed(world, "alice") == ["alice/mechanics/free_fall", "alice/physics/free_fall"]


def test_the_old_name_of_a_function_is_given_up_by_deleting_it(served: World) -> None:
    world = served
    ran(world.farcall("namespace", "rename", "alice/physics/free_fall", "alice/physics/old_fall", who="alice"))
    world.write("faster.py", FALL.format(gravity=20))
    told = refused(world.farcall("serve", "faster.py", "--name", "faster", who="alice"))
    assert "farcall delete alice/physics/free_fall" in told
    ran(world.farcall("delete", "alice/physics/free_fall", "--yes", who="alice"))
    world.serve("faster", "faster.py")
    assert listed(world, "alice") == ["alice/physics/free_fall", "alice/physics/old_fall"]


def test_an_old_and_a_new_version_are_served_side_by_side_and_an_alias_chooses(served: World) -> None:
    world = served
    ran(world.farcall("share", "alice/physics", "bob", who="alice"))
    name = "alice/physics/free_fall"
    with farcall.Client(world.url, world.tokens["bob"]) as client:
        imported = client.get(name)
        world.write("faster.py", FALL.format(gravity=20))
        world.serve("faster", "faster.py")
        assert (client.get(f"{name}@1")(1.0), client.get(f"{name}@2")(1.0), imported(1.0)) == (10.0, 20.0, 20.0)
        ran(world.farcall("alias", "set", name, "prod", "1", who="alice"))
        chosen = client.get(f"{name}@prod")
        assert chosen(1.0) == 10.0
        ran(world.farcall("alias", "set", name, "prod", "2", who="alice"))
        assert chosen(1.0) == 20.0  # decided when the call is accepted
        assert "version 1 again" in ran(world.farcall("alias", "rollback", name, "prod", who="alice"))
        assert chosen(1.0) == 10.0
        assert "no other version before" in refused(world.farcall("alias", "rollback", name, "prod", who="alice"))
        digest = json.loads(ran(world.farcall("versions", name, "--json", who="bob")))["items"][0]["digest"]
        assert client.get(f"{name}@{digest[:12]}")(1.0) == 20.0
        answer, _ = post(world, "bob", f"/v1/functions/{name}@prod/invocations", {"args": [1.0]})
        assert answer["result"] == 10.0
        # Another interface is told to whoever imported the one before; who names a version is not concerned.
        world.write("general.py", CHANGED)
        world.serve("general", "general.py")
        with pytest.raises(farcall.SignatureChanged):
            imported(1.0)
        assert client.get(f"{name}@2")(1.0) == 20.0
        assert client.get(name)(1.0, gravity=5.0) == 5.0
    assert "has no alias staging" in refused(world.farcall("show", f"{name}@staging", who="bob"))
    assert "moves by itself" in refused(world.farcall("alias", "set", name, "latest", "1", who="alice"))
    assert "not manage it" in refused(world.farcall("alias", "set", name, "mine", "1", who="bob"))


def test_callers_of_a_deprecated_version_are_told_once_at_each_line_what_to_use_instead(
    served: World,
) -> None:
    world = served
    name = "alice/physics/free_fall"
    ran(world.farcall("deprecate", f"{name}@1", "use alice/physics/fall", who="alice"))
    world.write("helper.py", f'import farcall\n\nfall = farcall.get("{name}")\n')
    script = world.write(
        "uses.py",
        f"""\
        import farcall
        import farcall.catalog
        import helper
        from farcall.catalog.alice.physics import free_fall
        for _ in range(2):
            assert farcall.get("{name}")(1.0) == 10.0
        farcall.catalog.alice.physics.free_fall(1.0)
        """,
    )
    done = subprocess.run(
        [sys.executable, str(script)], env=world.environment("alice"), capture_output=True, text=True, check=False
    )
    ran(done)
    told = [line.partition(": DeprecatedFunction: ") for line in done.stderr.splitlines() if "Deprecated" in line]
    lines = [f"{script.with_name('helper.py')}:3", *(f"{script}:{n}" for n in (4, 6, 7))]
    assert [place for place, _, _ in told] == lines, done.stderr
    assert {words for _, _, words in told} == {f"{name}@1 is deprecated: use alice/physics/fall"}
    called = world.farcall("call", name, "time=1", who="alice")
    assert (ran(called).strip(), called.stderr) == (
        "10.0",
        f"Warning: {name}@1 is deprecated: use alice/physics/fall\n",
    )
    answer, headers = post(world, "alice", f"/v1/functions/{name}/invocations", {"args": [1.0]})
    assert answer["result"] == 10.0
    assert headers["Deprecation"].startswith("@1")
    assert headers["Warning"] == '299 farcall "use alice/physics/fall"'
    assert world.get(f"/v1/functions/{name}", "alice")["deprecated"] == "use alice/physics/fall"
    ran(world.farcall("deprecate", f"{name}@1", "--undo", who="alice"))
    assert world.farcall("call", name, "time=1", who="alice").stderr == ""
    assert "Say which version" in refused(world.farcall("deprecate", name, "use something else", who="alice"))


def test_what_is_used_is_not_deleted_by_mistake_and_what_is_deleted_leaves_its_records(served: World) -> None:
    world = served
    name = "alice/physics/free_fall"
    ran(world.farcall("call", name, "time=1", who="alice"))
    world.write("faster.py", FALL.format(gravity=20))
    world.serve("faster", "faster.py")
    assert "being served, by fall" in refused(world.farcall("delete", f"{name}@1", "--yes", who="alice"))
    world.processes["fall"].terminate()
    world.processes["fall"].wait(20)
    wait_until(lambda: not world.worker("fall"), what="the first worker leaves")
    ran(world.farcall("alias", "set", name, "old", "1", who="alice"))
    assert "is what old means" in refused(world.farcall("delete", f"{name}@1", "--yes", who="alice"))
    ran(world.farcall("alias", "delete", name, "old", who="alice"))
    ran(world.farcall("delete", f"{name}@1", "--yes", who="alice"))
    assert "has no version 1" in refused(world.farcall("show", f"{name}@1", who="alice"))
    assert "being served, by faster" in refused(world.farcall("delete", name, "--yes", who="alice"))
    asked = world.farcall("delete", name, who="alice", stdin="n\n")
    assert asked.returncode == 1
    assert "Delete alice/physics/free_fall?" in asked.stderr
    world.processes["faster"].terminate()
    world.processes["faster"].wait(20)
    wait_until(lambda: not world.worker("faster"), what="the second worker leaves")
    waiting = ran(world.farcall("call", name, "time=1", "--queue", "--submit", who="alice")).strip()
    assert "is not empty" in refused(world.farcall("namespace", "delete", "alice/physics", who="alice"))
    ran(world.farcall("namespace", "delete", "alice/physics", "--recursive", "--yes", who="alice"))
    assert listed(world, "alice") == []
    ended = world.get(f"/v1/invocations/{waiting}", "alice")
    wait_until(lambda: world.get(f"/v1/invocations/{waiting}", "alice")["status"] == "failed", what=f"{ended} ends")
    assert world.get(f"/v1/invocations/{waiting}", "alice")["failure"]["code"] == "version_withdrawn"
    records = world.get(f"/v1/invocations?function={name}", "alice")["items"]
    assert {record["function"] for record in records} == {name}
    assert len(records) == 2
    world.serve("faster", "faster.py")
    assert world.get(f"/v1/functions/{name}", "alice")["version"] == 1  # the name was free: another function has it


def test_a_function_whose_workers_went_on_serving_ends_for_its_callers_when_it_is_deleted_by_force(
    served: World,
) -> None:
    world = served
    ran(world.farcall("delete", "alice/physics/free_fall", "--yes", "--force", who="alice"))
    assert "There is no" in refused(world.farcall("call", "alice/physics/free_fall", "time=1", who="alice"))
    assert world.get("/v1/workers", "alice")["items"][0]["functions"] == []


def test_a_search_finds_words_units_and_parameters_and_tells_whether_somebody_serves(served: World) -> None:
    world = served
    with farcall.Client(world.url, world.tokens["alice"]) as client:
        for _ in range(20):
            client.get("alice/physics/free_fall")(1.0)
    for words in (("falling", "vel"), ("free", "fall"), ("time",), ("m/s",)):
        [item] = json.loads(ran(world.farcall("search", *words, "--json", who="alice")))["items"]
        assert (item["name"], item["workers"], item["last_seen"]) == ("alice/physics/free_fall", 1, None)
        assert 0 < item["typical_seconds"] < 1
    assert json.loads(ran(world.farcall("search", "falling", "--json", who="bob")))["items"] == []
    for hostile in ('"', "NEAR(", "*", "fall*) OR (", "x" * 150):
        ran(world.farcall("search", hostile, "--json", who="alice"))
    left = time.time()
    world.processes["fall"].terminate()
    world.processes["fall"].wait(20)
    wait_until(lambda: not world.worker("fall"), what="the worker leaves")
    shown = world.get("/v1/functions/alice/physics/free_fall", "alice")
    assert shown["workers"] == 0
    assert abs(seconds(shown["last_seen"]) - left) < 30
    assert 0 < shown["typical_seconds"] < 1
    assert "none now; last seen" in ran(world.farcall("show", "alice/physics/free_fall", who="alice"))


def seconds(text: str) -> float:

    return datetime.fromisoformat(text).timestamp()
