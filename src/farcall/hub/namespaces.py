"""Names: namespaces, links, moving functions from one name to another.

Managing a namespace takes `manage` at it; a link takes that and `view` of the function. Names stay with their handle:
nothing is renamed from one handle to another, and a root namespace belongs to its account.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from farcall.domain import access, links, names
from farcall.domain.errors import Refused
from farcall.hub import audit, ports
from farcall.hub.accounts import Accounts
from farcall.hub.bounds import DEFAULT_BOUNDS, Bounds, bound_for, full
from farcall.hub.catalog import Catalog, asked_path
from farcall.hub.wanted import changed_meanwhile
from farcall.hub.workers import Workers


@dataclass(slots=True, frozen=True)
class Space:
    """A namespace as it is listed. `made`: it stays when it is empty; `level` is that of whoever asked."""

    path: str
    made: bool
    level: access.Level


class Names:
    """The use cases about names. Each change is seen at once, on open connections too."""

    def __init__(
        self,
        store: ports.Store,
        catalog: Catalog,
        accounts: Accounts,
        workers: Workers,
        bounds: Bounds = DEFAULT_BOUNDS,
    ) -> None:
        self._store = store
        self._bounds = bounds
        self._catalog = catalog
        self._accounts = accounts
        self._workers = workers

    # -- namespaces ----------------------------------------------------------------------------------------------------

    async def namespaces(
        self, subject: access.Subject, *, below: str = "", limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Space], str | None]:
        """A page of the namespaces that the subject may see, by path, and the cursor of the next page."""
        if below:
            below = asked_path(below)
        page = await self._store.namespaces(access.visible_roots(subject), below, limit, cursor)
        seen = [row for row in page.items if access.decide(subject, "view", row.path).allowed]
        return [Space(row.path, row.made_at is not None, access.level_at(subject, row.path)) for row in seen], page.next

    async def create(self, subject: access.Subject, path: str) -> Space:
        """Make a namespace, and those above it; one that is there already is left as it is. Raises Refused."""
        where = self._manageable(subject, _namespace(path))
        bound = self._bounds.namespaces_per_handle
        command = ports.MakeNamespace(where, time.time(), bound_for(subject, bound))
        outcome = await self._store.do(audit.recorded(command, subject, "namespace.create", path=where))
        if outcome is ports.Outcome.FULL:
            what = f"The namespaces that were made below {names.handle_of(where)} are"
            raise full(what, bound, "Delete one that is empty, with farcall namespace delete.")
        if outcome is ports.Outcome.CONFLICT:
            raise Refused(
                "conflict",
                f"{where} cannot be a namespace: a function or a link has that name, or one above it.",
                "farcall list shows what there is.",
            )
        return Space(where, True, access.level_at(subject, where))

    async def delete(self, subject: access.Subject, path: str, *, recursive: bool = False, force: bool = False) -> None:
        """Delete a namespace, with everything in it only if `recursive`. Raises Refused.

        Functions that workers serve are deleted only with `force`. Linked functions themselves are not touched.
        """
        where = self._manageable(subject, _namespace(path))
        if not force:
            self.refuse_served(where, [row for f in await self._store.functions_in(where) for row in f.versions])
        command = ports.DeleteNamespace(where, recursive, time.time())
        outcome = await self._store.do(audit.recorded(command, subject, "namespace.delete", path=where))
        if outcome is ports.Outcome.MISSING:
            raise Refused(
                "not_found", f"There is no namespace {where}.", "farcall namespace list shows those there are."
            )
        if outcome is ports.Outcome.CONFLICT:
            raise Refused(
                "conflict",
                f"{where} is not empty.",
                "Empty it first, or delete all that is in it too.",
            )
        self.removed(outcome)

    # -- names ---------------------------------------------------------------------------------------------------------

    async def rename(self, subject: access.Subject, path: str, to: str) -> str:
        """Give a function, a link or a namespace another name, with all that is in it; returns the new one.

        Aliases, links, grants and limits of tokens go with it, and workers go on serving. Raises Refused.
        """
        old = self._manageable(subject, asked_path(path))
        row = await self._store.namespace(old)
        new = self._manageable(subject, _namespace(to) if row is not None else _function(to))
        if names.handle_of(old) != names.handle_of(new):
            raise Refused("invalid_request", f"{old} stays below {names.handle_of(old)}.", "Publish it there instead.")
        command = ports.Rename(old, new, time.time())
        outcome = await self._store.do(audit.recorded(command, subject, "namespace.rename", path=old, target=new))
        if outcome is ports.Outcome.MISSING:
            raise Refused("not_found", f"There is no {old}.", "farcall list shows what there is.")
        if outcome is ports.Outcome.CONFLICT:
            raise Refused("conflict", f"{new} is taken, or lies below a function or within {old}.", "Use another name.")
        await self._workers.renamed(outcome.versions)
        self._catalog.forget([name for pair in outcome.names for name in pair])
        self._changed(outcome.accounts)
        return new

    async def link(self, subject: access.Subject, namespace: str, function: str, name: str = "") -> tuple[str, str]:
        """Link a function into a namespace, under its own last name or `name`; returns (link, function).

        Raises Refused. Which rights that gives to others says `domain.links`.
        """
        where = self._manageable(subject, _namespace(namespace))
        row = await self._catalog.function_for(subject, asked_path(function), "view")
        path = _function(f"{where}/{name or row.name.rpartition('/')[2]}")
        passes = links.passes_on(subject, path, row.name)
        bound = self._bounds.functions_per_handle
        command = ports.PutLink(
            path, row.function, passes, subject.key, time.time(), bound_for(subject, bound), subject.access_epoch
        )
        outcome = await self._store.do(audit.recorded(command, subject, "link.create", path=path, target=row.name))
        if outcome is ports.Outcome.FULL:
            what = f"Functions and links below {names.handle_of(path)} are"
            raise full(what, bound, "Take some away, with farcall namespace remove or farcall delete.")
        if outcome is ports.Outcome.DENIED:
            raise changed_meanwhile()
        if outcome is ports.Outcome.CONFLICT:
            raise Refused("conflict", f"{path} is taken.", "Link it under another name, with --as.")
        if outcome is ports.Outcome.MISSING:
            raise Refused("not_found", f"{row.name} was deleted meanwhile.")
        self._catalog.forget([row.name, path])
        return path, row.name

    async def unlink(self, subject: access.Subject, path: str) -> None:
        """Take a link out of its namespace; the function stays. Raises Refused."""
        where = self._manageable(subject, asked_path(path))
        row = await self._catalog.function(where)
        if row is None or row.name == where:
            what = f"{where} is the function itself." if row is not None else f"There is no link {where}."
            raise Refused("not_found", what, "farcall delete deletes a function; farcall list shows links.")
        command = ports.DeleteLink(where)
        outcome = await self._store.do(audit.recorded(command, subject, "link.delete", path=where, target=row.name))
        if outcome is ports.Outcome.MISSING:
            raise Refused("not_found", f"There is no link {where}.")
        self._catalog.forget([row.name])
        self.removed(outcome)

    # -- shared with versions ------------------------------------------------------------------------------------------

    def refuse_served(self, what: str, versions: list[ports.VersionRow]) -> None:
        """Raises Refused if workers serve any of these."""
        serving = {worker.name: row.name for row in versions for worker in self._workers.serving(row.version)}
        if serving:
            who = ", ".join(f"{worker} ({function})" for worker, function in sorted(serving.items())[:5])
            raise Refused(
                "conflict", f"{what} is being served, by {who}.", "Stop those workers first, or force it (--force)."
            )

    def removed(self, outcome: ports.Removed) -> None:
        """What follows when something was deleted."""
        self._workers.withdraw([version for version, _ in outcome.versions])
        self._catalog.forget(list(outcome.names))
        self._changed(outcome.accounts)

    def _changed(self, accounts: Iterable[int]) -> None:
        for account in accounts:
            self._accounts.changed(account)

    def _manageable(self, subject: access.Subject, path: str) -> str:
        decision = access.decide(subject, "manage", path)
        if not decision.allowed:
            raise Refused(decision.code, decision.reason)
        return path


def _namespace(text: str) -> str:
    """A namespace below a handle, as somebody wrote it; raises Refused."""
    try:
        path = names.namespace(text)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
    if "/" not in path:
        raise Refused("invalid_request", f"{path} is an account's own namespace, which nobody makes, moves or deletes.")
    return path


def _function(text: str) -> str:
    try:
        return names.function_path(text)
    except names.BadName as error:
        raise Refused("invalid_request", f"{error}.") from None
