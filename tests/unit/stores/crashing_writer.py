"""A process that writes until it is killed, and says on its output what was acknowledged.

Started by test_crashes with a directory and a number for its round.
"""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial
from pathlib import Path
from typing import Any

from farcall.domain.ids import invocation_id
from farcall.domain.model import Completion, NewInvocation
from farcall.domain.states import InvocationState
from farcall.hub.ports import Accept, Complete
from farcall.stores.sqlite import SqliteStore

EPOCH = 1


def acknowledge(what: str, ids: list[bytes], outcomes: Any) -> None:
    for identifier, outcome in zip(ids, outcomes, strict=True):
        sys.stdout.write(f"{what} {identifier.hex()} {int(outcome)}\n")
    sys.stdout.flush()


async def main(directory: Path, round_number: int) -> None:
    store = SqliteStore(directory)
    store.open(asyncio.get_running_loop().call_soon_threadsafe)
    account = await store.account(handle="bob")
    version = await store.version(name="alice/physics/fall")
    assert account is not None
    assert version is not None
    dice = random.Random(round_number)
    number = 0
    while True:
        items = []
        for _ in range(dice.randint(1, 20)):
            number += 1
            identifier = invocation_id(1_800_000_000 + round_number, dice.randbytes(16))
            size = dice.choice((10, 100, 3_000))
            body = identifier + bytes(size)
            items.append(
                NewInvocation(
                    identifier, version.version, account.key, body, identifier[-16:], number, access_epoch=EPOCH
                )
            )
        ids = [item.id for item in items]
        store.write(Accept(items, lazy=dice.random() < 0.5), partial(acknowledge, "accepted", ids))
        done = [
            Completion(one, 7, InvocationState.SUCCEEDED, b"result of " + one, finished_at=1.0)
            for one in ids
            if dice.random() < 0.8
        ]
        if dice.random() < 0.5:
            await asyncio.sleep(0.001)
        store.write(Complete(done), partial(acknowledge, "completed", [one.id for one in done]))
        await asyncio.sleep(0)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
