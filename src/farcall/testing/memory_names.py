"""What the in-memory store knows of functions, versions, links, aliases and namespaces, and is asked about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from farcall.domain import search
from farcall.domain.names import ancestors, covers
from farcall.hub.ports import AliasMove, FunctionRow, Hit, LinkRow, NamespaceRow, Page, VersionRow
from farcall.testing.memory_catalog import MemoryCatalog
from farcall.testing.memory_invitations import MemoryInvitations


@dataclass
class Move:
    """One move of an alias."""

    function: int
    alias: str
    version: int
    by: int
    at: float
    undone_at: float | None = None


@dataclass
class MemoryNames:
    """Each method answers one question. Versions are the catalog's, deleted ones too."""

    catalog: MemoryCatalog
    invitations: MemoryInvitations
    unfinished_of: Callable[[int], int]
    names: dict[str, int] = field(default_factory=dict)  # of functions that are not deleted, to keys
    owners: dict[int, int] = field(default_factory=dict)
    links: dict[str, tuple[int, bool]] = field(default_factory=dict)
    spaces: dict[str, float | None] = field(default_factory=dict)
    moves: list[Move] = field(default_factory=list)
    deleted: list[tuple[str, float]] = field(default_factory=list)  # functions: name and when
    ended: dict[int, float] = field(default_factory=dict)  # versions: when they were deleted last
    moved: dict[str, str] = field(default_factory=dict)  # old names to new ones

    def _versions(self, function: int) -> list[VersionRow]:
        """Newest first."""
        found = [row for row in self.catalog.versions.values() if row.function == function and not row.deleted]
        return sorted(found, key=lambda row: -row.number)

    def _aliases(self, function: int) -> dict[str, int]:
        return {m.alias: m.version for m in self.moves if m.function == function and m.undone_at is None}

    def whither(self, path: str) -> tuple[str, str] | None:
        for name in reversed([*ancestors(path), path]):
            if name in self.moved:
                return name, self.moved[name]
            if name in self.spaces:
                return None
        return None

    def function(self, path: str | None, key: int | None) -> FunctionRow | None:
        if key is None:
            key = self.names.get(path or "", self.links.get(path or "", (0, False))[0])
        name = next((name for name, function in self.names.items() if function == key), None)
        if name is None:
            return None
        owner = self.owners[key]
        links = sorted((path, passes) for path, (target, passes) in self.links.items() if target == key)
        return FunctionRow(
            key,
            name,
            owner,
            self.catalog.accounts[owner].handle,
            tuple(self._versions(key)),
            self._aliases(key),
            tuple(LinkRow(*link) for link in links),
        )

    def functions_in(self, path: str) -> list[FunctionRow]:
        found = [self.function(name, None) for name in sorted(self.names) if covers(path, name)]
        return [row for row in found if row is not None]

    def functions(self, roots: Sequence[str], text: str, below: str, limit: int, cursor: str | None) -> Page:
        hits = self._found(text, roots, below) if text else self._places(roots, below)
        later = [(place, hit) for place, hit in hits if cursor is None or place > _place(cursor, text)]
        chosen = later[:limit]
        after = ".".join(map(str, chosen[-1][0])) if len(later) > limit else None
        return Page([hit for _, hit in chosen], after)

    def _places(self, roots: Sequence[str], below: str) -> list[tuple[tuple[Any, ...], Hit]]:
        places = {**self.names, **{path: function for path, (function, _) in self.links.items()}}
        within = [path for path in places if covers(below, path) and any(covers(root, path) for root in roots)]
        return [((path,), Hit(path, self._versions(places[path])[0])) for path in sorted(within)]

    def _found(self, text: str, roots: Sequence[str], below: str) -> list[tuple[tuple[Any, ...], Hit]]:
        asked = search.query(text)
        found = []
        for name, function in self.names.items():
            links = {path: passes for path, (target, passes) in self.links.items() if target == function}
            newest = self._versions(function)[0]
            rank = search.rank(asked, search.indexed(name, list(links), newest.document))
            passing = [name, *(path for path, passes in links.items() if passes)]
            in_scope = any(covers(root, path) for root in roots for path in passing)
            if rank is not None and in_scope and any(covers(below, path) for path in [name, *links]):
                found.append(((rank, function), Hit(name, newest)))
        return sorted(found, key=lambda item: item[0])

    def namespaces(self, roots: Sequence[str], below: str, limit: int, cursor: str | None) -> Page:
        found = [
            NamespaceRow(path, at)
            for path, at in sorted(self.spaces.items())
            if path > (cursor or "") and covers(below, path) and any(covers(root, path) for root in roots)
        ]
        chosen = found[:limit]
        return Page(list(chosen), chosen[-1].path if len(found) > limit else None)

    def namespace(self, path: str) -> NamespaceRow | None:
        return NamespaceRow(path, self.spaces[path]) if path in self.spaces else None

    def alias_moves(self, function: int) -> list[AliasMove]:
        accounts, versions = self.catalog.accounts, self.catalog.versions
        return [
            AliasMove(move.alias, versions[move.version].number, accounts[move.by].handle, move.at, move.undone_at)
            for move in reversed(self.moves)
            if move.function == function
        ]


def _place(cursor: str, text: str) -> tuple[Any, ...]:
    return tuple(int(part) for part in cursor.split(".")) if text else (cursor,)
