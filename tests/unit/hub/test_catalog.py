from __future__ import annotations

import pytest

from farcall.domain.access import Level
from farcall.domain.errors import Refused
from farcall.domain.model import FunctionOptions
from farcall.hub.wanted import Wanted
from farcall.wire import frames

from .conftest import House, publication_of

pytestmark = pytest.mark.anyio


async def code_of(awaitable: object) -> str:
    with pytest.raises(Refused) as caught:
        await awaitable  # type: ignore[misc] # any awaitable will do
    return caught.value.failure.code


async def test_the_same_function_is_the_same_version_and_a_changed_one_a_new(house: House) -> None:
    first = await house.publish("alice", "physics/fall")
    again = await house.publish("alice", "physics/fall")
    changed = await house.publish("alice", "physics/fall", parameter="y")
    code_only = await house.publish("alice", "physics/fall", parameter="y", implementation=bytes([1] * 16))
    assert first.failure is None
    assert (first.name, first.number) == ("alice/physics/fall", 1)
    assert again == first
    assert (changed.number, code_only.number) == (2, 3)


async def test_a_name_means_the_newest_version_that_is_served(house: House) -> None:
    first = await house.publish("alice", "fall")
    second = await house.publish("alice", "fall", parameter="y")
    alice = await house.subject("alice")
    assert (await house.catalog.version_for(alice, "alice/fall", "invoke")).number == 2
    house.ready[first.version] = 1
    assert (await house.catalog.version_for(alice, "alice/fall", "invoke")).number == 1
    house.ready[second.version] = 1
    assert (await house.catalog.version_for(alice, "alice/fall@latest", "invoke")).number == 2


async def test_a_version_is_named_by_number_or_by_digest(house: House) -> None:
    first = await house.publish("alice", "fall")
    await house.publish("alice", "fall", parameter="y")
    alice = await house.subject("alice")
    row = await house.catalog.version_for(alice, "alice/fall@1", "view")
    assert row.version == first.version
    assert (await house.catalog.version_for(alice, f"alice/fall@{row.digest.hex()}", "view")).version == first.version
    for missing in ("alice/fall@7", "alice/fall@" + "0" * 31 + "a", "alice/fall@prod"):
        assert await code_of(house.catalog.version_for(alice, missing, "view")) == "not_found"


async def test_a_stranger_cannot_tell_a_hidden_function_from_none(house: House) -> None:
    await house.publish("alice", "fall")
    bob = await house.subject("bob")
    failures = []
    for name in ("alice/fall", "alice/nope"):
        with pytest.raises(Refused) as caught:
            await house.catalog.version_for(bob, name, "invoke")
        failures.append(caught.value.failure)
    hidden, missing = failures
    assert hidden.code == missing.code == "not_found"
    assert hidden.message.replace("fall", "nope") == missing.message
    assert hidden.hint == missing.hint
    with pytest.raises(Refused) as owner:
        await house.catalog.version_for(await house.subject("alice"), "alice/nope", "invoke")
    assert owner.value.failure == missing


async def test_one_serves_under_the_own_handle_or_where_one_manages(house: House) -> None:
    refused = await house.publish("bob", "/alice/fall")
    assert refused.failure is not None
    assert refused.failure.code == "not_found"
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/lab", "manage"))
    served = await house.publish("bob", "/alice/lab/fall")
    assert served.failure is None
    row = await house.catalog.version_for(await house.subject("alice"), "alice/lab/fall", "view")
    assert row.owner_handle == "alice"


async def test_a_function_and_a_namespace_cannot_share_a_name(house: House) -> None:
    await house.publish("alice", "physics/fall")
    for name in ("physics", "physics/fall/deeper"):
        answer = await house.publish("alice", name)
        assert answer.failure is not None
        assert answer.failure.code == "conflict"


async def test_each_of_many_is_published_or_refused_by_itself(house: House) -> None:
    alice = await house.subject("alice")
    answers = await house.catalog.publish(
        alice,
        [
            publication_of("good"),
            publication_of("no good"),
            publication_of("good"),
            frames.Publication("odd", {"parameters": "many"}, bytes(16), FunctionOptions()),
            frames.Publication("short", {}, b"123", FunctionOptions()),
            frames.Publication("never", {}, bytes(16), FunctionOptions(tries=0)),
            publication_of("fine"),
        ],
    )
    codes = [answer.failure.code if answer.failure else "" for answer in answers]
    assert codes == ["", "invalid_request", "conflict", "invalid_request", "invalid_request", "invalid_request", ""]
    assert answers[0].name == "alice/good"
    assert answers[6].name == "alice/fine"


async def test_a_token_without_the_scope_serves_nothing(house: House) -> None:
    made = await house.accounts.tokens.create(await house.subject("alice"), scopes=["invoke"])
    house.tokens["caller"] = made.token
    answer = await house.publish("caller", "fall")
    assert answer.failure is not None
    assert answer.failure.code == "permission_denied"


async def test_lists_hold_what_one_may_see(house: House) -> None:
    for name in ("a", "physics/fall", "physics/rise"):
        await house.publish("alice", name)
    await house.publish("bob", "own")
    await house.shares.share(await house.subject("alice"), "bob", Wanted("alice/physics", "view"))
    bob = await house.subject("bob")
    entries, following = await house.catalog.functions(bob)
    assert [(entry.row.name, entry.level) for entry in entries] == [
        ("alice/physics/fall", Level.VIEW),
        ("alice/physics/rise", Level.VIEW),
        ("bob/own", Level.OWNER),
    ]
    assert following is None
    assert [entry.row.name for entry in (await house.catalog.functions(bob, text="RISE"))[0]] == ["alice/physics/rise"]
    assert [entry.row.name for entry in (await house.catalog.functions(bob, below="bob"))[0]] == ["bob/own"]
    page, following = await house.catalog.functions(bob, limit=2)
    rest, _ = await house.catalog.functions(bob, limit=2, cursor=following)
    assert [entry.row.name for entry in (*page, *rest)] == ["alice/physics/fall", "alice/physics/rise", "bob/own"]


async def test_versions_are_listed_newest_first_with_their_workers(house: House) -> None:
    first = await house.publish("alice", "fall")
    await house.publish("alice", "fall", parameter="y")
    house.ready[first.version] = 3
    entries = await house.catalog.versions(await house.subject("alice"), "alice/fall")
    assert [(entry.row.number, entry.workers) for entry in entries] == [(2, 0), (1, 3)]


async def test_the_epoch_rises_only_with_changes_and_listeners_hear_the_names(house: House) -> None:
    heard: list[list[str]] = []
    house.catalog.on_changed(heard.append)
    await house.publish("alice", "fall")
    alice = await house.subject("alice")
    await house.catalog.version_for(alice, "alice/fall", "view")
    before = house.catalog.epoch
    await house.publish("alice", "fall")
    assert house.catalog.epoch == before
    await house.publish("alice", "fall", parameter="y")
    assert house.catalog.epoch > before
    assert heard[-1] == ["alice/fall"]
    house.catalog.presence_changed(["alice/fall"])
    assert house.catalog.epoch == before + 2


async def test_what_changed_between_two_versions_is_told_in_words(house: House) -> None:
    await house.publish("alice", "fall")
    alice = await house.subject("alice")
    old = await house.catalog.version_for(alice, "alice/fall", "view")
    await house.publish("alice", "fall", parameter="height")
    new = await house.catalog.version_for(alice, "alice/fall", "view")
    told = await house.catalog.changes(new, old.interface)
    assert "removed: x: float" in told
    assert "added: height: float" in told
    assert "not known" in await house.catalog.changes(new, bytes(16))
