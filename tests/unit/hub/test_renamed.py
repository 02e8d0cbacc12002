"""Workers publish under the names in their files, also after a rename."""

from __future__ import annotations

from dataclasses import replace

import pytest

from farcall.hub import ports

from .conftest import House, publication_of

pytestmark = pytest.mark.anyio


async def rename(house: House, path: str, to: str) -> None:
    outcome = await house.store.do(ports.Rename(path, to, 0.0))
    assert isinstance(outcome, ports.Moved)
    house.catalog.forget([name for pair in outcome.names for name in pair])


async def test_the_same_code_under_an_old_name_is_the_version_at_the_new_one(house: House) -> None:
    first = await house.publish("alice", "physics/f")
    await rename(house, "alice/physics", "alice/mechanics")
    again = await house.publish("alice", "physics/f")
    assert (again.failure, again.name, again.version) == (None, "alice/mechanics/f", first.version)
    await rename(house, "alice/mechanics/f", "alice/mechanics/g")
    again = await house.publish("alice", "physics/f")
    assert again.failure is not None
    assert again.failure.message == (
        "alice/physics was renamed to alice/mechanics, and this is no version of alice/mechanics/f."
    )
    assert await house.store.function(path="alice/physics/f") is None


async def test_other_code_under_an_old_name_is_refused_with_what_to_do(house: House) -> None:
    await house.publish("alice", "f")
    await rename(house, "alice/f", "alice/g")
    other = await house.publish("alice", "f", "y")
    assert other.failure is not None
    assert other.failure.code == "conflict"
    assert other.failure.hint.endswith("for something else: farcall delete alice/f")
    [row] = (await house.store.functions([""])).items
    assert row.place == "alice/g"


async def test_a_worker_that_serves_both_names_is_told_that_of_the_old_one(house: House) -> None:
    await house.publish("alice", "f")
    await rename(house, "alice/f", "alice/g")
    both = [publication_of("f"), publication_of("g")]
    old, new = await house.catalog.publish(await house.subject("alice"), both)
    assert new.failure is None
    assert old.failure is not None
    assert "is there twice" in old.failure.message


async def test_a_token_whose_limits_were_renamed_too_publishes_under_the_old_name(house: House) -> None:
    await house.publish("alice", "physics/f")
    made = await house.accounts.tokens.create(await house.subject("alice"), scopes=["serve"], only=["alice/physics"])
    await rename(house, "alice/physics", "alice/mechanics")
    house.accounts.changed((await house.subject("alice")).key)
    house.tokens["worker"] = made.token
    assert (await house.subject("worker")).only == ("alice/mechanics",)
    again = await house.publish("worker", "physics/f")
    assert (again.failure, again.name) == (None, "alice/mechanics/f")
    stranger = replace(await house.subject("worker"), only=("alice/other",))
    [refused] = await house.catalog.publish(stranger, [publication_of("physics/f")])
    assert refused.failure is not None
    assert refused.failure.code == "not_found"


async def test_who_may_not_serve_there_does_not_learn_where_a_name_went(house: House) -> None:
    await house.publish("alice", "physics/f")
    await rename(house, "alice/physics", "alice/secret_project")
    [refused] = await house.catalog.publish(await house.subject("bob"), [publication_of("/alice/physics/f")])
    assert refused.failure is not None
    assert "secret_project" not in str(refused)
    assert (await house.publish("alice", "physics/f")).name == "alice/secret_project/f"
