"""Every row of the REST surface, asked by every kind of subject, through a whole hub: who may, and who may not.

The table is written by hand, from `docs/reference/permissions.md`: it is what the rows are held against.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest

from farcall.assemble.hub import Hub, build_hub
from farcall.domain import access
from farcall.domain.model import FunctionOptions
from farcall.gateway.app import operations
from farcall.gateway.metrics import Metrics
from farcall.hub.audit import Query
from farcall.settings import load_hub
from farcall.wire import frames

from .conftest import LocalWorker, Served
from .lines import DOCUMENT

pytestmark = pytest.mark.anyio

EVERYDAY = ("invoke", "serve", "deploy", "manage")
# Alice owns the target and manages the group `crew`; these are her tokens.
NARROW = {"bare", "invoke", "serve", "deploy"}  # that scope alone, or none
WITHIN = NARROW | {"manage", "alice", "limited"}  # `limited` has all scopes, at the target's namespace
HERS = WITHIN | {"elsewhere"}  # all scopes, limited to another namespace
# Others, with all everyday scopes: what was shared with them at the namespace, or what they are.
SHARED = {"viewer", "invoker", "sharer"}  # the last may manage
PEOPLE = SHARED | {"stranger", "member", "former"}  # in crew, and removed from it
ADMINS = {"admin", "off_duty"}  # the second's token has no scope admin
EVERYBODY = HERS | PEOPLE | ADMINS
ENDED = {"nobody", "revoked", "expired", "disabled"}

SEES = WITHIN | SHARED | {"admin"}
MANAGES = {"alice", "manage", "limited", "sharer", "admin"}
WITH_MANAGE = EVERYBODY - NARROW
CREW = WITHIN - {"limited"} | {"member", "admin"}
LEADS_CREW = {"alice", "manage", "admin"}
OWN_CALL = {"alice", "invoke", "limited"}


@dataclass(frozen=True)
class Ask:
    """One request, and a word that only some answers may hold."""

    method: str
    path: str
    body: Any = None
    trace: str = ""


@dataclass(frozen=True)
class Row:
    """Who may; who is told that they may not (403). For all others there is no such thing (404).

    `shows`: whose answer holds the trace; of what is answered to everybody this is what counts.
    """

    ask: Callable[[House], Awaitable[Ask]]
    may: set[str]
    denied: set[str] = field(default_factory=set)
    shows: set[str] | None = None
    passes: tuple[int, ...] = (200, 201, 202, 204)


class House:
    """A hub, everybody's tokens, and things that are made to be asked for."""

    def __init__(self, hub: Hub, http: httpx2.AsyncClient, worker: LocalWorker) -> None:
        self.hub = hub
        self.http = http
        self.worker = worker
        self.tokens: dict[str, str] = {"nobody": ""}
        self._numbers = itertools.count(1)

    def new(self, kind: str) -> str:
        return f"{kind}{next(self._numbers)}"

    async def ask(self, who: str, ask: Ask) -> httpx2.Response:
        headers = {"Prefer": "respond-async"}
        if self.tokens[who]:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        if isinstance(ask.body, bytes):
            headers["Content-Type"] = "application/octet-stream"
            return await self.http.request(ask.method, ask.path, content=ask.body, headers=headers)
        return await self.http.request(ask.method, ask.path, json=ask.body, headers=headers)

    async def done(self, method: str, path: str, body: Any = None, *, who: str = "alice") -> Any:
        answer = await self.ask(who, Ask(method, path, body))
        assert answer.is_success, (method, path, answer.text)
        return answer.json() if answer.content else None

    async def subject(self, who: str) -> access.Subject:
        return await self.hub.services.accounts.authenticate(self.tokens[who])

    async def person(self, handle: str, *, admin: bool = False) -> None:
        body = {"handle": handle, "email": f"{handle}@lab.org", "admin": admin}
        made = await self.done("POST", "/v1/accounts", body, who="admin")
        self.tokens[handle] = made["token"]["token"]

    async def token(self, scopes: tuple[str, ...], only: tuple[str, ...] = (), expires_at: float | None = None) -> str:
        alice = await self.subject("alice")
        issued = await self.hub.services.accounts.tokens.issue(alice.key, "narrow", scopes, only, expires_at, alice)
        return issued.token

    async def function(self) -> str:
        name = f"alice/lab/{self.new('f')}"
        item = frames.Publication("/" + name, DOCUMENT, bytes(16), FunctionOptions())
        [answer] = await self.hub.services.catalog.publish(await self.subject("alice"), [item])
        assert answer.failure is None
        return name

    async def space(self) -> str:
        path = f"alice/lab/{self.new('n')}"
        await self.done("POST", "/v1/namespaces", {"path": path})
        return path

    async def call(self, *, ended: bool = True) -> str:
        self.worker.hold = not ended
        path = "/v1/functions/alice/lab/f/invocations"
        identifier = str((await self.done("POST", path, {"args": {"x": 1.0}}))["id"])
        while ended and (await self.done("GET", f"/v1/invocations/{identifier}"))["status"] != "succeeded":
            pass
        return identifier

    async def group(self) -> str:
        handle = self.new("band")
        await self.done("POST", "/v1/groups", {"handle": handle})
        await self.done("PUT", f"/v1/groups/{handle}/members/member", {})
        await self.done("PUT", f"/v1/groups/{handle}/members/viewer2", {})
        return handle

    async def invitation(self) -> tuple[str, str]:
        """Its id, and the path that it is for."""
        path = await self.function()
        made = await self.done("POST", "/v1/shares", {"path": path, "email": "stranger@lab.org"})
        return made["id"], path

    async def changes(self) -> int:
        """How much the hub has recorded."""
        page = await self.hub.services.audit.page(await self.subject("admin"), Query(limit=1))
        return max((row.key for row in page.items), default=0)


