"""Where hub and token come from, and that a token goes to its own hub alone."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from farcall.client import config, errors

HUB, OTHER, TOKEN = "https://hub.test", "https://other.test", "farcall_pat_abc"


@pytest.fixture
def login_file(tmp_path: Path) -> Path:
    return tmp_path / "config" / "logins.json"


def find(
    login_file: Path, *args: Any, environ: dict[str, str] | None = None, directory: Path | None = None
) -> config.Credentials:
    return config.find(*args, environ=environ or {}, directory=directory or login_file.parent, login_file=login_file)


def test_arguments_come_first(login_file: Path) -> None:
    config.remember(OTHER, "farcall_pat_other", login_file)
    found = find(login_file, HUB, TOKEN, environ={"FARCALL_HUB": OTHER, "FARCALL_TOKEN": "farcall_pat_env"})
    assert (found.address.url, found.token) == (HUB, TOKEN)


def test_the_environment_comes_before_the_project_and_the_login(login_file: Path, tmp_path: Path) -> None:
    config.remember(OTHER, "farcall_pat_other", login_file)
    (tmp_path / ".farcall.toml").write_text(f'hub = "{OTHER}"\n')
    environ = {"FARCALL_HUB": HUB, "FARCALL_TOKEN": TOKEN}
    found = find(login_file, environ=environ, directory=tmp_path)
    assert (found.address.url, found.token) == (HUB, TOKEN)


def test_the_project_names_the_hub_and_the_login_file_the_token(login_file: Path, tmp_path: Path) -> None:
    config.remember(HUB, TOKEN, login_file)
    config.remember(OTHER, "farcall_pat_other", login_file)
    (tmp_path / ".farcall.toml").write_text(f'hub = "{HUB}/"\n')
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    found = find(login_file, directory=deep)
    assert (found.address.url, found.token) == (HUB, TOKEN)


def test_the_last_login_is_used_without_anything_else(login_file: Path) -> None:
    config.remember(OTHER, "farcall_pat_other", login_file)
    config.remember(HUB, TOKEN, login_file)
    assert find(login_file).token == TOKEN


def test_the_token_of_the_environment_goes_to_its_own_hub_only(login_file: Path, tmp_path: Path) -> None:
    environ = {"FARCALL_HUB": HUB, "FARCALL_TOKEN": TOKEN}
    with pytest.raises(errors.PermissionDenied, match=r"no token for the hub at https://other\.test"):
        find(login_file, OTHER, environ=environ)
    (tmp_path / ".farcall.toml").write_text(f'hub = "{OTHER}"\n')
    with pytest.raises(errors.PermissionDenied):
        find(login_file, environ={"FARCALL_TOKEN": TOKEN}, directory=tmp_path)
    (tmp_path / ".farcall.toml").unlink()
    with pytest.raises(errors.HubUnreachable, match="only used together with FARCALL_HUB"):
        find(login_file, environ={"FARCALL_TOKEN": TOKEN})


def test_the_token_of_a_login_goes_to_its_own_hub_only(login_file: Path) -> None:
    config.remember(HUB, TOKEN, login_file)
    for url in (OTHER, "http://hub.test", "https://hub.test:8443", "https://hub.test/prefix"):
        with pytest.raises(errors.PermissionDenied):
            find(login_file, url)
    assert find(login_file, "HTTPS://Hub.Test:443/").token == TOKEN


@pytest.mark.parametrize("known", ["", "/#sha256=" + "ab" * 32])
def test_a_project_cannot_name_another_certificate_for_the_hub_of_a_login(
    login_file: Path, tmp_path: Path, known: str
) -> None:
    config.remember(HUB + known, TOKEN, login_file)
    (tmp_path / ".farcall.toml").write_text(f'hub = "{HUB}/#sha256={"cd" * 32}"\n')
    with pytest.raises(errors.RequestError, match="is not the one that you logged in to"):
        find(login_file, directory=tmp_path)
    (tmp_path / ".farcall.toml").write_text(f'hub = "{HUB}{known}"\n')
    assert find(login_file, directory=tmp_path).token == TOKEN


def test_a_token_without_its_hub_is_refused(login_file: Path) -> None:
    config.remember(HUB, TOKEN, login_file)
    with pytest.raises(errors.RequestError, match="without the hub"):
        find(login_file, None, "farcall_pat_stray")


def test_a_token_in_the_project_file_is_refused(login_file: Path, tmp_path: Path) -> None:
    (tmp_path / ".farcall.toml").write_text(f'hub = "{HUB}"\ntoken = "{TOKEN}"\n')
    with pytest.raises(errors.RequestError, match="tokens do not belong there"):
        find(login_file, directory=tmp_path)


@pytest.mark.parametrize("bad", ["", "  ", "two words", "tök", "line\nbreak"])
def test_what_cannot_be_a_token_is_refused(login_file: Path, bad: str) -> None:
    with pytest.raises(errors.RequestError, match="The token"):
        find(login_file, HUB, bad)


def test_nothing_known_says_what_to_do(login_file: Path) -> None:
    with pytest.raises(errors.HubUnreachable, match="farcall login URL"):
        find(login_file)


def test_the_login_file_is_readable_for_its_owner_alone(login_file: Path) -> None:
    config.remember(HUB, TOKEN, login_file)
    assert stat.S_IMODE(login_file.stat().st_mode) == 0o600
    assert not [path for path in login_file.parent.iterdir() if path != login_file]


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_a_login_file_that_others_can_read_is_taken_back_and_its_owner_is_told(
    login_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    config.remember(HUB, TOKEN, login_file)
    login_file.chmod(0o644)
    assert find(login_file).token == TOKEN
    assert stat.S_IMODE(login_file.stat().st_mode) == 0o600
    assert "could be read by others" in capfd.readouterr().err
    find(login_file)
    assert capfd.readouterr().err == ""


def test_forgetting_a_hub_drops_its_token(login_file: Path) -> None:
    config.remember(OTHER, "farcall_pat_other", login_file)
    config.remember(HUB, TOKEN, login_file)
    assert config.forget(HUB + "/", login_file)
    assert not config.forget(HUB, login_file)
    assert TOKEN not in login_file.read_text()
    assert find(login_file).address.url == OTHER
    assert config.forget(OTHER, login_file)
    with pytest.raises(errors.HubUnreachable):
        find(login_file)


def test_a_damaged_login_file_is_said(login_file: Path) -> None:
    login_file.parent.mkdir(parents=True)
    login_file.write_text("{")
    with pytest.raises(errors.RequestError, match="cannot be read"):
        find(login_file)
    login_file.write_text(json.dumps([1]))
    with pytest.raises(errors.HubUnreachable):
        find(login_file)


def test_credentials_do_not_show_their_token() -> None:
    assert TOKEN not in repr(config.find(HUB, TOKEN))
