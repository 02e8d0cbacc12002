"""Groups of people, as `client.groups`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from farcall.client.rest import Rest


class Groups:
    """Groups that you belong to. A group is described as ``{"handle", "role", "members", "created_at"}``."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Those that you belong to, by handle."""
        return self._rest.items("/v1/groups")

    def create(self, handle: str) -> dict[str, Any]:
        """Make a group; you are its first manager, and `handle` is its namespace. Returns it."""
        made: dict[str, Any] = self._rest.post("/v1/groups", {"handle": handle})
        return made

    def get(self, handle: str) -> dict[str, Any]:
        """One group, with its members; raises NotFound."""
        found: dict[str, Any] = self._rest.get(_path(handle))
        return found

    def add(self, handle: str, member: str, role: str = "member") -> dict[str, Any]:
        """Let somebody belong to the group, or change the role: member or manager. Returns the group."""
        group: dict[str, Any] = self._rest.put(_path(handle, "members", member), {"role": role})
        return group

    def invite(self, handle: str, email: str, role: str = "member") -> dict[str, Any]:
        """Invite an e-mail address, with or without an account, into the group. Returns the invitation."""
        made: dict[str, Any] = self._rest.post(_path(handle, "invitations"), {"email": email, "role": role})
        return made

    def remove(self, handle: str, member: str) -> None:
        """End a membership, at once."""
        self._rest.delete(_path(handle, "members", member))

    def leave(self, handle: str) -> None:
        """End your own membership."""
        self.remove(handle, self._rest.get("/v1/me")["handle"])

    def delete(self, handle: str) -> None:
        """End a group that has no functions."""
        self._rest.delete(_path(handle))


def _path(*parts: str) -> str:
    return "/".join(("/v1/groups", *(quote(part, safe="") for part in parts)))
