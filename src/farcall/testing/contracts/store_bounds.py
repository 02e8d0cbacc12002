"""Bounds: a command that carries one is refused where there is as much already, in its own transaction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from farcall.hub.ports import (
    BOUND_MEMORY_SECONDS,
    Command,
    CreateGroup,
    CreateToken,
    DeleteFunction,
    DeleteGroup,
    DeleteVersion,
    MakeNamespace,
    Outcome,
    PublishVersions,
    PutGrant,
    PutInvitation,
    PutLink,
    RevokeToken,
    VersionRow,
)
from farcall.testing.contracts.desk import START, Desk, WithDesk, version_spec

LATER = START + BOUND_MEMORY_SECONDS + 1


async def at_once(desk: Desk, *commands: Command) -> list[Any]:
    """Their outcomes; nobody waits for one before the next is written."""
    outcomes: list[Any] = []
    for command in commands[:-1]:
        desk.store.write(command, outcomes.append)
    last = await desk.store.do(commands[-1])
    return [*outcomes, last]


class BoundsContract(WithDesk):
    async def test_tokens_count_until_a_day_after_their_end(self, desk: Desk) -> None:
        def token(number: int, at: float = START, **more: Any) -> CreateToken:
            return CreateToken(desk.bob, bytes([number]) * 32, "", ("invoke",), (), at, None, at_most=2, **more)

        before = len(await desk.store.tokens(desk.bob))
        assert before == 0
        login = replace(token(9), kind="login", at_most=None)
        first, *rest = await at_once(desk, token(1), token(2), login, token(3))
        assert rest[0] > first
        assert rest[2] is Outcome.FULL
        await desk.store.do(RevokeToken(desk.bob, first, START))
        assert await desk.store.do(token(3)) is Outcome.FULL
        assert isinstance(await desk.store.do(token(3, LATER)), int)
        assert await desk.store.do(replace(token(4, LATER), at_most=None)) is not Outcome.FULL

    async def test_groups_count_for_whoever_made_them_until_a_day_after_they_were_made(self, desk: Desk) -> None:
        def group(handle: str, at: float = START) -> CreateGroup:
            return CreateGroup(handle, desk.bob, b"k" * 32, at, at_most=2)

        one, two, three = await at_once(desk, group("one"), group("two"), group("three"))
        assert three is Outcome.FULL
        assert one != two
        assert await desk.store.do(group("two")) is Outcome.CONFLICT
        await desk.store.do(DeleteGroup(one, START))
        assert await desk.store.do(group("three")) is Outcome.FULL
        assert isinstance(await desk.store.do(group("three", LATER)), int)
        assert isinstance(await desk.store.do(CreateGroup("four", desk.alice, b"k" * 32, START, at_most=1)), int)

    async def test_shares_and_invitations_that_wait_count_together_and_replacing_adds_nothing(self, desk: Desk) -> None:
        def share(path: str, at: float = START, ends: float | None = None) -> PutGrant:
            return PutGrant(path, desk.bob, "invoke", desk.alice, at, ends, at_most=3)

        def invite(email: str, digest: bytes) -> PutInvitation:
            return PutInvitation(digest * 32, email, "alice/a", "invoke", desk.alice, START, None, at_most=3)

        made = await at_once(desk, share("alice/a", ends=START + 5), share("alice/b"), invite("c@lab.org", b"1"))
        assert all(isinstance(key, int) and not isinstance(key, Outcome) for key in made)
        refused = await at_once(desk, share("alice/c"), invite("d@lab.org", b"2"))
        assert refused == [Outcome.FULL, Outcome.FULL]
        again = await at_once(desk, share("alice/b"), invite("C@lab.org", b"3"))
        assert Outcome.FULL not in again
        other = PutGrant("alice/b", desk.bob, "view", desk.bob, START, at_most=0)
        assert await desk.store.do(other) is Outcome.FULL
        assert await desk.store.do(share("alice/c", START + 6)) is not Outcome.FULL

    async def test_namespaces_that_somebody_made_count_below_their_handle(self, desk: Desk) -> None:
        def space(path: str) -> MakeNamespace:
            return MakeNamespace(path, START, at_most=2)

        outcomes = await at_once(desk, *(space(path) for path in ("alice/a/b", "alice/c", "alice/d", "alice/c")))
        assert outcomes == [Outcome.OK, Outcome.OK, Outcome.FULL, Outcome.DUPLICATE]
        assert await desk.store.namespace("alice/d") is None
        assert await desk.store.do(space("alice/a")) is Outcome.FULL
        assert await desk.store.do(space("bob/d")) is Outcome.OK

    async def test_functions_and_links_count_below_their_handle_until_a_day_after_their_end(self, desk: Desk) -> None:
        there = len((await desk.store.functions(["alice"])).items)

        def publish(at: float, *names: str) -> PublishVersions:
            specs = [version_spec(name, b"1" * 16) for name in names]
            return PublishVersions(desk.alice, specs, at, functions_at_most=there + 2)

        one, two, three = await desk.store.do(publish(START, "alice/one", "alice/two", "alice/three"))
        assert isinstance(one, VersionRow)
        assert isinstance(two, VersionRow)
        assert three is Outcome.FULL
        link = PutLink("alice/more/one", one.function, False, desk.alice, START, at_most=there + 2)
        assert await desk.store.do(link) is Outcome.FULL
        await desk.store.do(DeleteFunction("alice/two", START))
        assert await desk.store.do(publish(START, "alice/three")) == [Outcome.FULL]
        assert isinstance((await desk.store.do(publish(START, "alice/one")))[0], VersionRow)
        assert await desk.store.do(replace(link, at=LATER)) is Outcome.OK
        assert await desk.store.do(publish(LATER, "alice/three")) == [Outcome.FULL]

    async def test_versions_count_until_a_day_after_their_end(self, desk: Desk) -> None:
        def publish(digest: bytes, at: float = START) -> PublishVersions:
            return PublishVersions(desk.alice, [version_spec("alice/v", digest * 16)], at, versions_at_most=2)

        ((first,), _, third) = await at_once(desk, publish(b"1"), publish(b"2"), publish(b"3"))
        assert third == [Outcome.FULL]
        assert isinstance(first, VersionRow)
        await desk.store.do(DeleteVersion(first.version, START))
        assert await desk.store.do(publish(b"3")) == [Outcome.FULL]
        assert isinstance((await desk.store.do(publish(b"1")))[0], VersionRow)
        await desk.store.do(DeleteVersion(first.version, START))
        assert isinstance((await desk.store.do(publish(b"3", LATER)))[0], VersionRow)
