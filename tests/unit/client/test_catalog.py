"""`farcall.catalog`: imports, attributes, and what fails."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

import pytest

import farcall
from farcall.client import errors
from farcall.client.client import Client
from farcall.client.defaults import _default
from tests.unit.client.peer import TOKEN, Peer


@pytest.fixture(autouse=True)
def default(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("FARCALL_HUB", peer.url)
    monkeypatch.setenv("FARCALL_TOKEN", TOKEN)
    yield
    client = _default._client
    if client is not None:
        client.close()
    _default.replace(None)
    for name in [name for name in sys.modules if name.startswith("farcall.catalog")]:
        del sys.modules[name]
    farcall.__dict__.pop("catalog", None)


def test_a_function_is_imported_from_the_catalog() -> None:
    from farcall.catalog.alice.physics import add

    assert add(1.0, 2.0) == 3.0
    assert add.__module__ == "farcall.catalog.alice.physics"


def test_namespaces_are_imported_without_asking(peer: Peer) -> None:
    import farcall.catalog.alice.physics

    assert not peer.tokens
    assert not peer.requests
    assert farcall.catalog.alice.physics.add(1.0) == 2.0


def test_attributes_lead_to_functions_and_namespaces() -> None:
    assert farcall.catalog.alice.echo(5) == 5
    assert farcall.catalog.alice.physics.add(1.0) == 2.0
    from farcall.catalog.alice import physics

    assert physics.add(2.0) == 3.0
    assert importlib.import_module("farcall.catalog.alice") is farcall.catalog.alice


def test_a_failed_import_is_an_import_error_and_says_why() -> None:
    with pytest.raises(ImportError, match="alice/physics/nothing") as caught:
        from farcall.catalog.alice.physics import nothing  # noqa: F401
    assert isinstance(caught.value, errors.NotFound)


def test_a_missing_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="alice/physics/nothing") as caught:
        _ = farcall.catalog.alice.physics.nothing
    assert isinstance(caught.value, errors.NotFound)
    assert not hasattr(farcall.catalog.alice, "nothing")


def test_an_absent_hub_makes_the_import_fail_with_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARCALL_HUB", "http://127.0.0.1:9")
    with pytest.raises(ImportError, match="No hub answers") as caught:
        from farcall.catalog.alice.physics import add  # noqa: F401
    assert isinstance(caught.value, errors.HubUnreachable)


def test_names_that_begin_with_an_underscore_are_never_looked_up(peer: Peer) -> None:
    from farcall.catalog.alice import physics

    before = len(peer.frames), len(peer.requests)
    for name in ("_ipython_display_", "__wrapped__", "_repr_html_", "__path_hooks__"):
        with pytest.raises(AttributeError):
            getattr(physics, name)
    with pytest.raises(ImportError):
        importlib.import_module("farcall.catalog.alice._private")
    assert (len(peer.frames), len(peer.requests)) == before


def test_dir_lists_what_there_is() -> None:
    assert dir(farcall.catalog) == ["alice"]
    assert dir(farcall.catalog.alice) == ["count", "echo", "fail", "physics"]
    assert dir(farcall.catalog.alice.physics) == ["add"]


def test_a_client_has_a_catalog_of_its_own(peer: Peer) -> None:
    with Client(peer.url, TOKEN) as client:
        assert client.catalog.alice.physics.add(1.0) == 2.0
        assert dir(client.catalog.alice.physics) == ["add"]
        with pytest.raises(AttributeError):
            _ = client.catalog.alice.nothing
        with pytest.raises(AttributeError):
            _ = client.catalog._secret


def test_the_module_mirrors_the_client(peer: Peer) -> None:
    add = farcall.get("alice/physics/add")
    inv = add.submit(1.0)
    assert farcall.invocation(inv.id).result(timeout=5) == 2.0
    assert isinstance(farcall.connect(peer.url, TOKEN), farcall.Client)


def test_every_public_name_is_there() -> None:
    for name in farcall.__all__:
        assert getattr(farcall, name) is not None
    assert dir(farcall) == sorted(farcall.__all__)
    with pytest.raises(AttributeError):
        _ = farcall.nothing  # type: ignore[attr-defined]  # that is the point


def test_login_remembers_the_token_and_sets_the_default(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    client = farcall.login(peer.url, TOKEN)
    assert farcall.client.defaults.default_client() is client
    assert "as bob" in capsys.readouterr().err
    with pytest.raises(farcall.PermissionDenied):
        farcall.login(peer.url, "farcall_pat_wrong")
    from farcall.client import config

    assert config.logins()[peer.url] == TOKEN


def test_namespaces_are_found_beside_more_functions_than_are_looked_through(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("farcall.client.listing._NAMES_LIMIT", 2)
    assert dir(farcall.catalog.alice) == ["count", "echo", "physics"]


def test_what_is_shown_before_a_call_is_of_the_last_import(peer: Peer) -> None:
    with Client(peer.url, TOKEN) as client:
        before = client.get("alice/physics/add")
        assert client.get("alice/physics/add") is before
        client._channel_now()._resolved.clear()  # as after a word of the hub
        after = client.get("alice/physics/add")
        assert after is not before
        assert after.interface is before.interface