# -- what is asked -----------------------------------------------------------------------------------------------------


def to(method: str, path: str, body: Any = None, trace: str = "") -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask(method, path, body, trace)

    return ask


def at_function(method: str, rest: str = "", body: Any = None) -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask(method, f"/v1/functions/{await house.function()}{rest}", body)

    return ask


def at_alias(method: str, rest: str = "") -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        name = await house.function()
        other = frames.Publication("/" + name, DOCUMENT, b"\1" * 16, FunctionOptions())
        await house.hub.services.catalog.publish(await house.subject("alice"), [other])
        for version in (1, 2):
            await house.done("PUT", f"/v1/functions/{name}/aliases/prod", {"version": version})
        return Ask(method, f"/v1/functions/{name}/aliases/prod{rest}")

    return ask


def at_space(method: str, rest: str = "", body: Any = None) -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask(method, f"/v1/namespaces/{await house.space()}{rest}", body)

    return ask


async def rename(house: House) -> Ask:
    return Ask("PATCH", f"/v1/namespaces/{await house.space()}", {"path": f"alice/lab/{house.new('n')}"})


async def new_space(house: House) -> Ask:
    return Ask("POST", "/v1/namespaces", {"path": f"alice/lab/{house.new('n')}"})


async def unlink(house: House) -> Ask:
    path = await house.space()
    await house.done("POST", f"/v1/namespaces/{path}/~links", {"function": "alice/lab/f"})
    return Ask("DELETE", f"/v1/namespaces/{path}/~links/f")


def at_call(method: str, rest: str = "", *, ended: bool = True) -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask(method, f"/v1/invocations/{await house.call(ended=ended)}{rest}")

    return ask


async def calls(house: House) -> Ask:
    return Ask("GET", "/v1/invocations", trace=await house.call())


async def new_account(house: House) -> Ask:
    handle = house.new("eve")
    return Ask("POST", "/v1/accounts", {"handle": handle, "email": f"{handle}@lab.org"})


async def her_token(house: House) -> Ask:
    key = (await house.done("POST", "/v1/tokens", {"label": "plain"}))["id"]
    return Ask("DELETE", f"/v1/tokens/{key}")


async def her_tokens(house: House) -> Ask:
    label = house.new("label")
    await house.done("POST", "/v1/tokens", {"label": label})
    return Ask("GET", "/v1/tokens", trace=label)


def at_group(method: str, rest: str = "", body: Any = None) -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask(method, f"/v1/groups/{await house.group()}{rest}", body)

    return ask


async def new_group(house: House) -> Ask:
    return Ask("POST", "/v1/groups", {"handle": house.new("band")})


async def new_share(house: House) -> Ask:
    return Ask("POST", "/v1/shares", {"path": await house.function(), "handle": "stranger"})


async def given_share(house: House) -> Ask:
    made = await house.done("POST", "/v1/shares", {"path": await house.function(), "handle": "stranger"})
    return Ask("DELETE", f"/v1/shares/{made['id']}")


async def shares(house: House) -> Ask:
    address = f"{house.new('guest')}@else.org"
    await house.done("POST", "/v1/shares", {"path": await house.function(), "email": address})
    return Ask("GET", "/v1/shares?limit=500", trace=address)


