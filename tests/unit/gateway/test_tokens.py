"""What each kind of token can do, through a whole hub: REST, and both channels."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator

import httpx2
import pytest

from farcall.domain.model import FunctionOptions
from farcall.hub.accounts import Accounts
from farcall.hub.ports import AddNotes
from farcall.hub.tokens import NewToken
from farcall.wire import frames

from .lines import DOCUMENT, Open, open_hub

pytestmark = pytest.mark.anyio

INSIDE, OUTSIDE = "alice/lab/f", "alice/other/g"
SCOPES = [(), ("invoke",), ("serve",), ("deploy",), ("manage",), ("invoke", "serve", "deploy", "manage")]
LIMITS: list[tuple[str, ...]] = [(), ("alice/lab",), ("alice/lab/f",), ("alice/elsewhere",), ("alice/x", "alice/lab")]
REACHED = {  # which of the two functions a limit reaches
    (): {INSIDE, OUTSIDE},
    ("alice/lab",): {INSIDE},
    ("alice/lab/f",): {INSIDE},
    ("alice/elsewhere",): set(),
    ("alice/x", "alice/lab"): {INSIDE},
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


class House:
    """Alice serves two functions, and makes tokens."""

    def __init__(self, hub: Open, http: httpx2.AsyncClient, everyday: str) -> None:
        self.hub = hub
        self.http = http
        self.everyday = everyday

    async def token(
        self, scopes: tuple[str, ...], only: tuple[str, ...] = (), expires_at: float | None = None
    ) -> NewToken:
        accounts: Accounts = self.hub.hub.services.accounts
        alice = await accounts.authenticate(self.everyday)
        if not scopes:  # no such token is made over REST: without scopes it has the everyday ones
            return await accounts.tokens.issue(alice.key, "", (), only, None, alice)
        return await accounts.tokens.create(alice, scopes=scopes, only=only, expires_at=expires_at)

    async def ask(self, token: str, method: str, path: str, body: object = None) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}", "Prefer": "respond-async"}
        return await self.http.request(method, path, json=body, headers=headers)

    async def status(self, token: str, method: str, path: str, body: object = None) -> int:
        return (await self.ask(token, method, path, body)).status_code

    async def submitted(self, token: str, name: str) -> str:
        """What a client's channel says to a call: accepted, or a code."""
        async with self.hub.peer("client", token) as client:
            await client.greet()
            await client.call(name=name, acknowledge=True)
            while True:
                frame = await client.hear()
                if isinstance(frame, frames.Accepted):
                    return "accepted"
                if isinstance(frame, frames.RefusedItems):
                    return frame.items[0].failure.code

    async def published(self, token: str, name: str) -> str:
        """What a worker's channel says to a publication: published, or a code."""
        async with self.hub.peer("worker", token) as worker:
            await worker.greet()
            await worker.say(frames.Register("w", 1, 1, {}, []))
            publication = frames.Publication("/" + name, DOCUMENT, bytes(16), FunctionOptions())
            await worker.say(frames.Publish(1, [publication]))
            while True:
                frame = await worker.hear()
                if isinstance(frame, frames.Goodbye):
                    return frame.code
                if isinstance(frame, frames.Published):
                    failure = frame.functions[0].failure
                    return "published" if failure is None else failure.code


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_hub(tmp_path_factory.mktemp("tokens") / "data") as hub:
        address = f"http://127.0.0.1:{hub.port}"
        async with httpx2.AsyncClient(base_url=address, trust_env=False) as http:
            body = {"handle": "alice", "email": "alice@lab.org"}
            answer = await http.post("/v1/accounts", json=body, headers={"Authorization": f"Bearer {hub.token}"})
            made = House(hub, http, answer.json()["token"]["token"])
            async with hub.peer("worker", made.everyday) as worker:
                await worker.greet()
                await worker.say(frames.Register("w", 4, 4096, {}, []))
                each = [
                    frames.Publication("/" + name, DOCUMENT, bytes(16), FunctionOptions()) for name in (INSIDE, OUTSIDE)
                ]
                await worker.say(frames.Publish(1, each))
                await worker.until(frames.Published)
                yield made


@pytest.mark.parametrize("only", LIMITS, ids="+".join)
@pytest.mark.parametrize("scopes", SCOPES, ids="+".join)
async def test_a_token_does_what_its_scopes_say_where_its_limits_reach(
    house: House, scopes: tuple[str, ...], only: tuple[str, ...]
) -> None:
    token = (await house.token(scopes, only)).token
    for name in (INSIDE, OUTSIDE):
        reached = name in REACHED[only]

        def expected(scope: str, allowed: object, denied: object, hidden: object, reached: bool = reached) -> object:
            if not reached:
                return hidden
            return allowed if scope in scopes else denied

        call = {"args": {"x": 1.0}}
        share = {"path": name, "handle": "admin", "can": "view"}
        assert await house.status(token, "GET", f"/v1/functions/{name}") == (200 if reached else 404)
        answer = await house.status(token, "POST", f"/v1/functions/{name}/invocations", call)
        assert answer == expected("invoke", 202, 403, 404)
        assert await house.status(token, "POST", "/v1/shares", share) == expected("manage", 201, 403, 404)
        assert await house.submitted(token, name) == expected("invoke", "accepted", "permission_denied", "not_found")
        denied = "permission_denied" if "serve" not in scopes else "not_found"
        assert await house.published(token, name) == expected("serve", "published", "permission_denied", denied)


