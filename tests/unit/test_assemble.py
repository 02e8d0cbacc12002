from __future__ import annotations

import os
from pathlib import Path

import pytest

from farcall.assemble import hub as assembly
from farcall.assemble.hub import Owner, build_hub
from farcall.hub.ports import StoreUnusable
from farcall.settings import HubSettings, load_hub

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def settings(data: Path) -> HubSettings:
    return load_hub(environ={}, data=data)


async def test_the_first_start_makes_the_administrator_and_later_ones_nobody(tmp_path: Path) -> None:
    first = await build_hub(settings(tmp_path), Owner("carol", "carol@example.org"))
    token = (tmp_path / "admin-token").read_text().strip()
    assert first.first_token == token
    assert (tmp_path / "admin-token").stat().st_mode & 0o777 == 0o600
    await first.stop()
    second = await build_hub(settings(tmp_path), Owner("dave", "dave@example.org"))
    assert second.first_token is None
    assert (await second.services.accounts.authenticate(token)).handle == "carol"
    await second.stop()


@pytest.mark.parametrize("kept", [False, True], ids=["before the token was kept", "before it was committed"])
async def test_a_first_start_that_breaks_off_locks_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    write = assembly.write_secret

    def crash(path: Path, text: str) -> None:
        if kept:
            write(path, text)
        raise OSError("the machine stops here")

    monkeypatch.setattr(assembly, "write_secret", crash)
    with pytest.raises(OSError, match="stops here"):
        await build_hub(settings(tmp_path), Owner("carol", "carol@example.org"))
    lost = (tmp_path / "admin-token").read_text().strip() if kept else ""
    monkeypatch.undo()
    hub = await build_hub(settings(tmp_path), Owner("carol", "carol@example.org"))
    token = (tmp_path / "admin-token").read_text().strip()
    assert (await hub.services.accounts.authenticate(token)).admin
    assert token == hub.first_token != lost
    await hub.stop()
    again = await build_hub(settings(tmp_path))
    assert again.first_token is None
    assert (await again.services.accounts.authenticate(token)).handle == "carol"
    await again.stop()
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".admin-token")]


async def test_a_hub_keeps_its_identity_and_never_its_epoch(tmp_path: Path) -> None:
    known = []
    for _ in range(3):
        hub = await build_hub(settings(tmp_path))
        known.append((hub.identity, hub.epoch))
        await hub.stop()
    assert {identity for identity, _ in known} == {known[0][0]}
    assert [epoch for _, epoch in known] == [1, 2, 3]


async def test_an_identity_that_a_crash_left_empty_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "hub-id").write_text("")
    hub = await build_hub(settings(tmp_path))
    assert len(hub.identity) == 32
    await hub.stop()


async def test_a_directory_in_use_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    hub = await build_hub(settings(tmp_path))
    with pytest.raises(StoreUnusable):
        await build_hub(settings(tmp_path))
    assert (await hub.services.accounts.authenticate(hub.first_token or "")).admin
    await hub.stop()
