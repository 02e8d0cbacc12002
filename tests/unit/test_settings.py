from __future__ import annotations

from pathlib import Path

import pytest

from farcall.settings import HubSettings, SettingsError, load_hub, load_worker


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "farcall.toml"
    path.write_text('[hub]\nport = 1\nhost = "file"\nlease_seconds = 20\n[worker]\nslots = 3\n')
    return path


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(config: Path) -> None:
    environ = {"FARCALL_HUB_HOST": "environment", "FARCALL_HUB_PORT": "2", "FARCALL_HUB": "https://elsewhere"}
    settings = load_hub(config, environ=environ, port=3, host=None)
    assert (settings.port, settings.host, settings.lease_seconds) == (3, "environment", 20.0)
    assert settings.heartbeat_seconds == HubSettings().heartbeat_seconds


def test_one_file_may_hold_the_settings_of_hub_and_worker(config: Path) -> None:
    assert load_worker(config, environ={}).slots == 3


def test_a_hub_without_a_data_directory_gets_the_users(tmp_path: Path) -> None:
    assert Path(load_hub(environ={}).data).parts[-2:] == ("farcall", "hub")
    assert load_hub(environ={}, data=tmp_path).data == str(tmp_path)
    assert load_hub(environ={"FARCALL_HUB_DATA": "there"}, data=None).data == "there"


@pytest.mark.parametrize(
    ("variable", "value", "complaint"),
    [
        ("FARCALL_HUB_PRT", "1", "no setting FARCALL_HUB_PRT .* did you mean FARCALL_HUB_PORT"),
        ("FARCALL_HUB_PORT", "many", "port in the environment variable FARCALL_HUB_PORT"),
        ("FARCALL_HUB_PORT", "70000", "FARCALL_HUB_PORT is wrong: .*65535"),
        ("FARCALL_HUB_WINDOW_ITEMS", "0", "window_items"),
        ("FARCALL_HUB_LEASE_SECONDS", "-1", "lease_seconds"),
        ("FARCALL_HUB_LEASE_SECONDS", "3", "at least twice `heartbeat_seconds`"),
    ],
)
def test_a_wrong_variable_is_refused_by_its_name(variable: str, value: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_hub(environ={variable: value})


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[hub]\nprt = 1\n", "no setting prt .*did you mean port"),
        ('[hub]\nport = "1"\n', r"port in .*table \[hub\] is wrong"),
        ("[hubs]\n", r"unknown table \[hubs\]; there are \[hub\] and \[worker\]"),
        ("hub = 3\n", "hub is no table"),
        ("[hub\n", "no TOML"),
        ("[hub]\nzzzz = 1\n", "see docs/reference/settings.md"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "farcall.toml"
    path.write_text(text)
    with pytest.raises(SettingsError, match=complaint):
        load_hub(path, environ={})


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read: No such file"):
        load_hub(tmp_path / "nowhere.toml", environ={})


MAIL = {"smtp_host": "mail.lab.org", "mail_from": "Farcall <farcall@lab.org>", "smtp_password": "tell nobody"}


def test_the_password_of_the_mail_server_is_not_shown_with_the_settings() -> None:
    settings = load_hub(
        environ={"FARCALL_HUB_SMTP_PASSWORD": "tell nobody"}, smtp_user="hub", **{**MAIL, "smtp_password": None}
    )
    assert settings.smtp_password == "tell nobody"
    shown = repr(settings) + str(settings) + repr(list(settings.__rich_repr__()))
    assert "mail.lab.org" in shown
    assert "tell nobody" not in shown


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"mail_from": None}, "`smtp_host` takes a `mail_from`"),
        ({"mail_from": "nobody"}, "`smtp_host` takes a `mail_from`"),
        ({"smtp_user": "hub", "smtp_security": "none"}, "would show the password to the network"),
        ({"smtp_security": "some"}, "smtp_security in the command line is wrong"),
        ({"smtp_port": 0}, "smtp_port"),
    ],
)
def test_settings_of_mail_that_cannot_work_are_refused(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        load_hub(environ={}, **{**MAIL, **changes})
