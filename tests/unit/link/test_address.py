"""Hub addresses are written in one way only."""

from __future__ import annotations

import pytest

from farcall.link import Address, BadAddress


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://Hub.Example.org/", "https://hub.example.org"),
        ("https://hub.example.org:443", "https://hub.example.org"),
        ("wss://hub.example.org", "https://hub.example.org"),
        ("ws://127.0.0.1:8750/", "http://127.0.0.1:8750"),
        ("http://[::1]:8750", "http://[::1]:8750"),
        ("https://example.org./farcall/", "https://example.org/farcall"),
        ("  http://localhost:80 ", "http://localhost"),
    ],
)
def test_ways_to_write_an_address_come_to_one(text: str, url: str) -> None:
    assert Address.parse(text).url == url
    assert Address.parse(url) == Address.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hub.example.org",
        "ftp://hub",
        "http://",
        "https://user:pw@hub",
        "http://hub?x=1",
        "http://hub:99999",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadAddress, match="is no hub's address"):
        Address.parse(text)


def test_other_ports_schemes_and_prefixes_are_other_hubs() -> None:
    texts = ["http://hub", "https://hub", "http://hub:81", "http://hub/a", "http://hub/b"]
    assert len({Address.parse(text) for text in texts}) == len(texts)


def test_the_channel_follows_the_scheme_and_the_prefix() -> None:
    assert Address.parse("https://hub/x").channel("worker") == "wss://hub/x/v1/connect/worker"
    assert Address.parse("http://127.0.0.1:1").channel("client") == "ws://127.0.0.1:1/v1/connect/client"


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("http://127.3.2.1", True),
        ("http://[::1]", True),
        ("http://localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example.org", False),
    ],
)
def test_this_machine_is_told_from_others(text: str, loopback: bool) -> None:
    assert Address.parse(text).loopback is loopback
