"""Wrong turns of callers: each is refused in one clear sentence that says what to do, with the right code, and nothing
is lost.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import farcall
from tests.scenarios.world import World, free_port, wait_until
from tests.scenarios.wrong import ask, refused

MIB = 1024 * 1024
FUNCTIONS = """
    import threading
    from typing import Annotated
    import farcall

    @farcall.function(namespace="open")
    def scale(x: Annotated[float, farcall.Range(0, 100)], times: int = 2) -> float:
        return x * times

    @farcall.function(namespace="open")
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @farcall.function(namespace="open")
    def anything(value: object) -> str:
        return type(value).__name__

    @farcall.function(namespace="open")
    def lock() -> dict:
        return {"locks": [threading.Lock()]}

    @farcall.function(namespace="open")
    def zeros(count: int) -> bytes:
        return bytes(count)

    @farcall.function(namespace="closed")
    def secret() -> int:
        return 42
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Alice serves; Bob may call what is below `alice/open`; Carol may call nothing."""
    world = World(
        tmp_path_factory.mktemp("world"),
        FARCALL_HUB_NO_WORKER_GRACE_SECONDS="1",
        FARCALL_HUB_BODY_LIMIT_BYTES=str(MIB),
        FARCALL_HUB_BLOB_LIMIT_BYTES=str(2 * MIB),
    )
    try:
        world.start_hub()
        for person in ("alice", "bob", "carol"):
            world.account(person)
        world.serve("worker", str(world.write("functions.py", FUNCTIONS)))
        assert world.farcall("share", "alice/open", "bob", who="alice").returncode == 0
        yield world
    finally:
        world.close()


@pytest.fixture(scope="module")
def kept(world: World) -> str:
    """What was accepted before all the wrong turns; it must be there after them."""
    with farcall.connect(world.url, world.tokens["bob"]) as client:
        invocation = client.get("alice/open/scale").submit(21)
        assert invocation.result(20) == 42
        return invocation.id


@pytest.fixture
def bob(world: World, kept: str) -> Iterator[farcall.Client]:
    with farcall.connect(world.url, world.tokens["bob"]) as client:
        yield client


def count(world: World) -> int:
    return len(world.get("/v1/invocations?limit=500", "bob")["items"])


# -- arguments ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        (("three",), {}, ["x: ", "'three'"]),
        ((None,), {}, ["x: "]),
        ((), {}, ["missing", "'x'"]),
        ((1, 2, 3), {}, ["takes from 1 to 2 positional arguments but 3 were given"]),
        ((1,), {"tiems": 3}, ["'tiems'", "did you mean 'times'?"]),
        ((-1,), {}, ["x: ", "-1", "minimum of 0"]),
        ((101,), {}, ["x: ", "101", "maximum of 100"]),
        ((float("nan"),), {}, ["x: "]),
        ((1, 2.5), {}, ["times: ", "2.5"]),
    ],
)
def test_arguments_that_do_not_fit_are_refused_before_anything_is_sent(
    world: World, bob: farcall.Client, args: tuple[Any, ...], kwargs: dict[str, Any], words: list[str]
) -> None:
    before = count(world)
    with pytest.raises(farcall.InvalidArguments) as caught:
        bob.get("alice/open/scale")(*args, **kwargs)
    for word in ["alice/open/scale", *words]:
        assert word in str(caught.value)
    assert caught.value.code == "invalid_arguments"
    assert caught.value.hint
    assert count(world) == before, "something was recorded for it"


def test_the_place_of_a_bad_value_is_named_however_deep_it_is(bob: farcall.Client) -> None:
    with pytest.raises(farcall.InvalidArguments, match=r"numbers\[2\]: ") as caught:
        bob.get("alice/open/total")([1, 2, "three"])
    assert [path for path, _ in caught.value.problems] == ["numbers[2]"]


def test_a_value_that_cannot_travel_is_refused_with_its_place_and_type(bob: farcall.Client) -> None:
    with pytest.raises(farcall.InvalidArguments, match=r'\["a"\]\[1\].*lock'):
        bob.get("alice/open/anything")({"a": [1, threading.Lock()]})


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        (["x=three"], 2, ["x: 'three' does not read as float"]),
        (["x"], 2, ["'x' is not KEY=VALUE"]),
        (["x=1", "x=2"], 2, ["x is given twice"]),
        (["x=@nowhere.json"], 2, ["there is no file nowhere.json"]),
        ([], 1, ["missing", "'x'"]),
        (["x=1", "y=2"], 1, ["unexpected", "'y'"]),
        (["x=101"], 1, ["x: ", "maximum of 100"]),
        (["--args", "nowhere.json"], 2, ["nowhere.json"]),
        (["x=1", "--priority", "1000"], 2, ["1000"]),
        (["x=1", "--timeout", "-1"], 2, ["timeout"]),
    ],
)
def test_the_command_line_refuses_bad_arguments(world: World, values: list[str], code: int, words: list[str]) -> None:
    refused(world.farcall("call", "alice/open/scale", *values, who="bob"), *words, code=code)


@pytest.mark.parametrize(
    ("args", "path"),
    [({"x": "three"}, "x"), ({"x": 101}, "x"), ({}, ""), ({"x": 1, "y": 2}, ""), ([1, 2, 3], ""), ({"x": None}, "x")],
)
def test_rest_answers_422_with_the_path_of_each_bad_value(world: World, args: Any, path: str) -> None:
    before = count(world)
    status, problem = ask(world, "POST", "/v1/functions/alice/open/scale/invocations", {"args": args})
    assert (status, problem["code"]) == (422, "invalid_arguments")
    assert problem["detail"]
    if path:
        assert [bad["path"] for bad in problem["problems"]] == [path]
    assert count(world) == before


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/v1/functions/alice/open/scale/invocations", b"{", 400, "invalid_request"),
        ("POST", "/v1/functions/alice/open/scale/invocations", b"\xff", 400, "invalid_request"),
        ("POST", "/v1/functions/alice/open/scale/invocations", {"arguments": {}}, 400, "invalid_request"),
        ("POST", "/v1/functions/alice/open/scale/invocations", {"options": {"priority": 999}}, 400, "invalid_request"),
        ("GET", "/v1/invocations?limit=0", None, 400, "invalid_request"),
        ("GET", "/v1/invocations?since=yesterday", None, 400, "invalid_request"),
        ("GET", "/v1/invocations?colour=red", None, 400, "invalid_request"),
        ("GET", "/v1/invocations?cursor=%00", None, 400, "invalid_request"),
        ("GET", "/v1/invocations/inv_nonsense", None, 404, "not_found"),
        ("GET", "/v1/nowhere", None, 404, "not_found"),
        ("PUT", "/v1/me", {}, 405, "method_not_allowed"),
        ("POST", "/v1/accounts", {"handle": "eve", "email": "eve@example.org"}, 403, "permission_denied"),
    ],
)
def test_requests_that_make_no_sense_are_answered_with_a_problem(
    world: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answered, problem = ask(world, method, path, body)
    assert (answered, problem["code"]) == (status, code), problem
    assert problem["detail"].endswith((".", "?")), problem["detail"]


# -- names and permissions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["alice/open/nothing", "nobody/f", "alice/open/scale@99", "alice/open/scale@prod"])
def test_what_is_not_there_is_not_found_everywhere(world: World, bob: farcall.Client, name: str) -> None:
    with pytest.raises(farcall.NotFound, match=name.partition("@")[0]):
        bob.get(name)
    status, problem = ask(world, "GET", f"/v1/functions/{name}")
    assert (status, problem["code"]) == (404, "not_found")
    refused(world.farcall("show", name, who="bob"), name.partition("@")[0])


@pytest.mark.parametrize("name", ["alice", "alice//scale", "Alice/scale", "alice/open/", "", "a b/c"])
def test_what_is_no_name_is_refused_in_words(bob: farcall.Client, name: str) -> None:
    with pytest.raises(farcall.NotFound) as caught:
        bob.get(name)
    assert len(str(caught.value)) > 20


def test_a_failed_import_is_an_import_error(world: World, tmp_path: Path) -> None:
    program = (
        "import farcall\n"
        "try:\n    from farcall.catalog.alice.open import nothing\n"
        "except ImportError as error:\n    assert isinstance(error, farcall.NotFound); print(error)\n"
        "try:\n    farcall.catalog.alice.closed.secret\n"
        "except AttributeError as error:\n    assert isinstance(error, farcall.NotFound); print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=world.environment("bob"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "alice/open/nothing" in done.stdout
    assert "There is no alice/closed, or you may not know of it." in done.stdout


def test_a_stranger_cannot_tell_what_is_closed_from_what_is_not_there(world: World, bob: farcall.Client) -> None:
    def of_client(name: str) -> str:
        with pytest.raises(farcall.NotFound) as caught:
            bob.get(name)
        return str(caught.value).replace(name, "NAME")

    def of_rest(method: str, path: str, name: str, body: Any = None) -> Any:
        status, problem = ask(world, method, path.format(name), body)
        return status, json.dumps(problem).replace(name, "NAME")

    def of_command(*words: str) -> Any:
        done = world.farcall(*(word.format(words[-1]) for word in words[:-1]), who="bob")
        return done.returncode, done.stderr.replace(words[-1], "NAME")

    there, absent = "alice/closed/secret", "alice/closed/nothing"
    assert of_client(there) == of_client(absent)
    for method, path, body in (
        ("GET", "/v1/functions/{}", None),
        ("GET", "/v1/functions/{}/versions", None),
        ("POST", "/v1/functions/{}/invocations", {"args": {}}),
        ("POST", "/v1/functions/{}/batches", {"items": [{}]}),
    ):
        assert of_rest(method, path, there, body) == of_rest(method, path, absent, body), (method, path)
    assert of_command("call", "{}", there) == of_command("call", "{}", absent)
    assert of_command("share", "{}", "carol", there) == of_command("share", "{}", "carol", absent)
    assert "secret" not in world.farcall("list", "--json", who="bob").stdout
    assert world.get("/v1/functions?q=secret", "carol")["items"] == []


def test_the_invocations_of_others_are_not_there(world: World, kept: str) -> None:
    nowhere = kept[:-4] + "0000"
    for path in ("", "/result", "/logs", "/explain"):
        mine = ask(world, "GET", f"/v1/invocations/{kept}{path}", token=world.tokens["carol"])
        nobodys = ask(world, "GET", f"/v1/invocations/{nowhere}{path}", token=world.tokens["carol"])
        assert mine[0] == nobodys[0] == 404
        assert mine[1]["detail"].replace(kept, "ID") == nobodys[1]["detail"].replace(nowhere, "ID")
    refused(world.farcall("cancel", kept, who="carol"), kept)


def test_whoever_may_look_but_not_call_is_told_so(world: World) -> None:
    assert world.farcall("share", "alice/open", "carol", "--can", "view", who="alice").returncode == 0
    try:
        done = world.farcall("call", "alice/open/scale", "x=1", who="carol")
        refused(done, "alice/open/scale")
        status, problem = ask(
            world,
            "POST",
            "/v1/functions/alice/open/scale/invocations",
            {"args": {"x": 1}},
            token=world.tokens["carol"],
        )
        assert (status, problem["code"]) == (403, "permission_denied")
    finally:
        assert world.farcall("unshare", "alice/open", "carol", who="alice").returncode == 0


# -- tokens and hubs ---------------------------------------------------------------------------------------------------


def test_an_expired_token_is_refused_and_open_connections_end(world: World) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1.5)
    _, made = ask(world, "POST", "/v1/tokens", {"expires_at": soon.isoformat()})
    with farcall.connect(world.url, made["token"]) as client:
        scale = client.get("alice/open/scale")
        assert scale(1) == 2
        time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.3)
        with pytest.raises(farcall.PermissionDenied, match="expired"):
            scale(1)
    status, problem = ask(world, "GET", "/v1/me", token=made["token"])
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert "expired" in problem["detail"]
    world.tokens["late"] = made["token"]
    refused(world.farcall("list", who="late"), "The token has expired.", "log in again")


def test_a_revoked_token_is_refused_at_once_on_open_connections_too(world: World) -> None:
    _, made = ask(world, "POST", "/v1/tokens", {"label": "short"})
    with farcall.connect(world.url, made["token"]) as client:
        scale = client.get("alice/open/scale")
        assert scale(1) == 2
        assert world.farcall("token", "revoke", str(made["id"]), who="bob").returncode == 0
        with pytest.raises(farcall.PermissionDenied, match="revoked"):
            scale(1)


@pytest.mark.parametrize(
    ("scope", "command", "words"),
    [
        (
            "serve",
            ("call", "alice/open/scale", "x=1"),
            "lacks the scope invoke, which it takes to invoke alice/open/scale",
        ),
        ("invoke", ("share", "bob/f", "alice"), "lacks the scope manage, which it takes to manage bob/f"),
        ("invoke", ("token", "create"), "lacks the scope manage, which it takes to manage tokens"),
        ("invoke", ("accept", "i1"), "lacks the scope manage, which it takes to accept invitations"),
        ("invoke", ("groups", "create", "lab"), "lacks the scope manage, which it takes to change groups"),
        ("invoke", ("serve", "functions.py"), "This token may not serve functions."),
    ],
)
def test_a_token_of_the_wrong_scope_is_refused_with_the_scope_it_takes(
    world: World, scope: str, command: tuple[str, ...], words: str
) -> None:
    _, made = ask(world, "POST", "/v1/tokens", {"scopes": [scope]})
    world.tokens["narrow"] = made["token"]
    done = world.farcall(*command, who="narrow")
    refused(done, words)
    assert done.stderr.count(words) == 1


@pytest.mark.parametrize(
    ("token", "words"), [("", "token is missing"), ("nonsense", "no token"), ("farcall_pat_" + "x" * 50, "no token")]
)
def test_without_a_token_there_is_nothing_but_health(world: World, token: str, words: str) -> None:
    assert ask(world, "GET", "/healthz", token="")[0] == 200
    status, problem = ask(world, "GET", "/v1/functions", token=token)
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert words in problem["detail"]
    assert problem["hint"]


def test_a_token_of_another_hub_is_refused_and_never_sent_by_itself(world: World, tmp_path: Path) -> None:
    other = World(tmp_path)
    try:
        other.start_hub()
        world.tokens["foreigner"] = other.tokens["admin"]
        refused(world.farcall("list", who="foreigner"), "does not know this token", "another hub")
        refused(world.farcall("call", "alice/open/scale", "x=1", who="foreigner"), "does not know this token")
        refused(world.farcall("serve", "functions.py", who="foreigner"), "does not know this token")
        # Logged in here, told to speak to the other hub: the token stays here.
        login = world.farcall("login", world.url, "--token-stdin", stdin=world.tokens["bob"])
        assert login.returncode == 0, login.stderr
        elsewhere = subprocess.run(
            [sys.executable, "-m", "farcall", "list"],
            env=world.environment(FARCALL_HUB=other.url),
            capture_output=True,
            text=True,
            check=False,
        )
        refused(elsewhere, f"There is no token for the hub at {other.url}", "farcall login")
    finally:
        other.close()


def test_a_hub_that_is_not_there_is_named_with_what_to_do(world: World) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    for command in (["list"], ["call", "alice/open/scale", "x=1"], ["serve", "functions.py"], ["login", nowhere]):
        done = subprocess.run(
            [sys.executable, "-m", "farcall", *command, *(["--token-stdin"] if command[0] == "login" else [])],
            cwd=world.directory,
            env=world.environment("bob", url=nowhere),
            input=world.tokens["bob"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        refused(done, nowhere, "Connection refused")
    with pytest.raises(farcall.HubUnreachable, match=nowhere) as caught:
        farcall.connect(nowhere, world.tokens["bob"])
    assert caught.value.hint


@pytest.mark.parametrize("url", ["not a url", "ftp://example.org", "http://"])
def test_what_is_no_address_of_a_hub_is_refused_in_words(world: World, url: str) -> None:
    done = world.farcall("login", url, "--token-stdin", stdin=world.tokens["bob"])
    refused(done, "address")


# -- too much ----------------------------------------------------------------------------------------------------------


def test_a_body_over_the_limit_is_refused_with_the_limit(world: World) -> None:
    body = {"args": {"value": "x" * (MIB + 1)}}
    status, problem = ask(world, "POST", "/v1/functions/alice/open/anything/invocations", body)
    assert (status, problem["code"]) == (413, "too_large")
    assert str(MIB) in problem["detail"]
    assert "blob" in problem["hint"]


def test_an_argument_over_the_limit_of_blobs_is_refused(world: World, bob: farcall.Client) -> None:
    before = count(world)
    with pytest.raises(farcall.RequestError) as caught:
        bob.get("alice/open/anything")(np.zeros(3 * MIB, np.uint8))
    assert caught.value.code == "too_large"
    assert count(world) == before


# -- results -----------------------------------------------------------------------------------------------------------


def test_a_result_that_cannot_be_encoded_names_its_place_and_spoils_nothing(world: World, bob: farcall.Client) -> None:
    invocation = bob.get("alice/open/lock").submit()
    with pytest.raises(farcall.PlatformError, match=r'result\["locks"\]\[0\]: .*lock') as caught:
        invocation.result(20)
    assert caught.value.code == "bad_result"
    assert caught.value.hint
    record = world.get(f"/v1/invocations/{invocation.id}", "bob")
    assert (record["status"], record["attempt"]) == ("failed", 1), "it was tried again, in vain"
    status, problem = ask(world, "POST", "/v1/functions/alice/open/lock/invocations", {})
    assert (status, problem["code"]) == (502, "bad_result")
    assert bob.get("alice/open/scale")(3) == 6


def test_a_result_over_the_limit_fails_that_call_alone(bob: farcall.Client) -> None:
    with pytest.raises(farcall.FarcallError) as caught:
        bob.get("alice/open/zeros").submit(3 * MIB).result(20)
    assert caught.value.code in ("bad_result", "too_large")
    assert str(caught.value)
    assert bob.get("alice/open/zeros")(3) == b"\0\0\0"


# -- in the end --------------------------------------------------------------------------------------------------------


def test_after_all_of_it_nothing_is_lost(world: World, bob: farcall.Client, kept: str) -> None:
    assert bob.invocation(kept).result(10) == 42
    assert world.processes["hub"].poll() is None
    assert world.processes["worker"].poll() is None
    wait_until(lambda: world.worker("worker"), 5, "the worker is ready")
    assert bob.get("alice/open/scale")(2) == 4
    states = {item["status"] for item in world.get("/v1/invocations?limit=500", "bob")["items"]}
    assert states <= {"succeeded", "failed"}, "something was accepted and has not ended"
