"""Versions as their owner handles them: aliases, deprecation, deletion. All of it takes `manage` at the function."""

from __future__ import annotations

import re
import time

from farcall.domain import access, names
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.catalog import Catalog, asked_name
from farcall.hub.namespaces import Names

_MESSAGE_LIMIT = 500  # characters
_LIKE_A_DIGEST = re.compile(r"[0-9a-f]{12,}")


class Releases:
    """The use cases about versions of one function."""

    def __init__(self, store: ports.Store, catalog: Catalog, spaces: Names) -> None:
        self._store = store
        self._catalog = catalog
        self._spaces = spaces

    # -- aliases -------------------------------------------------------------------------------------------------------

    async def aliases(self, subject: access.Subject, name: str) -> tuple[ports.FunctionRow, list[ports.AliasMove]]:
        """The function with its aliases, and their history, newest first; raises Refused."""
        function = await self._catalog.function_for(subject, asked_name(name).path, "view")
        return function, await self._store.alias_moves(function.function)

    async def move_alias(self, subject: access.Subject, name: str, alias: str, version: str) -> ports.VersionRow:
        """Let `alias` mean a version, given by number, digest or another alias; returns it. Raises Refused."""
        function = await self._managed(subject, name)
        alias = _alias(alias)
        row = await self._catalog.version_for(subject, f"{function.name}@{version}", "manage")
        command = ports.MoveAlias(function.function, alias, row.version, subject.key, time.time())
        recorded = audit.recorded(command, subject, "alias.move", path=function.name, target=alias, version=row.number)
        if await self._store.do(recorded) is ports.Outcome.MISSING:
            raise Refused("not_found", f"{function.name}@{row.number} was deleted meanwhile.")
        self._catalog.forget([function.name])
        return row

    async def roll_back(self, subject: access.Subject, name: str, alias: str) -> ports.VersionRow:
        """Let `alias` mean what it meant before its last move; returns that version. Raises Refused."""
        function = await self._managed(subject, name)
        alias = _alias(alias)
        command = ports.RollBackAlias(function.function, alias, time.time())
        recorded = audit.recorded(command, subject, "alias.move", path=function.name, target=alias, rolled_back=True)
        outcome = await self._store.do(recorded)
        if outcome is ports.Outcome.MISSING:
            raise _no_alias(function, alias)
        if outcome is ports.Outcome.STALE:
            raise Refused("conflict", f"{function.name}@{alias} has meant no other version before.", "Set it instead.")
        self._catalog.forget([function.name])
        return await self._catalog.by_key(outcome)

    async def delete_alias(self, subject: access.Subject, name: str, alias: str) -> None:
        """Raises Refused (not_found)."""
        function = await self._managed(subject, name)
        alias = _alias(alias)
        command = ports.DeleteAlias(function.function, alias)
        recorded = audit.recorded(command, subject, "alias.delete", path=function.name, target=alias)
        if await self._store.do(recorded) is ports.Outcome.MISSING:
            raise _no_alias(function, alias)
        self._catalog.forget([function.name])

    # -- the end of versions -------------------------------------------------------------------------------------------

    async def deprecate(self, subject: access.Subject, name: str, message: str) -> None:
        """Tell callers of a version that it will go, and what to use; an empty message ends that. Raises Refused."""
        await self._managed(subject, name)
        row = await self._certain(subject, name, "deprecated")
        text = " ".join(message.split())
        if len(text) > _MESSAGE_LIMIT:
            raise Refused("invalid_request", f"The message is over {_MESSAGE_LIMIT} characters.")
        command = ports.Deprecate(row.version, text, time.time())
        recorded = audit.recorded(command, subject, "function.deprecate", path=row.name, version=row.number)
        if await self._store.do(recorded) is ports.Outcome.MISSING:
            raise Refused("not_found", f"{row.name}@{row.number} was deleted meanwhile.")
        self._catalog.forget([row.name])

    async def delete_version(self, subject: access.Subject, name: str) -> None:
        """Delete a version that nobody serves, calls or names; raises Refused, saying who does."""
        function = await self._managed(subject, name)
        row = await self._certain(subject, name, "deleted")
        shown = f"{row.name}@{row.number}"
        self._spaces.refuse_served(shown, [row])
        aliases = sorted(alias for alias, version in function.aliases.items() if version == row.version)
        if aliases:
            raise Refused("conflict", f"{shown} is what {', '.join(aliases)} means.", "Move or delete the alias first.")
        waiting = await self._store.unfinished_of(row.version)
        if waiting:
            raise Refused("conflict", f"{waiting} invocations of {shown} have not ended.", "Wait, or cancel them.")
        if len(function.versions) == 1:
            raise Refused("conflict", f"{shown} is the only version.", f"farcall delete {row.name} deletes them all.")
        command = ports.DeleteVersion(row.version, time.time())
        recorded = audit.recorded(command, subject, "version.delete", path=row.name, version=row.number)
        outcome = await self._store.do(recorded)
        if not isinstance(outcome, ports.Removed):
            raise Refused("conflict", f"{shown} has come into use, or was deleted, meanwhile.", "Look at it again.")
        self._spaces.removed(outcome)

    async def delete(self, subject: access.Subject, name: str, *, force: bool = False) -> None:
        """Delete a function with its versions, aliases, links and grants; raises Refused.

        What waits ends as `version_withdrawn`; records stay. While workers serve it, only with `force`. The old name of
        a function that was renamed is given up.
        """
        if await self._gave_up(subject, asked_name(name).path):
            return
        function = await self._managed(subject, name)
        if asked_name(name).path != function.name:
            raise Refused(
                "invalid_request",
                f"{asked_name(name).path} is a link to {function.name}.",
                "farcall namespace remove takes a link out; to delete the function, use its own name.",
            )
        if not force:
            self._spaces.refuse_served(function.name, list(function.versions))
        command = ports.DeleteFunction(function.name, time.time())
        outcome = await self._store.do(audit.recorded(command, subject, "function.delete", path=function.name))
        if not isinstance(outcome, ports.Removed):
            raise Refused("not_found", f"There is no {function.name}.")
        self._spaces.removed(outcome)

    async def _gave_up(self, subject: access.Subject, path: str) -> bool:
        """Whether that was the old name of a function, which is free for another one now."""
        moved = await self._store.whither(path)
        if moved is None or moved[0] != path or await self._catalog.function(path) is not None:
            return False
        if not access.decide(subject, "manage", path).allowed:
            return False
        command = ports.DeleteFunction(path, time.time())
        outcome = await self._store.do(audit.recorded(command, subject, "function.delete", path=path, renamed=moved[1]))
        return isinstance(outcome, ports.Removed)

    async def _managed(self, subject: access.Subject, name: str) -> ports.FunctionRow:
        return await self._catalog.function_for(subject, asked_name(name).path, "manage")

    async def _certain(self, subject: access.Subject, name: str, what: str) -> ports.VersionRow:
        if asked_name(name).moving:
            raise Refused("invalid_request", f"Say which version is to be {what}, such as {name.partition('@')[0]}@3.")
        return await self._catalog.version_for(subject, name, "manage")


def _alias(text: str) -> str:
    """An alias that can be told from numbers and digests; raises Refused."""
    try:
        alias = names.space_name(text, "alias")
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
    if alias == names.LATEST:
        raise Refused(
            "invalid_request",
            "latest is the newest version that is served; it moves by itself.",
            "To stay with a version, use an alias of your own, such as prod.",
        )
    if _LIKE_A_DIGEST.fullmatch(alias):
        raise Refused("invalid_request", f"{alias} would be taken for a digest.", "Use another name.")
    return alias


def _no_alias(function: ports.FunctionRow, alias: str) -> Refused:
    there = ", ".join(sorted(function.aliases)) or "none"
    return Refused("not_found", f"{function.name} has no alias {alias}.", f"Aliases there: {there}.")
