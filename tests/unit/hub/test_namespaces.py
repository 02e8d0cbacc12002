from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace

import pytest

from farcall.domain.errors import Failure, Refused
from farcall.hub.namespaces import Names
from farcall.hub.ports import AuditFilter, PutGrant
from farcall.hub.releases import Releases

from .conftest import House
from .floor import Floor, item

pytestmark = pytest.mark.anyio

DOUBLE = "alice/double"


class Room:
    """The floor, with the use cases of names and versions."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.house = floor.house
        self.names = Names(self.house.store, self.house.catalog, self.house.accounts, floor.workers)
        self.releases = Releases(self.house.store, self.house.catalog, self.names)
        self.heard: list[str] = []
        self.house.catalog.on_changed(self.heard.extend)

    async def grant(self, path: str, level: str, handle: str = "bob") -> None:
        account = await self.house.store.account(handle=handle)
        assert account is not None
        await self.house.store.do(PutGrant(path, account.key, level, 1, 0.0))
        self.house.accounts.changed(account.key)

    async def number(self, name: str, handle: str = "bob") -> int:
        """The version that the name means for somebody who calls."""
        subject = await self.house.subject(handle)
        return (await self.house.catalog.version_for(subject, name, "invoke")).number

    async def seen(self, handle: str = "bob", **asked: str) -> list[str]:
        entries, _ = await self.house.catalog.functions(await self.house.subject(handle), **asked)  # type: ignore[arg-type]
        return [entry.place for entry in entries]


async def refusal(awaitable: Awaitable[object]) -> Failure:
    with pytest.raises(Refused) as caught:
        await awaitable
    return caught.value.failure


@pytest.fixture
async def room(house: House) -> AsyncIterator[Room]:
    floor = await Floor.open(house)
    yield Room(floor)
    floor.dispatcher.stop()


async def test_who_manages_makes_namespaces_and_others_do_not(room: Room) -> None:
    alice, bob = await room.house.subject("alice"), await room.house.subject("bob")
    made = await room.names.create(alice, "alice/my-lab/optics")
    assert (made.path, made.made, made.level.label) == ("alice/my_lab/optics", True, "owner")
    assert (await room.names.create(alice, "alice/my_lab/optics")).made
    assert (await refusal(room.names.create(bob, "alice/bobs"))).code == "not_found"
    await room.grant("alice/my_lab", "view")
    bob = await room.house.subject("bob")
    assert (await refusal(room.names.create(bob, "alice/my_lab/bobs"))).code == "permission_denied"
    spaces, _ = await room.names.namespaces(bob)
    assert [(space.path, space.made) for space in spaces] == [("alice/my_lab", False), ("alice/my_lab/optics", True)]
    for wrong in ("alice", "alice/Lab", "alice/versions", "alice//x"):
        assert (await refusal(room.names.create(alice, wrong))).code == "invalid_request"
    await room.house.publish("alice", "double")
    assert (await refusal(room.names.create(alice, DOUBLE))).code == "conflict"


async def test_a_link_within_one_handle_lets_those_call_who_may_call_in_its_namespace(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    await room.grant("alice/shared", "invoke")
    assert await room.seen() == []
    alice = await room.house.subject("alice")
    assert await room.names.link(alice, "alice/shared", "alice/physics/fall") == (
        "alice/shared/fall",
        "alice/physics/fall",
    )
    assert "alice/shared/fall" in room.heard
    assert await room.number("alice/shared/fall") == await room.number("alice/physics/fall") == 1
    assert await room.seen() == ["alice/shared/fall"]
    assert await room.seen(text="fall") == ["alice/physics/fall"]
    bob = await room.house.subject("bob")
    for action in ("serve", "deploy", "manage"):
        denied = await refusal(room.house.catalog.version_for(bob, "alice/shared/fall", action))  # type: ignore[arg-type]
        assert denied.code == "not_found"
    await room.names.unlink(alice, "alice/shared/fall")
    assert (await refusal(room.house.catalog.version_for(bob, "alice/shared/fall", "view"))).code == "not_found"
    assert (await refusal(room.house.catalog.version_for(bob, "alice/physics/fall", "view"))).code == "not_found"


async def test_a_link_into_another_handle_is_a_pointer_that_hands_nothing_on(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    await room.grant("alice/physics", "invoke")
    bob = await room.house.subject("bob")
    await room.names.link(bob, "bob/tools", "alice/physics/fall", "drop")
    assert await room.number("bob/tools/drop") == 1
    _, token = await room.house.accounts.create(await room.house.subject("admin"), "carol", "carol@example.org")
    room.house.tokens["carol"] = token.token
    await room.grant("bob/tools", "manage", "carol")
    carol = await room.house.subject("carol")
    assert (await refusal(room.house.catalog.version_for(carol, "bob/tools/drop", "view"))).message == (
        "There is no bob/tools/drop, or you may not know of it."
    )
    assert await room.seen("carol") == await room.seen("carol", text="fall") == []
    # Who may call the function, but knows nothing of the namespace, is not told of the link either.
    assert (
        await refusal(room.house.catalog.version_for(await room.house.subject("alice"), "bob/tools/drop", "view"))
    ).code


async def test_who_may_only_see_a_function_gains_nothing_by_linking_it_where_they_manage(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    await room.grant("alice/physics", "view")
    await room.grant("alice/shared", "manage")
    bob = await room.house.subject("bob")
    await room.names.link(bob, "alice/shared", "alice/physics/fall")
    assert (
        await refusal(room.house.catalog.version_for(bob, "alice/shared/fall", "invoke"))
    ).code == "permission_denied"
    assert (await refusal(room.names.link(bob, "alice/shared", "alice/secret"))).code == "not_found"
    assert (await refusal(room.names.link(bob, "alice/other", "alice/physics/fall"))).code == "not_found"


async def test_a_link_needs_a_free_name_and_is_not_deleted_as_a_function(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    await room.house.publish("alice", "double")
    alice = await room.house.subject("alice")
    assert (await refusal(room.names.link(alice, "alice/physics", "alice/double", "fall"))).code == "conflict"
    assert (await refusal(room.names.link(alice, "alice/double", "alice/physics/fall"))).code == "conflict"
    await room.names.link(alice, "alice/physics", DOUBLE, "twice")
    failure = await refusal(room.releases.delete(alice, "alice/physics/twice"))
    assert "is a link to alice/double" in failure.message
    for path in ("alice/physics/fall", "alice/physics/nothing"):
        assert (await refusal(room.names.unlink(alice, path))).code == "not_found"
    assert (await room.house.publish("alice", "physics/twice")).failure is not None


async def test_renaming_takes_callers_workers_and_calls_under_way_along(room: Room) -> None:
    floor = room.floor
    worker = await floor.worker(slots=1)
    await floor.share()
    bob = await floor.caller()
    await bob.call(item(1.0), item(2.0), acknowledge=True)
    first = (await worker.offered())[0]
    alice = await room.house.subject("alice")
    assert await room.names.rename(alice, DOUBLE, "alice/math/twice") == "alice/math/twice"
    assert {DOUBLE, "alice/math/twice"} <= set(room.heard)
    await worker.finish(first)
    second = (await worker.offered(2))[1]
    await worker.finish(second)
    async with asyncio.timeout(5):
        while len(bob.line.results) < 2:
            await asyncio.sleep(0.005)
    assert sorted(bob.line.results.values()) == [2.0, 4.0]
    assert floor.workers.present()[0].names == ["alice/math/twice"]
    assert await room.number("alice/math/twice") == 1
    assert (await refusal(room.house.catalog.version_for(await room.house.subject("bob"), DOUBLE, "view"))).code == (
        "not_found"
    )


async def test_names_stay_below_their_handle_and_are_not_taken_from_others(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    await room.house.publish("alice", "double")
    await room.grant("alice/physics", "manage")
    bob, alice = await room.house.subject("bob"), await room.house.subject("alice")
    assert (await refusal(room.names.rename(bob, "alice/physics/fall", "bob/fall"))).code == "invalid_request"
    assert (await refusal(room.names.rename(bob, "alice/physics/fall", "alice/fall"))).code == "not_found"
    assert (await refusal(room.names.rename(alice, "alice", "alice/new"))).code == "conflict"
    assert (await refusal(room.names.rename(alice, "alice/nothing", "alice/new"))).code == "not_found"
    assert (await refusal(room.names.rename(alice, DOUBLE, "alice/physics"))).code == "conflict"
    assert (await refusal(room.names.rename(alice, "alice/physics", "alice/Physics"))).code == "invalid_request"
    await room.names.rename(bob, "alice/physics/fall", "alice/physics/drop")
    assert await room.seen("bob") == ["alice/physics/drop"]


async def test_an_alias_is_resolved_at_each_call_and_rolled_back(room: Room) -> None:
    for parameter in ("x", "y", "z"):
        await room.house.publish("alice", "double", parameter)
    await room.grant(DOUBLE, "invoke")
    alice = await room.house.subject("alice")
    await room.releases.move_alias(alice, DOUBLE, "prod", "1")
    assert await room.number(f"{DOUBLE}@prod") == 1
    await room.releases.move_alias(alice, DOUBLE, "prod", "3")
    await room.releases.move_alias(alice, DOUBLE, "stable", "prod")
    assert (await room.number(f"{DOUBLE}@prod"), await room.number(f"{DOUBLE}@stable")) == (3, 3)
    assert (await room.releases.roll_back(alice, DOUBLE, "prod")).number == 1
    assert await room.number(f"{DOUBLE}@prod") == 1
    assert (await refusal(room.releases.roll_back(alice, DOUBLE, "prod"))).code == "conflict"
    function, moves = await room.releases.aliases(await room.house.subject("bob"), DOUBLE)
    assert sorted(function.aliases) == ["prod", "stable"]
    assert [(move.alias, move.number, move.undone_at is None) for move in moves] == [
        ("stable", 3, True),
        ("prod", 3, False),
        ("prod", 1, True),
    ]
    for wrong in ("latest", "7", "abcdefabcdef", "Prod", "usage", ""):
        failure = await refusal(room.releases.move_alias(alice, DOUBLE, wrong, "1"))
        assert failure.code == "invalid_request", wrong
    bob = await room.house.subject("bob")
    assert (await refusal(room.releases.move_alias(bob, DOUBLE, "mine", "1"))).code == "permission_denied"
    assert (await refusal(room.releases.move_alias(alice, DOUBLE, "mine", "9"))).code == "not_found"
    assert (await refusal(room.house.catalog.version_for(bob, f"{DOUBLE}@mine", "view"))).hint == (
        "Aliases there: prod, stable."
    )
    await room.releases.delete_alias(alice, DOUBLE, "prod")
    assert (await refusal(room.house.catalog.version_for(bob, f"{DOUBLE}@prod", "view"))).code == "not_found"


async def test_a_version_is_deleted_when_nobody_needs_it_and_who_does_is_named(room: Room) -> None:
    floor = room.floor
    await room.house.publish("alice", "double", "y")
    worker = await floor.worker()
    alice = await room.house.subject("alice")
    row = await room.house.catalog.version_for(alice, DOUBLE, "view")
    served = f"{DOUBLE}@{row.number}"
    assert "being served, by" in (await refusal(room.releases.delete_version(alice, served))).message
    await room.releases.move_alias(alice, DOUBLE, "old", "1")
    assert "what old means" in (await refusal(room.releases.delete_version(alice, f"{DOUBLE}@1"))).message
    assert "which version" in (await refusal(room.releases.delete_version(alice, f"{DOUBLE}@latest"))).message
    await room.releases.delete_alias(alice, DOUBLE, "old")
    await room.releases.delete_version(alice, f"{DOUBLE}@1")
    assert (await refusal(room.house.catalog.version_for(alice, f"{DOUBLE}@1", "view"))).code == "not_found"
    floor.workers.left(worker.line)
    floor.workers.disconnected(worker.line)
    assert "the only version" in (await refusal(room.releases.delete_version(alice, served))).message


async def test_what_waits_for_a_deleted_function_ends_as_withdrawn_even_if_it_asked_to_wait(room: Room) -> None:
    floor = room.floor
    worker = await floor.worker(slots=1)
    await floor.share()
    bob = await floor.caller()
    calls = [item(float(n)) for n in range(3)]
    await bob.call(*calls, acknowledge=True, queue=True)
    [running, *_] = await worker.offered()
    alice = await room.house.subject("alice")
    failure = await refusal(room.releases.delete(alice, DOUBLE))
    assert (failure.code, "being served" in failure.message) == ("conflict", True)
    await room.releases.delete(alice, DOUBLE, force=True)
    assert floor.workers.present()[0].versions == []
    await worker.finish(running)
    async with asyncio.timeout(5):
        while len(bob.line.results) < 3:
            await asyncio.sleep(0.005)
    outcomes = bob.line.results
    assert outcomes[running.id] == 0.0
    assert [outcomes[call.id] for call in calls if call.id != running.id] == ["version_withdrawn"] * 2
    record = await room.house.store.invocation(running.id)
    assert record is not None
    assert record.function == DOUBLE
    await bob.call(item(9.0))
    assert set(bob.line.refusals.values()) == {"not_found"}


async def test_a_deprecated_version_says_so_until_that_is_taken_back(room: Room) -> None:
    await room.house.publish("alice", "double")
    alice = await room.house.subject("alice")
    await room.releases.deprecate(alice, f"{DOUBLE}@1", "use\n  alice/twice")
    assert (await room.floor.invocations.resolve(alice, DOUBLE)).deprecated == "use alice/twice"
    await room.releases.deprecate(alice, f"{DOUBLE}@1", "")
    assert (await room.floor.invocations.resolve(alice, DOUBLE)).deprecated == ""
    assert (await refusal(room.releases.deprecate(alice, DOUBLE, "gone soon"))).code == "invalid_request"
    assert (await refusal(room.releases.deprecate(alice, f"{DOUBLE}@1", "x" * 501))).code == "invalid_request"


async def test_a_token_that_is_limited_manages_only_within_its_limit(room: Room) -> None:
    await room.house.publish("alice", "physics/fall")
    limited = replace(await room.house.subject("alice"), only=("alice/physics",))
    await room.names.create(limited, "alice/physics/deep")
    assert (await refusal(room.names.create(limited, "alice/other"))).code == "not_found"
    assert (await refusal(room.names.rename(limited, "alice/physics/fall", "alice/fall"))).code == "not_found"
    powerless = replace(limited, scopes=frozenset({"invoke"}))
    assert (await refusal(room.releases.delete(powerless, "alice/physics/fall"))).code == "permission_denied"


async def test_changes_of_names_and_versions_are_in_the_audit_log(room: Room) -> None:
    alice = await room.house.subject("alice")
    await room.house.publish("alice", "double")
    await room.house.publish("alice", "double", "y")
    await room.house.publish("alice", "double", "y")
    await room.names.create(alice, "alice/lab")
    await room.names.link(alice, "alice/lab", DOUBLE)
    await room.names.unlink(alice, "alice/lab/double")
    await room.names.rename(alice, "alice/lab", "alice/room")
    await room.releases.move_alias(alice, DOUBLE, "prod", "1")
    await room.releases.delete_alias(alice, DOUBLE, "prod")
    await room.releases.deprecate(alice, f"{DOUBLE}@1", "old")
    await room.releases.delete_version(alice, f"{DOUBLE}@1")
    await room.releases.delete(alice, DOUBLE)
    await room.names.delete(alice, "alice/room")
    page = await room.house.store.audit(AuditFilter())
    assert [row.what for row in reversed(page.items) if row.who == "alice"] == [
        "function.publish",
        "function.publish",
        "namespace.create",
        "link.create",
        "link.delete",
        "namespace.rename",
        "alias.move",
        "alias.delete",
        "function.deprecate",
        "version.delete",
        "function.delete",
        "namespace.delete",
    ]
