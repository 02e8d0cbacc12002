"""The hub that a command speaks to: found as everywhere (see `client.config`), its REST surface, its client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from farcall.authoring.harmless import harmless_line
from farcall.cli.output import say

if TYPE_CHECKING:
    from farcall.client.client import Client
    from farcall.client.function import RemoteFunction
    from farcall.client.rest import Rest
    from farcall.link.address import Address

_KEY = "farcall.cli.remote.rest"
_HANDLE = re.compile(r"[a-z][a-z0-9_-]*")


def client() -> Client:
    """A client of the hub in use; closed when the command ends."""
    from farcall.client.client import Client

    made = Client()
    click.get_current_context().call_on_close(made.close)
    return made


def resolved(name: str) -> RemoteFunction:
    """The function of that name; that it is deprecated is said on stderr."""
    import warnings

    from farcall.client.deprecation import DeprecatedFunction

    with warnings.catch_warnings(), naming(name):
        warnings.simplefilter("ignore", DeprecatedFunction)
        function = client().get(name)
    if function.deprecated:
        shown = f"{function.name.partition('@')[0]}@{function.version}"
        say(f"Warning: {shown} is deprecated: {harmless_line(function.deprecated)}", err=True)
    return function


@contextmanager
def naming(name: str) -> Iterator[None]:
    """What is done with a function of that name: if there is none, the error says that it is a namespace's, or tells of
    names near it.
    """
    from farcall.client.errors import NotFound
    from farcall.client.neighbours import with_neighbours

    try:
        yield
    except NotFound as error:
        if is_namespace(name) or _HANDLE.fullmatch(name):
            what = f"{name} is a namespace" if "/" in name else f"{name} is no function's full name"
            raise click.ClickException(f"{what}: farcall list --namespace {name} shows what is in it.") from None
        raise with_neighbours(error, rest(), name) from None


def is_namespace(name: str) -> bool:
    """Whether there is one of that name, as far as you may know."""
    from farcall.client.errors import RequestError

    try:
        found = rest().get("/v1/namespaces", below=name, limit=1)["items"]
    except RequestError:  # it cannot be one
        return False
    return any(item["path"] == name for item in found)


def rest() -> Rest:
    """The REST surface of the hub in use, with its token; one for the whole command."""
    context = click.get_current_context()
    made: Rest | None = context.meta.get(_KEY)
    if made is None:
        made = rest_with(*credentials())
        context.meta[_KEY] = made
        context.call_on_close(made.close)
    return made


def rest_with(url: str, token: str) -> Rest:
    """The REST surface of the hub at `url`, for this token."""
    from farcall.client import config
    from farcall.client.rest import Rest

    found = config.find(url, token)
    return Rest(found.address, found.token)


def rest_of(url: str) -> tuple[Rest, Address]:
    """The REST surface of the hub at `url`, with the token of the login there; closed when the command ends."""
    from farcall.client import config
    from farcall.client.rest import Rest

    found = config.find(url)
    made = Rest(found.address, found.token)
    click.get_current_context().call_on_close(made.close)
    return made, found.address


def credentials() -> tuple[str, str]:
    """URL (with the fingerprint, if one is pinned) and token of the hub in use."""
    from farcall.client import config

    found = config.find()
    return found.address.link, found.token


def path(collection: str, name: str | int, *more: str) -> str:
    """A path of the REST surface; `name` is what somebody typed."""
    if name == "":
        raise click.UsageError("A name is needed where an empty text is given.")
    return "/".join((f"/v1/{collection}", quote(str(name), safe="/@"), *more))
