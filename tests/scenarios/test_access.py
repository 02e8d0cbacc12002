"""Who may call what, while connections are open."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import World, wait_until

SOURCE = """
    import time
    from pathlib import Path
    import farcall

    HERE = Path(__file__).parent

    @farcall.function(namespace="private")
    def secret(x: int = 1) -> int:
        \"\"\"Nobody's business.\"\"\"
        return x

    @farcall.function(namespace="private")
    def hold(label: str) -> str:
        (HERE / f"{label}.started").touch()
        while not (HERE / label).exists():
            time.sleep(0.005)
        return label
"""


@pytest.fixture(scope="module", autouse=True)
def worker(town: Town) -> Iterator[str]:
    with town.serving(SOURCE, name="private") as name:
        yield name


@pytest.fixture(scope="module")
def carol(town: Town, worker: str) -> str:
    """Somebody who was given nothing so far."""
    handle = town.fresh("carol")
    town.account(handle)
    return handle


def unshare(town: Town, name: str, handle: str) -> None:
    done = town.farcall("unshare", name, handle, who="alice")
    assert done.returncode == 0, done.stderr


def request(town: World, method: str, path: str, who: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {town.tokens[who]}", "Content-Type": "application/json"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(town.url + path, data, headers, method=method), timeout=10) as answer:
        return json.loads(answer.read() or b"null")


def test_a_stranger_cannot_tell_a_private_function_from_none(town: Town, carol: str) -> None:
    with town.client(carol) as client:
        messages = []
        for name in ("alice/private/secret", "alice/private/nothing"):
            with pytest.raises(farcall.NotFound) as caught:
                client.get(name)
            assert caught.value.code == "not_found"
            messages.append(str(caught.value).replace(name, "NAME"))
        assert messages[0] == messages[1]
        assert list(client.functions("secret")) == []


def test_what_is_shared_works_at_once_and_what_is_taken_back_ends_at_once(town: Town, carol: str) -> None:
    with town.client(carol) as client:
        with pytest.raises(farcall.NotFound):
            client.get("alice/private/secret")
        town.share("alice/private", carol)
        secret = client.get("alice/private/secret")
        assert secret(5) == 5
        unshare(town, "alice/private", carol)
        with pytest.raises(farcall.RequestError) as caught:
            secret(6)
        assert caught.value.code == "not_found"
        with pytest.raises(farcall.NotFound):
            client.get("alice/private/secret")
        town.share("alice/private/secret", carol)
        assert secret(7) == 7
        with pytest.raises(farcall.NotFound):
            client.get("alice/private/hold")
        unshare(town, "alice/private/secret", carol)


def test_what_waits_is_cancelled_when_the_permission_ends_and_what_runs_too(town: Town, carol: str) -> None:
    town.share("alice/private", carol)
    mine, theirs = town.fresh("mine"), town.fresh("theirs")
    with town.client("alice") as alice, town.client(carol) as client:
        running = alice.get("alice/private/hold").submit(mine)
        wait_until(lambda: (town.directory / f"{mine}.started").exists(), what="the only slot is busy")
        queued = client.get("alice/private/hold").submit(theirs)
        assert queued.id
        kept = alice.get("alice/private/secret").submit(3)
        unshare(town, "alice/private", carol)
        with pytest.raises(farcall.FarcallError) as caught:
            queued.result(20)
        assert caught.value.code in ("cancelled", "permission_denied", "not_found")
        assert town.record(queued.id, carol)["status"] == "cancelled"
        (town.directory / mine).touch()
        assert running.result(20) == mine
        assert kept.result(20) == 3
    assert not (town.directory / f"{theirs}.started").exists()


def test_owners_may_not_read_what_callers_sent(town: Town, bob: farcall.Client) -> None:
    town.share("alice/private/secret", "bob")
    invocation = bob.get("alice/private/secret").submit(471_100_815)
    assert invocation.result(20) == 471_100_815
    record = town.record(invocation.id, "alice")
    assert record["status"] == "succeeded"
    assert "471100815" not in json.dumps({**record, "id": ""}).replace(record["created_at"], "")
    with town.client("alice") as alice, pytest.raises(farcall.FarcallError):
        alice.invocation(invocation.id).result(5)
    unshare(town, "alice/private/secret", "bob")


def test_a_revoked_token_ends_its_open_connection_and_no_other(town: Town, bob: farcall.Client) -> None:
    made = request(town, "POST", "/v1/tokens", "alice", {})
    with farcall.connect(town.url, made["token"]) as client, town.client("alice") as other:
        secret = client.get("alice/private/secret")
        assert secret(1) == 1
        assert other.get("alice/private/secret")(1) == 1
        token = next(item for item in request(town, "GET", "/v1/tokens", "alice")["items"] if item["id"] == made["id"])
        request(town, "DELETE", f"/v1/tokens/{token['id']}", "alice")
        with pytest.raises(farcall.PermissionDenied) as caught:
            secret(2)
        assert caught.value.code == "unauthenticated"
        assert other.get("alice/private/secret")(3) == 3


def test_an_expired_token_ends_its_open_connection(town: Town) -> None:
    until = datetime.now(UTC) + timedelta(seconds=1.5)
    made = request(town, "POST", "/v1/tokens", "alice", {"expires_at": until.isoformat()})
    with farcall.connect(town.url, made["token"]) as client:
        secret = client.get("alice/private/secret")
        assert secret(1) == 1

        def refused() -> bool:
            try:
                secret(2)
            except farcall.PermissionDenied as error:
                return error.code == "unauthenticated"
            return False

        wait_until(refused, 10, "the token expires")
        assert datetime.now(UTC) >= until


def test_a_worker_whose_token_was_revoked_stops_serving(town: Town) -> None:
    made = request(town, "POST", "/v1/tokens", "alice", {})
    town.tokens["alice_for_a_while"] = made["token"]
    path = town.write("revoked.py", SOURCE.replace('"private"', '"revoked"'))
    town.serve("revoked", str(path), who="alice_for_a_while")
    request(town, "DELETE", f"/v1/tokens/{made['id']}", "alice")
    assert town.processes["revoked"].wait(15) == 1
    assert "token" in town.log("revoked").splitlines()[-1]


def test_a_disabled_account_is_refused_on_its_open_connection(town: Town) -> None:
    town.account("mallory")
    town.share("alice/private/secret", "mallory")
    with town.client("mallory") as client:
        secret = client.get("alice/private/secret")
        assert secret(1) == 1
        done = town.farcall("account", "disable", "mallory", who="admin")
        assert done.returncode == 0, done.stderr
        with pytest.raises(farcall.PermissionDenied):
            secret(2)


def test_a_token_is_only_ever_sent_to_the_hub_it_was_issued_for(town: Town) -> None:
    """The other hub's address listens and writes down everything that arrives there."""
    heard = bytearray()
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def listen() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    heard.extend(connection.recv(65536))
                except OSError:
                    pass

    threading.Thread(target=listen, daemon=True).start()
    logged_in = town.farcall("login", town.url, "--token-stdin", stdin=town.tokens["bob"])
    assert logged_in.returncode == 0, logged_in.stderr
    other = f"http://127.0.0.1:{port}"
    program = f"""
        import os
        os.environ["FARCALL_HUB"] = {other!r}
        for attempt in (lambda: farcall.get("alice/open/x"), lambda: farcall.connect({other!r}).get("alice/open/x")):
            try:
                attempt()
            except farcall.FarcallError as error:
                print(error.code)
    """
    environment = {"FARCALL_TOKEN": ""}
    caller = town.python(program, who="", **environment)
    out, err = caller.communicate(timeout=60)
    listener.close()
    assert out.split() == ["unauthenticated"] * 2, out + err
    assert town.tokens["bob"].encode() not in bytes(heard)


def test_one_hub_does_not_take_the_token_of_another(town: Town, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = World(tmp_path_factory.mktemp("other"))
    try:
        other.start_hub()
        with pytest.raises(farcall.PermissionDenied) as caught:
            farcall.connect(other.url, town.tokens["bob"]).connect()
        assert caught.value.code == "unauthenticated"
        done = town.farcall("whoami", who="bob")
        assert done.returncode == 0, done.stderr
    finally:
        other.close()
