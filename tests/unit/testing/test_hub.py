from __future__ import annotations

from pathlib import Path

import pytest

import farcall
from farcall.hub.ports import StoreUnusable
from farcall.settings import SettingsError
from farcall.testing.hub import running_hub


def test_a_client_finds_the_hub_and_is_told_what_it_does_not_have(tmp_path: Path) -> None:
    with running_hub(tmp_path / "data") as hub:
        client = farcall.Client(hub.url, hub.token)
        assert client.rest.get("/v1/me")["handle"] == "admin"
        with pytest.raises(farcall.NotFound):
            client.get("admin/nothing")


def test_a_hub_that_was_stopped_has_kept_what_it_was_told(tmp_path: Path) -> None:
    with running_hub(tmp_path) as first:
        farcall.Client(first.url, first.token).rest.post("/v1/accounts", {"handle": "bob", "email": "bob@example.org"})
    with running_hub(tmp_path) as second:
        accounts = farcall.Client(second.url, second.token).rest.get("/v1/accounts")["items"]
        assert {account["handle"] for account in accounts} == {"admin", "bob"}


def test_a_directory_that_another_hub_uses_is_refused(tmp_path: Path) -> None:
    with running_hub(tmp_path), pytest.raises(StoreUnusable), running_hub(tmp_path):
        pass


def test_settings_hold(tmp_path: Path) -> None:
    with running_hub(tmp_path, body_limit_bytes=10) as hub:
        rest = farcall.Client(hub.url, hub.token).rest
        with pytest.raises(farcall.FarcallError) as caught:
            rest.post("/v1/accounts", {"handle": "bob", "email": "bob@example.org"})
        assert caught.value.code == "too_large"


def test_a_setting_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError), running_hub(tmp_path, no_such_setting=1):
        pass
