"""The audit log of the in-memory store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from farcall.hub.ports import AddAudit, AuditEntry, AuditFilter, AuditRow, Outcome, Page
from farcall.testing.memory_catalog import MemoryCatalog, at_or_below

_FIELDS = tuple(item.name for item in fields(AuditEntry))


class MemoryAudit:
    """Entries in order, and whom each concerns."""

    def __init__(self, catalog: MemoryCatalog) -> None:
        self._catalog = catalog
        self._log: list[tuple[AuditRow, set[int]]] = []

    def add_audit(self, command: AddAudit) -> Outcome:
        self.add(command.entries)
        return Outcome.OK

    def add(self, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            row = AuditRow(**{name: getattr(entry, name) for name in _FIELDS}, key=len(self._log) + 1)
            handle = entry.path.partition("/")[0]
            owners = {key for key, account in self._catalog.accounts.items() if account.handle == handle}
            self._log.append((row, {key for key in (entry.actor, entry.about) if key is not None} | owners))

    def page(self, query: AuditFilter) -> Page:
        before = int(query.cursor) if query.cursor else len(self._log) + 1
        found = [
            row
            for row, concerned in reversed(self._log)
            if row.key < before
            and (query.concerns is None or concerned & set(query.concerns))
            and (not query.roots or any(at_or_below(row.path, root) for root in query.roots))
            and query.who in (None, row.who)
            and (query.what is None or row.what == query.what or row.what.startswith(query.what + "."))
            and (query.path is None or at_or_below(row.path, query.path))
            and (query.since is None or row.at >= query.since)
            and (query.until is None or row.at < query.until)
        ]
        items = found[: query.limit]
        return Page(list(items), str(items[-1].key) if len(found) > query.limit else None)
