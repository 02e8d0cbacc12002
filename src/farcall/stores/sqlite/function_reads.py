"""Questions about functions, versions, names: what the catalog lists, shows and finds."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from farcall.domain import search
from farcall.hub.ports import AliasMove, FunctionRow, Hit, LinkRow, MissedRow, NamespaceRow, Page, VersionRow
from farcall.stores.sqlite import rows, searching
from farcall.stores.sqlite.missed import missed_row
from farcall.stores.sqlite.queries import Speaker

_encode_json = msgspec.json.encode


class FunctionReads(Speaker):
    """What a reader can be asked of functions."""

    def version(self, key: int | None, name: str | None, number: int | None) -> VersionRow | None:
        if key is None:
            row = self.one("versions_of_function", self.one("function_by_name", name), number, 1)
        else:
            row = self.one("version_by_key", key)
        return None if row is None else rows.version(row)

    def function(self, path: str | None, key: int | None) -> FunctionRow | None:
        key = self.one("function_key", path) if key is None else key
        found = self.one("function_by_key", key)
        if found is None:
            return None
        versions = tuple(rows.version(row) for row in self.all("versions_of_function", key, None, -1))
        aliases = {alias: version for alias, version, _ in self.all("aliases_of", key)}
        links = tuple(LinkRow(link, bool(passes)) for link, passes in self.all("links_to", key))
        function, name, owner, handle = found
        return FunctionRow(function, name, owner, handle, versions, aliases, links)

    def functions_in(self, path: str) -> list[FunctionRow]:
        found = [self.function(None, key) for (key,) in self.all("functions_in", path)]
        return [row for row in found if row is not None]

    def functions(self, roots: Sequence[str], text: str, below: str, limit: int, cursor: str | None) -> Page:
        if not roots:
            return Page([], None)
        if text:
            return self._found(search.query(text), roots, below, limit, cursor or "0.0")
        places: list[tuple[str, int]] = []
        for lower, upper in searching.spans(roots, below, cursor or ""):
            places += [(place, key) for place, key in self.all("places_in", lower, upper, limit + 1 - len(places))]
            if len(places) > limit:
                break
        chosen = places[:limit]
        newest = self._newest_of([key for _, key in chosen])
        hits = [Hit(place, newest[key]) for place, key in chosen if key in newest]
        return Page(hits, chosen[-1][0] if len(places) > limit else None)

    def _found(self, asked: search.Query, roots: Sequence[str], below: str, limit: int, cursor: str) -> Page:
        """Rank by rank, in each by key; the cursor is the last one's."""
        if not asked.words:
            return Page([], None)
        began, after = (int(part) for part in cursor.split("."))
        places: list[tuple[int, int]] = []
        for rank in searching.ranks()[began:]:
            expression = searching.matches(asked, rank, roots, below)
            beyond = after if rank == began else 0
            places += [(rank, key) for (key,) in self.all("found", expression, beyond, limit + 1 - len(places))]
            if len(places) > limit:
                break
        chosen = places[:limit]
        newest = self._newest_of([key for _, key in chosen])
        hits = [Hit(newest[key].name, newest[key]) for _, key in chosen if key in newest]
        return Page(hits, "{}.{}".format(*chosen[-1]) if len(places) > limit else None)

    def _newest_of(self, keys: Sequence[int]) -> dict[int, VersionRow]:
        found = [rows.version(row) for row in self.all("newest_of", _encode_json(keys).decode())]
        return {row.function: row for row in found}

    def namespace(self, path: str) -> NamespaceRow | None:
        row = self.one("namespace", path)
        return None if row is None else NamespaceRow(*row)

    def namespaces(self, roots: Sequence[str], below: str, limit: int, cursor: str | None) -> Page:
        found: list[NamespaceRow] = []
        for lower, upper in searching.spans(roots, below, cursor or ""):
            found += [NamespaceRow(*row) for row in self.all("namespaces_in", lower, upper, limit + 1 - len(found))]
            if len(found) > limit:
                break
        chosen = found[:limit]
        return Page(list(chosen), chosen[-1].path if len(found) > limit else None)

    def alias_moves(self, function: int) -> list[AliasMove]:
        return [AliasMove(*row) for row in self.all("alias_moves", function)]

    def missed(self) -> list[MissedRow]:
        return [missed_row(row) for row in self.all("missed")]

    def unfinished_of(self, version: int) -> int:
        return int(self.one("unfinished_of", version))
