"""Logging in, against a server that does what a hub would not."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from farcall.client import config, errors, logins
from farcall.client.rest import Rest

TOKEN = "farcall_pat_abc"


class Server(HTTPServer):
    """Answers as `answers` says, by path: (status, headers, body); remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, tuple[int, dict[str, str], Any]] = {}
        self.heard: list[tuple[str, str | None, Any]] = []  # (path, authorization, body)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        server.heard.append((self.path, self.headers.get("authorization"), json.loads(body) if body else None))
        status, headers, answer = server.answers[self.path]
        data = json.dumps(answer).encode()
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815 the base class names it so

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    yield from serving()


@pytest.fixture
def stranger() -> Iterator[Server]:
    yield from serving()


def serving() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_and_a_password_never_follow_a_redirect(server: Server, stranger: Server, status: int) -> None:
    for path in ("/v1/me", "/v1/login"):
        server.answers[path] = (status, {"Location": stranger.url + path}, {})
        stranger.answers[path] = (200, {}, {"handle": "eve"})
    with pytest.raises(errors.FarcallError):
        Rest(config.address(server.url), TOKEN).get("/v1/me")
    with pytest.raises(errors.FarcallError):
        logins.with_password(server.url, "bob", "correct horse battery")
    assert len(server.heard) == 2
    assert stranger.heard == []
    assert config.logins() == {}


def test_logging_in_sends_no_token_even_if_one_is_known(server: Server) -> None:
    config.remember(server.url, TOKEN)
    account = {"handle": "bob", "email": "bob@lab.org"}
    server.answers["/v1/login"] = (201, {}, {"account": account, "token": {"token": "farcall_pat_new"}})
    made = logins.with_password(server.url, "bob", "correct horse battery")
    [(_, authorization, body)] = server.heard
    assert authorization is None
    assert body["name"] == "bob"
    assert "login from" in body["label"]
    assert config.logins() == {server.url: "farcall_pat_new"}
    assert "farcall_pat_new" not in repr(made)


def test_a_hub_that_cannot_be_reached_keeps_nobody_from_forgetting_it(server: Server) -> None:
    config.remember("http://127.0.0.1:9", TOKEN)
    with pytest.raises(errors.HubUnreachable):
        logins.log_out("http://127.0.0.1:9")
    assert config.logins() == {}


def test_registering_may_end_with_something_to_do_first(server: Server) -> None:
    server.answers["/v1/accounts"] = (202, {}, {"handle": "bob", "detail": "Open the link."})
    assert logins.register(server.url, "bob", "bob@lab.org", "correct horse battery") == "Open the link."
    assert config.logins() == {}


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://hub.test/i/SECRET", ("https://hub.test", "SECRET")),
        ("https://hub.test:8443/prefix/i/SECRET/", ("https://hub.test:8443/prefix", "SECRET")),
        ("https://hub.test/i/SECRET#sha256=AB", ("https://hub.test#sha256=AB", "SECRET")),
    ],
)
def test_the_link_of_an_invitation_names_hub_and_secret(link: str, found: tuple[str, str]) -> None:
    assert logins.invited(link) == found


@pytest.mark.parametrize("link", ["", "SECRET", "https://hub.test/", "https://hub.test/i/"])
def test_what_is_no_invitation_is_said(link: str) -> None:
    with pytest.raises(errors.RequestError, match="no invitation"):
        logins.invited(link)
