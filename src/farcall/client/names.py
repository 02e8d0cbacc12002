"""Namespaces, links, versions and aliases, as requests to the REST surface."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from farcall.client.rest import Rest


class Names:
    """What there is under which name, and what names mean. All of it raises what the REST surface refuses.

    Names are full, such as ``alice/physics/free_fall``; dictionaries are as the REST surface describes them.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    # -- namespaces ----------------------------------------------------------------------------------------------------

    def namespaces(self, below: str = "") -> Iterator[dict[str, Any]]:
        """Those that you may see, by path."""
        return self._rest.items("/v1/namespaces", below=below or None, limit=500)

    def create_namespace(self, path: str) -> dict[str, Any]:
        """Make a namespace, and those above it; one that is there already is left as it is."""
        made: dict[str, Any] = self._rest.post("/v1/namespaces", {"path": path})
        return made

    def delete_namespace(self, path: str, *, recursive: bool = False, force: bool = False) -> None:
        """Delete a namespace if it is empty, or with all that is in it. force: also what workers serve."""
        self._rest.delete(_space(path), recursive=recursive, force=force)

    def rename(self, path: str, to: str) -> str:
        """Give a function, a link or a namespace another name, with all that is in it; returns it as it is written."""
        return str(self._rest.patch(_space(path), {"path": to})["path"])

    def link(self, namespace: str, function: str, name: str = "") -> str:
        """Link a function into a namespace, under its own last name or `name`; returns the link's full name."""
        asked = {"function": function, **({"name": name} if name else {})}
        return str(self._rest.post(f"{_space(namespace)}/~links", asked)["path"])

    def unlink(self, path: str) -> None:
        """Take a link out of its namespace; the function stays."""
        namespace, _, name = path.rpartition("/")
        self._rest.delete(f"{_space(namespace)}/~links/{quote(name)}")

    # -- functions and versions ----------------------------------------------------------------------------------------

    def delete(self, name: str, *, force: bool = False) -> None:
        """Delete a function with all its versions, or one version (``NAME@3``). force: also while workers serve it."""
        self._rest.delete(_function(name), force=force)

    def versions(self, name: str) -> list[dict[str, Any]]:
        """All versions of a function, newest first."""
        found: list[dict[str, Any]] = self._rest.get(f"{_function(name)}/versions")["items"]
        return found

    def deprecate(self, name: str, message: str) -> None:
        """Tell callers of a version (``NAME@3``) that it will go, and what to use; an empty message ends that."""
        self._rest.patch(_function(name), {"deprecated": message})

    def aliases(self, name: str) -> dict[str, Any]:
        """What the aliases of a function mean (`items`), and their `history`, newest first."""
        found: dict[str, Any] = self._rest.get(f"{_function(name)}/aliases")
        return found

    def set_alias(self, name: str, alias: str, version: int | str) -> dict[str, Any]:
        """Let an alias mean a version, given by number, digest or another alias."""
        made: dict[str, Any] = self._rest.put(f"{_function(name)}/aliases/{quote(alias)}", {"version": version})
        return made

    def roll_back(self, name: str, alias: str) -> dict[str, Any]:
        """Let an alias mean what it meant before its last move."""
        made: dict[str, Any] = self._rest.post(f"{_function(name)}/aliases/{quote(alias)}/~rollback")
        return made

    def delete_alias(self, name: str, alias: str) -> None:
        """Remove an alias, with its history."""
        self._rest.delete(f"{_function(name)}/aliases/{quote(alias)}")


def _space(path: str) -> str:
    return f"/v1/namespaces/{quote(path)}"


def _function(name: str) -> str:
    return f"/v1/functions/{quote(name, safe='/@')}"
