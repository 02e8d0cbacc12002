"""Random commands about names and versions: both stores answer alike, and show alike what came of it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from farcall.hub.ports import (
    Command,
    CreateToken,
    DeleteAlias,
    DeleteFunction,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    Deprecate,
    KeepDurations,
    MakeNamespace,
    MoveAlias,
    PublishVersions,
    PutGrant,
    PutLink,
    Rename,
    RollBackAlias,
    Store,
)
from farcall.stores.sqlite.store import SqliteStore
from farcall.testing.contracts.desk import START, Desk, version_spec
from farcall.testing.memory_store import MemoryStore

PATHS = (
    *("alice/a", "alice/b", "alice/a/b", "alice/a/c", "alice/a/b/c", "alice/b/a", "alice/physics"),
    *("bob/a", "bob/a/b"),
)
WORDS = ("a", "fall", "b c", "physics fall", "deep", "alice", "c a")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Script:
    def __init__(self, desk: Desk, seed: int) -> None:
        self.desk = desk
        self.dice = random.Random(seed)

    def command(self) -> Command:
        dice, desk = self.dice, self.desk
        path, other = dice.choice(PATHS), dice.choice(PATHS)
        owner = desk.alice if path.startswith("alice") else desk.bob
        function, version = dice.randint(1, 8), dice.randint(1, 12)
        alias = dice.choice(("prod", "old"))
        at = START + dice.randint(0, 50)
        spec = version_spec(path, dice.choice((b"1", b"2", b"3")) * 16)
        spec.document = {"doc": dice.choice(("deep", "shallow", "fall off"))}
        limits = tuple(dice.sample(PATHS, dice.randint(1, 2)))
        commands: list[tuple[int, Command]] = [
            (12, PublishVersions(owner, [spec], at)),
            (2, PublishVersions(owner, [spec], at, dice.choice((None, 3)), dice.choice((None, 1)))),
            (3, MakeNamespace(path, at, dice.choice((None, None, 1)))),
            (2, DeleteNamespace(path, dice.random() < 0.5, at)),
            (2, DeleteFunction(path, at)),
            (2, DeleteVersion(version, at)),
            (6, Rename(path, other, at)),
            (6, PutLink(path, function, dice.random() < 0.5, desk.alice, at, dice.choice((None, None, 2)))),
            (2, DeleteLink(path)),
            (5, MoveAlias(function, alias, version, desk.alice, at)),
            (3, RollBackAlias(function, alias, at)),
            (1, DeleteAlias(function, alias)),
            (2, Deprecate(version, dice.choice(("", "use another")), at)),
            (1, KeepDurations([(1, 0.5)])),
            (3, PutGrant(path, dice.choice((desk.bob, desk.alice, 0)), "view", desk.alice, at)),
            (1, CreateToken(desk.bob, dice.randbytes(32), "", ("invoke",), limits, at, None, at_most=3)),
        ]
        return dice.choices([command for _, command in commands], [weight for weight, _ in commands])[0]


async def looks(store: Store, desk: Desk) -> dict[str, Any]:
    """All that can be seen of names and versions."""
    listed = {}
    for roots in ([""], ["alice/a"], ["alice/b", "bob"], ["alice/a/b", "alice/physics"]):
        for below in ("", "alice", "alice/a"):
            listed[f"{roots} {below}"] = await pages(store, roots, "", below)
            for text in WORDS:
                listed[f"{roots} {below} {text}"] = await pages(store, roots, text, below)
            listed[f"{roots} {below} spaces"] = (await store.namespaces(roots, below)).items
    return {
        "listed": listed,
        "found": [await store.function(path=path) for path in PATHS],
        "within": [await store.functions_in(path) for path in ("alice", "alice/a", "bob")],
        "versions": [await store.version(key=key) for key in range(1, 13)],
        "whither": [await store.whither(path) for path in PATHS],
        "moves": [await store.alias_moves(function) for function in range(1, 9)],
        "grants": [replace(row, key=0) for row in await store.grants_below("")],
        "limits": [row.only for row in await store.tokens(desk.bob)],
        "accounts": await store.accounts(),
    }


async def pages(store: Store, roots: list[str], text: str, below: str) -> list[Any]:
    found, cursor = [], None
    while True:
        page = await store.functions(roots, text, below, 3, cursor)
        found += page.items
        cursor = page.next
        if cursor is None:
            return found


async def play(store: Store, seed: int) -> list[Any]:
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    desk = await Desk.set_up(store)
    script = Script(desk, seed)
    seen: list[Any] = []
    for number in range(40):
        command = script.command()
        outcome = await store.do(command)
        if isinstance(command, PutGrant):  # keys need not agree
            outcome = type(outcome)
        seen.append((command, outcome))
        if number % 8 == 7:
            seen.append(await looks(store, desk))
    await store.close()
    return seen


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(12))
async def test_both_stores_answer_a_random_script_about_names_alike(seed: int, tmp_path: Path) -> None:
    one, two = await play(SqliteStore(tmp_path), seed), await play(MemoryStore(), seed)
    for step, (left, right) in enumerate(zip(one, two, strict=True)):
        assert left == right, step