@pytest.mark.parametrize("only", [(), ("alice/lab",)], ids=["unlimited", "limited"])
@pytest.mark.parametrize("scopes", SCOPES, ids="+".join)
async def test_the_account_itself_takes_manage_and_no_limits(
    house: House, scopes: tuple[str, ...], only: tuple[str, ...]
) -> None:
    token = (await house.token(scopes, only)).token
    managing = "manage" in scopes
    assert await house.status(token, "GET", "/v1/me") == 200
    assert await house.status(token, "GET", "/v1/tokens") == (200 if managing else 403)
    assert await house.status(token, "POST", "/v1/tokens", {"label": "more"}) == (201 if managing else 403)
    weak = {"new": "weak"}  # refused for that, once the token is found good enough
    whole = set(scopes) == set(SCOPES[-1]) and not only  # what the first password takes
    assert await house.status(token, "PUT", "/v1/me/password", weak) == (400 if whole else 403)
    for method, path, body in (
        ("GET", "/v1/accounts", None),
        ("POST", "/v1/accounts", {"handle": "eve", "email": "eve@lab.org"}),
        ("POST", "/v1/accounts/alice/disable", None),
        ("POST", "/v1/accounts/alice/confirm", {}),
        ("GET", "/metrics", None),
    ):
        assert await house.status(token, method, path, body) == 403, path


async def test_a_token_makes_none_that_is_wider_in_scopes_limits_or_time(house: House) -> None:
    asking = await house.token(("invoke", "manage"), ("alice/lab",), expires_at=time.time() + 600)
    wider: list[dict[str, object]] = [{"scopes": ["serve"]}, {"scopes": ["admin"]}, {"only": ["alice"]}]
    wider += [{"only": ["alice/lab", "alice/other"]}]
    for body in wider:
        assert await house.status(asking.token, "POST", "/v1/tokens", body) == 403, body
    made = (await house.ask(asking.token, "POST", "/v1/tokens", {"expires_at": "2100-01-01T00:00:00Z"})).json()
    assert (set(made["scopes"]), made["only"]) == ({"invoke", "manage"}, ["alice/lab"])
    assert not made["expires_at"].startswith("2100")


async def test_a_limited_token_sees_and_ends_only_tokens_within_its_limits(house: House) -> None:
    asking = await house.token(("manage",), ("alice/lab",))
    within = await house.token(("invoke",), ("alice/lab/f",))
    beside = await house.token(("invoke",), ("alice/lab/f", "alice/other"))
    unlimited = await house.token(("invoke",))
    listed = {item["id"] for item in (await house.ask(asking.token, "GET", "/v1/tokens")).json()["items"]}
    assert {asking.key, within.key} <= listed
    assert not {beside.key, unlimited.key} & listed
    for token, status in ((within, 204), (beside, 404), (unlimited, 404)):
        assert await house.status(asking.token, "DELETE", f"/v1/tokens/{token.key}") == status


async def test_a_revoked_token_is_refused_everywhere_at_once(house: House) -> None:
    made = await house.token(("invoke", "serve"))
    async with house.hub.peer("client", made.token) as client, house.hub.peer("worker", made.token) as worker:
        await client.greet()
        await worker.greet()
        assert await house.status(house.everyday, "DELETE", f"/v1/tokens/{made.key}") == 204
        assert await house.status(made.token, "GET", "/v1/me") == 401
        assert await client.farewell() == ("unauthenticated", 4401)
        assert await worker.farewell() == ("unauthenticated", 4401)


async def test_the_last_use_is_told_and_kept(house: House) -> None:
    async def last_use(key: int) -> str | None:
        items = (await house.ask(house.everyday, "GET", "/v1/tokens")).json()["items"]
        [found] = [item["last_used_at"] for item in items if item["id"] == key]
        return str(found) if found else None

    made, idle = await house.token(("invoke",)), await house.token(("invoke",))
    assert await last_use(made.key) is None
    await house.ask(made.token, "GET", "/v1/me")
    first = await last_use(made.key)
    assert first is not None
    async with house.hub.peer("client", made.token) as client:
        await client.greet()
        one = await last_use(made.key)
        await asyncio.sleep(0.01)
        other = await last_use(made.key)
        assert first < (one or "") < (other or "")
    assert await last_use(idle.key) is None
    house.hub.hub.services.accounts.last_use._write()
    await house.hub.hub.store.do(AddNotes([]))  # what was written before is committed
    alice = await house.hub.hub.services.accounts.authenticate(house.everyday)
    rows = {row.key: row.last_used_at for row in await house.hub.hub.store.tokens(alice.key)}
    assert rows[made.key] is not None
    assert rows[idle.key] is None


async def test_every_scope_and_limit_is_shown_by_the_token_itself(house: House) -> None:
    for scopes, only in itertools.product(SCOPES[1:], LIMITS):
        me = (await house.ask((await house.token(scopes, only)).token, "GET", "/v1/me")).json()
        assert (set(me["scopes"]), me["only"]) == (set(scopes), list(only))
