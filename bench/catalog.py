"""Finding functions among many: what a search and a list cost over REST, in a hub that holds 100,000 functions."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import statistics
import time
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from urllib.parse import urlencode

from bench.household import Household
from bench.measure import Method
from bench.peer import WrongResult
from farcall.domain.access import SCOPES
from farcall.domain.model import FunctionOptions
from farcall.hub import tokens
from farcall.hub.ports import CreateAccount, CreateToken, PublishVersions, VersionSpec
from farcall.stores.sqlite.store import SqliteStore

OWNERS = 100
NAMESPACE_FUNCTIONS = 10_000
SEED = 1


def take_catalog_figures(method: Method, scratch: Path) -> dict[str, float]:
    """p50 and p95 in milliseconds: for Bob, who may see one owner's functions of `OWNERS`, and for an administrator."""
    total = method.catalog_functions
    dice = random.Random(SEED)
    words = Words(dice)
    with ExitStack() as stack:
        household = Household(scratch, stack)
        household.data.mkdir(parents=True)
        asyncio.run(fill(household.data, total, words))
        household.open()
        household.share_with_bob("owner7")
        figures = {"catalog_functions": float(total)}
        queries = [words.query(dice) for _ in range(method.calls)]
        for who, token, visible in (
            ("part", household.bob, total // OWNERS),
            ("all", household.admin, total + NAMESPACE_FUNCTIONS),
        ):
            search = [{"q": text, "limit": 50} for text in queries]
            figures |= quantiles(f"search_{who}", household.port, token, search)
            figures |= quantiles(f"list_{who}", household.port, token, [{"limit": 50}] * 100)
            if visible < 50:
                raise WrongResult(f"{who} sees {visible} functions only")
        space = [{"namespace": "crowd/space", "limit": 50}] * 100
        return figures | quantiles("list_namespace", household.port, household.admin, space)


class Words:
    """A made-up language, in which few words are frequent and most are rare."""

    def __init__(self, dice: random.Random) -> None:
        syllables = [consonant + vowel for consonant in "bcdfglmnprst" for vowel in "aeiou"]
        self.words = sorted({"".join(dice.choices(syllables, k=dice.randint(2, 4))) for _ in range(20_000)})
        dice.shuffle(self.words)
        self.frequent = list(accumulate(1 / (rank + 1) for rank in range(len(self.words))))

    def text(self, dice: random.Random, count: int) -> list[str]:
        return dice.choices(self.words, cum_weights=self.frequent, k=count)

    def query(self, dice: random.Random) -> str:
        """One to three words as they occur, the last sometimes unfinished; now and then one that is everywhere."""
        asked = self.text(dice, dice.randint(1, 3))
        if dice.random() < 0.2:
            asked.append("computes")
        if dice.random() < 0.3:
            asked[-1] = asked[-1][: dice.randint(1, 4)]
        return " ".join(asked)


async def fill(directory: Path, total: int, words: Words) -> None:
    """Publish the functions as a hub would; nobody serves them."""
    store = SqliteStore(directory)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    await make_administrator(store, directory / "admin-token")
    dice = random.Random(SEED)
    for owner in range(OWNERS):
        handle = f"owner{owner}"
        names = [
            f"{handle}/n{index // 100}/{'_'.join(words.text(dice, 2))}_{index}" for index in range(total // OWNERS)
        ]
        await publish(store, handle, names, words, dice)
    crowd = [f"crowd/space/f{index}" for index in range(NAMESPACE_FUNCTIONS)]
    await publish(store, "crowd", crowd, words, dice)
    await store.close()


async def make_administrator(store: SqliteStore, file: Path) -> None:
    """As the first start of a hub would; it does not where there are accounts already."""
    account = await store.do(CreateAccount("admin", "admin@localhost", True, 0.0, email_confirmed_at=0.0))
    token = tokens.make(os.urandom(32))
    await store.do(CreateToken(account, tokens.digest(token), "bench", (*SCOPES,), (), 0.0, None))
    file.write_text(token)  # noqa: ASYNC240  # nobody else waits for this loop


async def publish(store: SqliteStore, handle: str, names: list[str], words: Words, dice: random.Random) -> None:
    account = await store.do(CreateAccount(handle, "", False, 0.0))
    specs = []
    for index, name in enumerate(names):
        doc = {
            "doc": f"{words.text(dice, 1)[0].capitalize()} computes {' '.join(words.text(dice, 40))}.",
            "parameters": [
                {"name": f"{word}_{place}", "schema": {"type": "number", "x-type": "float", "x-unit": "m/s"}}
                for place, word in enumerate(words.text(dice, 3))
            ],
            "result": {"type": "number", "x-type": "float"},
            "signature": "(…) -> float",
        }
        digest = index.to_bytes(16, "big")
        specs.append(VersionSpec(name, doc, bytes(16), bytes(16), digest, FunctionOptions()))
    for start in range(0, len(specs), 1_000):
        await store.do(PublishVersions(account, specs[start : start + 1_000], time.time()))


def quantiles(name: str, port: int, token: str, queries: list[dict[str, str | int]]) -> dict[str, float]:
    """p50 and p95 of the first pages of these lists, over one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    samples = []
    for query in queries:
        started = time.perf_counter()
        connection.request("GET", f"/v1/functions?{urlencode(query)}", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read()
        samples.append((time.perf_counter() - started) * 1000)
        found = json.loads(body)
        if response.status != 200 or ("q" not in query and len(found["items"]) != 50):
            raise WrongResult(f"{name}: {response.status} {body[:200]!r}")
    connection.close()
    p95 = statistics.quantiles(samples, n=100, method="inclusive")[94]
    return {f"{name}_p50_ms": statistics.median(samples), f"{name}_p95_ms": p95}