async def invites(house: House) -> Ask:
    return Ask("GET", "/v1/invites", trace=(await house.invitation())[1])


def at_invite(verb: str) -> Callable[[House], Awaitable[Ask]]:
    async def ask(house: House) -> Ask:
        return Ask("POST", f"/v1/invites/{(await house.invitation())[0]}/{verb}")

    return ask


async def drain(house: House) -> Ask:
    worker = LocalWorker(f"{next(house._numbers):032x}")
    await worker.serve(house.hub, house.tokens["alice"], {f"/{await house.function()}": Served(lambda x: x)})
    return Ask("POST", f"/v1/workers/{worker.boot}/drain")


async def blob(house: House) -> Ask:
    answer = await house.ask("alice", Ask("POST", "/v1/blobs", house.new("bytes").encode()))
    return Ask("GET", f"/v1/blobs/{answer.json()['digest']}")


CALL = {"args": {"x": 1.0}}
CALLS = {"alice", "invoke", "limited", "invoker", "sharer"}
NO_CALL = {"viewer", "bare", "serve", "deploy", "manage"}
NO_MANAGE = NARROW | {"viewer", "invoker"}
UNLIMITED = EVERYBODY - {"limited", "elsewhere"}
FOR_ADMINISTRATORS: dict[str, Any] = {"may": {"admin"}, "denied": EVERYBODY - {"admin"}}

