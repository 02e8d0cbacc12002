"""The audit log on SQLite: adding to it in the writer's thread, reading it in a reader's."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import msgspec

from farcall.hub.ports import AddAudit, AuditEntry, AuditFilter, AuditRow, Outcome, Page
from farcall.stores.sqlite.queries import Speaker

_BEYOND = 1 << 62
_encode_json = msgspec.json.encode
_detail = msgspec.json.Decoder(dict[str, Any]).decode


class AuditCommands(Speaker):
    def add_audit(self, command: AddAudit) -> Outcome:
        self.add(command.entries)
        return Outcome.OK

    def add(self, entries: Sequence[AuditEntry]) -> None:
        """Within whatever transaction is open."""
        for entry in entries:
            key = self.one(
                "add_audit",
                entry.at,
                entry.actor,
                entry.who,
                entry.token,
                entry.what,
                entry.path,
                entry.about,
                entry.target,
                entry.origin,
                entry.outcome,
                _encode_json(entry.detail).decode(),
            )
            self.one("add_audit_concerns", key, entry.actor, entry.about, entry.path.partition("/")[0])


class AuditReads(Speaker):
    def page(self, query: AuditFilter) -> Page:
        """Newest first; the cursor is the key of the last one."""
        cursor = int(query.cursor) if query.cursor else _BEYOND
        roots = _encode_json(query.roots).decode()
        asked = (cursor, query.limit + 1, query.who, query.what, query.path, query.since, query.until, roots)
        if query.concerns is not None:
            each = [self.all("audit_concerning", *asked, account) for account in query.concerns]
            found = {row[0]: row for part in each for row in part}
            rows = heapq.nlargest(query.limit + 1, found.values(), key=lambda row: int(row[0]))
        elif query.who is not None:
            rows = self.all("audit_of_who", *asked)
        else:
            rows = self.all("audit_at_path" if query.path else "audit", *asked)
        items = [_row(row) for row in rows[: query.limit]]
        return Page(items, str(items[-1].key) if len(rows) > query.limit else None)


def _row(row: tuple[Any, ...]) -> AuditRow:
    key, at, actor, who, token, what, path, about, target, origin, outcome, detail = row
    return AuditRow(at, actor, who, token, what, path, about, target, origin, outcome, _detail(detail), key)
