"""Fixtures of the stories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A hub with short graces and two people, Alice and Bob."""
    world = World(
        tmp_path,
        FARCALL_HUB_RESUME_GRACE_SECONDS="3",
        FARCALL_HUB_NO_WORKER_GRACE_SECONDS="1",
        FARCALL_HUB_LEASE_SECONDS="2",
        FARCALL_HUB_HEARTBEAT_SECONDS="0.5",
        FARCALL_HUB_LEASE_MARGIN_SECONDS="0.5",
    )
    try:
        world.start_hub()
        world.account("alice")
        world.account("bob")
        yield world
    finally:
        world.close()


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A hub for all stories that leave it as they found it; Bob may call what is below `alice/open`."""
    town = Town(tmp_path_factory.mktemp("town"))
    try:
        town.open()
        yield town
    finally:
        town.close()


@pytest.fixture
def bob(town: Town) -> Iterator[farcall.Client]:
    """Bob's client, with a connection of its own."""
    with town.client() as client:
        yield client