TABLE: dict[str, Row] = {
    "call_function": Row(to("POST", "/v1/functions/alice/lab/f/invocations", CALL), CALLS, NO_CALL),
    "call_function_many": Row(to("POST", "/v1/functions/alice/lab/f/batches", {"items": [{"x": 1.0}]}), CALLS, NO_CALL),
    "list_functions": Row(to("GET", "/v1/functions?limit=500", trace='"alice/lab/f"'), EVERYBODY, shows=SEES),
    "show_function": Row(at_function("GET"), SEES),
    "change_function": Row(at_function("PATCH", "@1", {"deprecated": "old"}), MANAGES, NO_MANAGE),
    "delete_function": Row(at_function("DELETE", "?force=true"), MANAGES, NO_MANAGE),
    "list_versions": Row(at_function("GET", "/versions"), SEES),
    "list_aliases": Row(at_function("GET", "/aliases"), SEES),
    "put_alias": Row(at_function("PUT", "/aliases/prod", {"version": 1}), MANAGES, NO_MANAGE),
    "delete_alias": Row(at_alias("DELETE"), MANAGES, NO_MANAGE),
    "roll_back_alias": Row(at_alias("POST", "/~rollback"), MANAGES, NO_MANAGE),
    "list_namespaces": Row(to("GET", "/v1/namespaces?limit=500", trace='"alice/lab"'), EVERYBODY, shows=SEES),
    "create_namespace": Row(new_space, MANAGES, NO_MANAGE),
    "rename_namespace": Row(rename, MANAGES, NO_MANAGE),
    "delete_namespace": Row(at_space("DELETE"), MANAGES, NO_MANAGE),
    "create_link": Row(at_space("POST", "/~links", {"function": "alice/lab/f"}), MANAGES, NO_MANAGE),
    "delete_link": Row(unlink, MANAGES, NO_MANAGE),
    "list_invocations": Row(calls, EVERYBODY, shows=WITHIN),
    "get_invocation": Row(at_call("GET"), WITHIN | {"admin"}),
    "delete_invocation": Row(at_call("DELETE", ended=False), OWN_CALL | {"admin"}, WITHIN - OWN_CALL),
    "cancel_invocation": Row(at_call("POST", "/cancel", ended=False), OWN_CALL | {"admin"}, WITHIN - OWN_CALL),
    "get_result": Row(at_call("GET", "/result"), OWN_CALL, WITHIN - OWN_CALL | {"admin"}),
    "get_arguments": Row(at_call("GET", "/arguments"), OWN_CALL, WITHIN - OWN_CALL | {"admin"}),
    "delete_data": Row(at_call("DELETE", "/data"), OWN_CALL | {"admin"}, WITHIN - OWN_CALL),
    "erase_invocation": Row(at_call("POST", "/erase"), OWN_CALL | {"admin"}, WITHIN - OWN_CALL),
    "explain_invocation": Row(at_call("GET", "/explain"), WITHIN | {"admin"}),
    "get_logs": Row(at_call("GET", "/logs"), WITHIN | {"admin"}),
    "who_am_i": Row(to("GET", "/v1/me"), EVERYBODY),
    "create_account": Row(new_account, **FOR_ADMINISTRATORS),
    "confirm_account": Row(to("POST", "/v1/accounts/viewer2/confirm", {}), **FOR_ADMINISTRATORS),
    "disable_account": Row(to("POST", "/v1/accounts/viewer2/disable"), **FOR_ADMINISTRATORS),
    "enable_account": Row(to("POST", "/v1/accounts/viewer2/enable"), **FOR_ADMINISTRATORS),
    "list_accounts": Row(to("GET", "/v1/accounts"), **FOR_ADMINISTRATORS),
    "log_out": Row(to("POST", "/v1/logout"), EVERYBODY),  # nothing of these came from logging in, so nothing ends
    # A first password gives all that logging in gives: it takes a token that lacks nothing of that. (400: too weak.)
    "set_password": Row(
        to("PUT", "/v1/me/password", {"new": "weak"}),
        PEOPLE | {"alice", "admin"},
        HERS - {"alice"} | {"off_duty"},
        passes=(400,),
    ),
    "list_tokens": Row(her_tokens, WITH_MANAGE, NARROW, shows={"alice", "manage"}),
    "create_token": Row(to("POST", "/v1/tokens", {}), WITH_MANAGE, NARROW),
    "revoke_token": Row(her_token, {"alice", "manage"}, NARROW),
    "list_groups": Row(to("GET", "/v1/groups", trace='"crew"'), EVERYBODY, shows=CREW),
    "create_group": Row(new_group, WITH_MANAGE & UNLIMITED, NARROW | {"limited", "elsewhere"}),
    "get_group": Row(to("GET", "/v1/groups/crew"), CREW),
    "delete_group": Row(at_group("DELETE"), LEADS_CREW, NARROW | {"member"}),
    "put_member": Row(at_group("PUT", "/members/invoker", {}), LEADS_CREW, NARROW | {"member"}),
    "remove_member": Row(at_group("DELETE", "/members/viewer2"), LEADS_CREW, NARROW | {"member"}),
    "invite_member": Row(at_group("POST", "/invitations", {"email": "new@else.org"}), LEADS_CREW, NARROW | {"member"}),
    "list_shares": Row(shares, EVERYBODY, shows={"alice", "manage", "limited", "sharer"}),
    "create_share": Row(new_share, MANAGES, NO_MANAGE),
    "delete_share": Row(given_share, {"alice", "manage", "limited", "sharer", "stranger"}, NARROW),
    "list_invites": Row(invites, EVERYBODY, shows={"stranger"}),
    "accept_invite": Row(at_invite("accept"), {"stranger"}, NARROW),
    "decline_invite": Row(at_invite("decline"), {"stranger"}, NARROW),
    "list_workers": Row(to("GET", "/v1/workers", trace="ab" * 16), EVERYBODY, shows=WITHIN | {"sharer", "admin"}),
    "drain_worker": Row(
        drain, {"alice", "manage", "serve", "limited", "admin"}, {"bare", "invoke", "deploy", "sharer"}
    ),
    "usage": Row(to("GET", "/v1/usage?role=owner", trace="alice/lab/f"), EVERYBODY, shows=WITHIN),
    "get_limits": Row(to("GET", "/v1/accounts/alice/limits"), HERS | {"admin"}, EVERYBODY - HERS - {"admin"}),
    "put_limits": Row(to("PUT", "/v1/accounts/viewer2/limits", {"per_minute": 5}), **FOR_ADMINISTRATORS),
    "list_audit": Row(
        to("GET", "/v1/audit?path=alice/lab/f", trace="function.publish"),
        WITH_MANAGE,
        NARROW,
        shows={"alice", "manage", "limited", "admin"},
    ),
    "upload_blob": Row(
        to("POST", "/v1/blobs", b"bytes"), EVERYBODY - {"bare", "deploy", "manage"}, {"bare", "deploy", "manage"}
    ),
    "download_blob": Row(blob, WITHIN - {"limited"}),  # which did not upload it
    "metrics": Row(to("GET", "/metrics"), **FOR_ADMINISTRATORS),
}
# Rows that take no token; each asks for a proof of its own, or gives nothing away.
OPEN: dict[str, tuple[Ask, int]] = {
    "create_account": (Ask("POST", "/v1/accounts", {"handle": "eve", "email": "e@e.org", "password": "x" * 9}), 403),
    "log_in": (Ask("POST", "/v1/login", {"name": "alice", "password": "no such password"}), 401),
    "prove_address": (Ask("POST", "/v1/confirm", {"secret": "s" * 43}), 404),
    "wish_confirmation": (
        Ask("POST", "/v1/confirm/again", {"email": "alice@lab.org"}),
        400,
    ),  # without mail there is none
    "wish_reset": (Ask("POST", "/v1/reset", {"email": "alice@lab.org"}), 400),  # without mail there is none
    "reset_password": (Ask("PUT", "/v1/reset", {"secret": "s" * 43, "password": "a good long pass"}), 404),
    "healthz": (Ask("GET", "/healthz"), 200),
    "readyz": (Ask("GET", "/readyz"), 200),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    hub = await build_hub(load_hub(environ={}, data=tmp_path_factory.mktemp("everybody"), linger_seconds=0.0))
    transport = httpx2.ASGITransport(app=hub.app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://hub") as http:
        made = House(hub, http, LocalWorker("ab" * 16))
        made.tokens["admin"] = str(hub.first_token)
        await people(made)
        await made.worker.serve(hub, made.tokens["alice"], {"/alice/lab/f": Served(lambda x: x)})
        await made.call()
        yield made
    await hub.stop()


async def people(house: House) -> None:
    for handle in ("alice", "stranger", "viewer", "viewer2", "invoker", "sharer", "member", "former", "disabled"):
        await house.person(handle)
    for handle, level in (("viewer", "view"), ("invoker", "invoke"), ("sharer", "manage")):
        await house.done("POST", "/v1/shares", {"path": "alice/lab", "handle": handle, "can": level})
    await house.done("POST", "/v1/groups", {"handle": "crew"})
    for handle in ("member", "former"):
        await house.done("PUT", f"/v1/groups/crew/members/{handle}", {})
    await house.done("DELETE", "/v1/groups/crew/members/former")
    await house.done("POST", "/v1/accounts/disabled/disable", who="admin")
    house.tokens["off_duty"] = (await house.done("POST", "/v1/tokens", {"scopes": EVERYDAY}, who="admin"))["token"]
    house.tokens["bare"] = await house.token(())
    for scope in ("invoke", "serve", "deploy", "manage"):
        house.tokens[scope] = await house.token((scope,))
    house.tokens["limited"] = await house.token(EVERYDAY, ("alice/lab",))
    house.tokens["elsewhere"] = await house.token(EVERYDAY, ("alice/other",))
    house.tokens["expired"] = await house.token(EVERYDAY, expires_at=time.time() - 1)
    house.tokens["revoked"] = await house.token(EVERYDAY)
    alice = await house.subject("alice")
    revoked = await house.subject("revoked")
    await house.hub.services.accounts.tokens.revoke(alice, revoked.token)


async def test_the_table_has_every_row_of_the_surface(house: House) -> None:
    rows = operations(Metrics(house.hub.services))
    assert {row.name for row in rows} == TABLE.keys() | OPEN.keys()
    assert {row.name for row in rows if not row.token} == OPEN.keys()


@pytest.mark.parametrize("name", OPEN)
async def test_what_takes_no_token_takes_another_proof(house: House, name: str) -> None:
    ask, status = OPEN[name]
    assert (await house.ask("nobody", ask)).status_code == status


@pytest.mark.parametrize("name", [name for name, (ask, _) in OPEN.items() if ask.body is not None])
async def test_strangers_send_little(house: House, name: str) -> None:
    ask = OPEN[name][0]
    assert (await house.ask("nobody", Ask(ask.method, ask.path, {**ask.body, "more": "x" * 70_000}))).status_code == 413


@pytest.mark.parametrize("name", [name for name in TABLE if name not in OPEN])
async def test_without_a_token_that_holds_there_is_nothing(house: House, name: str) -> None:
    ask = await TABLE[name].ask(house)
    before = await house.changes()
    for who in sorted(ENDED):
        assert (await house.ask(who, ask)).status_code == 401, who
    assert await house.changes() == before


@pytest.mark.parametrize("name", TABLE)
async def test_everybody_may_only_what_is_theirs(house: House, name: str) -> None:
    row = TABLE[name]
    refused, found = await row.ask(house), {}
    before = await house.changes()
    for who in sorted(EVERYBODY - row.may):
        found[who] = (await house.ask(who, refused)).status_code
    assert found == {who: 403 if who in row.denied else 404 for who in EVERYBODY - row.may}
    assert await house.changes() == before, "a refusal changed something"
    for who in sorted(row.may):
        asked = await row.ask(house)
        answer = await house.ask(who, asked)
        assert answer.status_code in row.passes, (who, answer.text)
        if row.shows is not None:
            assert (asked.trace in answer.text) is (who in row.shows), (who, answer.text)
