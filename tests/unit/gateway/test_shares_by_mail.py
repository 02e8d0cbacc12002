"""A hub and its mail server, which is a process of its own: the share stands whatever that says."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from farcall.client.client import Client
from farcall.testing.hub import running_hub
from tests.post_office import PASSWORD, USER, body, post_office
from tests.scenarios.world import free_port, wait_until


def settings(port: int, **more: Any) -> dict[str, Any]:
    return {
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        "smtp_security": "none",
        "smtp_timeout_seconds": 0.5,
        "mail_from": "Farcall <farcall@hub.org>",
        **more,
    }


def test_the_link_is_in_the_letter_and_in_nothing_else(tmp_path: Path) -> None:
    with (
        post_office(tmp_path / "letters", "asks-for-login") as office,
        running_hub(tmp_path / "hub", **settings(office.port, smtp_user=USER, smtp_password=PASSWORD)) as hub,
        Client(hub.url, hub.token) as client,
    ):
        made = client.share("admin/f", "jörg@bücher.example", expires="2w", per_minute=3)
        assert (made["mail"], made["link"], made["text"]) == ("sent", "", "")
        found = re.search(r"(http://\S+)/i/([\w-]{43})\n", body(office.letter()))
        assert found is not None
        assert found[1] == hub.url
        assert found[2] not in repr(list(client.shares()))
        again = client.share("admin/f", "jörg@bücher.example")
        assert again["id"] != made["id"]
        assert found[2] not in body(office.letter(1))


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ("refuses-recipients", r"refuses the address: 550 5\.1\.1 No such user here\.$"),
        ("asks-for-login", r"refuses the hub's login \(535\)\.$"),
        ("refuses-data", r"refuses it: 554 5\.7\.1 This looks like an advertisement\.$"),
        ("greylists", r"refuses the address: 451 4\.7\.1 Come back later\. It is tried again\.$"),
        ("hangs", r"did not answer within 0\.5 s\. It is tried again\.$"),
        ("nowhere", r"does not answer: Connection refused\. It is tried again\.$"),
    ],
)
def test_a_mail_server_that_takes_no_letter_is_quoted_and_the_share_stands(
    tmp_path: Path, behaviour: str, said: str
) -> None:
    with ExitStack() as stack:
        port = free_port()
        if behaviour != "nowhere":
            port = stack.enter_context(post_office(tmp_path / "letters", behaviour)).port
        login = {"smtp_user": USER, "smtp_password": "wrong"} if behaviour == "asks-for-login" else {}
        hub = stack.enter_context(running_hub(tmp_path / "hub", **settings(port, **login)))
        client = stack.enter_context(Client(hub.url, hub.token))
        made = client.share("admin/f", "bob@lab.org")
        assert re.match(rf"The mail server 127\.0\.0\.1:{port} .*{said}", made["mail"]), made["mail"]
        assert (made["state"], made["link"]) == ("open", "")
        [listed] = client.shares()
        assert listed["mail"] == made["mail"]
        assert "wrong" not in repr(made)


def test_a_letter_goes_out_when_the_server_is_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("farcall.hub.mail.Post.__init__.__kwdefaults__", {"pauses_seconds": (0.2, 0.2)})
    with (
        post_office(tmp_path / "letters", "greylists") as office,
        running_hub(tmp_path / "hub", **settings(office.port)) as hub,
        Client(hub.url, hub.token) as client,
    ):
        client.share("admin/f", "bob@lab.org")
        wait_until(lambda: next(client.shares())["mail"] == "sent", what="the second try")
        assert len(office.letters()) == 1
