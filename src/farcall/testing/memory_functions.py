"""Functions, versions, links, aliases and namespaces of the in-memory store, beside its catalog."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from farcall.domain.names import ancestors, covers, handle_of
from farcall.hub.ports import (
    BOUND_MEMORY_SECONDS,
    DeleteAlias,
    DeleteFunction,
    DeleteLink,
    DeleteNamespace,
    DeleteVersion,
    Deprecate,
    KeepDurations,
    MakeNamespace,
    MoveAlias,
    Moved,
    Outcome,
    PublishVersions,
    PutLink,
    Removed,
    Rename,
    RollBackAlias,
    VersionRow,
    VersionSpec,
)
from farcall.testing.memory_names import MemoryNames, Move


@dataclass
class MemoryFunctions(MemoryNames):
    """Each method carries out one command."""

    @property
    def handlers(self) -> dict[type, Callable[[Any], Any]]:
        return {
            PublishVersions: self.publish_versions,
            DeleteFunction: self.delete_function,
            DeleteVersion: self.delete_version,
            Deprecate: self.deprecate,
            KeepDurations: self.keep_durations,
            MakeNamespace: self.make_namespace,
            DeleteNamespace: self.delete_namespace,
            Rename: self.rename,
            PutLink: self.put_link,
            DeleteLink: self.delete_link,
            MoveAlias: self.move_alias,
            RollBackAlias: self.roll_back_alias,
            DeleteAlias: self.delete_alias,
        }

    # -- functions and versions ----------------------------------------------------------------------------------------

    def publish_versions(self, command: PublishVersions) -> list[VersionRow | Outcome]:
        return [self._publish(item, command) for item in command.items]

    def _functions_fit(self, path: str, at: float, at_most: int | None) -> bool:
        handle = handle_of(path)
        held = [*self.names, *self.links, *(name for name, when in self.deleted if when > at - BOUND_MEMORY_SECONDS)]
        return at_most is None or sum(handle_of(name) == handle for name in held) < at_most

    def _version_fits(self, everything: list[VersionRow], command: PublishVersions) -> bool:
        since = command.at - BOUND_MEMORY_SECONDS
        held = sum(not row.deleted or self.ended[row.version] > since for row in everything)
        return command.versions_at_most is None or held < command.versions_at_most

    def _publish(self, item: VersionSpec, command: PublishVersions) -> VersionRow | Outcome:
        function = self.names.get(item.name)
        if function is None:
            if not self._functions_fit(item.name, command.at, command.functions_at_most):
                return Outcome.FULL
            if self._taken(item.name):
                return Outcome.CONFLICT
            if self.whither(item.name) is not None:
                return Outcome.STALE
            function = len(self.owners) + 1
            self.names[item.name], self.owners[function] = function, command.account
            self._imply_above(item.name)
        everything = [row for row in self.catalog.versions.values() if row.function == function]
        for row in everything:
            if row.digest == item.digest:
                self._put(replace(row, deleted=False))
                return self.catalog.versions[row.version]
        if not self._version_fits(everything, command):
            return Outcome.FULL
        owner = self.owners[function]
        row = VersionRow(
            version=len(self.catalog.versions) + 1,
            function=function,
            name=item.name,
            owner=owner,
            owner_handle=self.catalog.accounts[owner].handle,
            number=max((row.number for row in everything), default=0) + 1,
            digest=item.digest,
            interface=item.interface,
            implementation=item.implementation,
            document=item.document,
            options=item.options,
            created_at=command.at,
            newest=True,
        )
        self._put(row)
        return self.catalog.versions[row.version]

    def _put(self, row: VersionRow) -> None:
        """Keep it, and which of its function's versions is the newest."""
        versions = self.catalog.versions
        versions[row.version] = row
        of = self._versions(row.function)
        for other in of:
            versions[other.version] = replace(other, newest=other is of[0])

    def delete_function(self, command: DeleteFunction) -> Removed | Outcome:
        if command.path not in self.names:
            return Outcome.MISSING if self.moved.pop(command.path, None) is None else Removed()
        accounts = self._forget_rights(command.path, command.at)
        versions, gone = self._delete_function(command.path, command.at)
        return Removed(versions, gone, accounts)

    def _delete_function(self, name: str, at: float) -> tuple[list[tuple[int, str]], list[str]]:
        function = self.names.pop(name)
        self.deleted.append((name, at))
        self._forget_moved_to(name)
        versions = sorted((row.version, name) for row in self._versions(function))
        for version, _ in versions:
            row = self.catalog.versions[version]
            self.catalog.versions[version] = replace(row, deleted=True, newest=False)
        links = sorted(path for path, (target, _) in self.links.items() if target == function)
        for path in links:
            del self.links[path]
        self.moves = [move for move in self.moves if move.function != function]
        self._forget_implied_above([name, *links])
        return versions, [name, *links]

    def delete_version(self, command: DeleteVersion) -> Removed | Outcome:
        row = self.catalog.versions.get(command.version)
        if row is None or row.deleted:
            return Outcome.MISSING
        needed = self.unfinished_of(row.version) or row.version in self._aliases(row.function).values()
        if needed or len(self._versions(row.function)) == 1:
            return Outcome.CONFLICT
        self._put(replace(row, deleted=True, newest=False))
        self.ended[row.version] = command.at
        return Removed([(row.version, row.name)], [row.name])

    def deprecate(self, command: Deprecate) -> Outcome:
        row = self.catalog.versions.get(command.version)
        if row is None or row.deleted:
            return Outcome.MISSING
        at = command.at if command.message else None
        self.catalog.versions[row.version] = replace(row, deprecated=command.message, deprecated_at=at)
        return Outcome.OK

    def keep_durations(self, command: KeepDurations) -> Outcome:
        for version, seconds in command.items:
            self.catalog.versions[version] = replace(self.catalog.versions[version], typical_seconds=seconds)
        return Outcome.OK

    # -- names ---------------------------------------------------------------------------------------------------------

    def _taken(self, path: str) -> bool:
        above = ancestors(path)
        return path in self.spaces or any(name in self.names or name in self.links for name in [path, *above])

    def _imply_above(self, path: str) -> None:
        for above in ancestors(path):
            self.spaces.setdefault(above, None)

    def _forget_implied_above(self, paths: Iterable[str]) -> None:
        for space in sorted({above for path in paths for above in ancestors(path)}, reverse=True):
            if self._empty(space) and self.spaces.get(space, 0.0) is None:
                del self.spaces[space]
                self._forget_moved_to(space)

    def _empty(self, space: str) -> bool:
        return not any(path != space and covers(space, path) for path in [*self.names, *self.links, *self.spaces])

    def make_namespace(self, command: MakeNamespace) -> Outcome:
        if command.path not in self.spaces and self._taken(command.path):
            return Outcome.CONFLICT
        if self.spaces.get(command.path) is not None:
            return Outcome.DUPLICATE
        handle = handle_of(command.path)
        made = sum(handle_of(path) == handle and path != handle and at is not None for path, at in self.spaces.items())
        if command.at_most is not None and made >= command.at_most:
            return Outcome.FULL
        self.spaces[command.path] = command.at
        self._forget_moved(command.path)
        self._imply_above(command.path)
        return Outcome.OK

    def delete_namespace(self, command: DeleteNamespace) -> Removed | Outcome:
        path = command.path
        if path not in self.spaces:
            return Outcome.MISSING
        if not command.recursive and not self._empty(path):
            return Outcome.CONFLICT
        accounts = self._forget_rights(path, command.at)
        versions: list[tuple[int, str]] = []
        gone = sorted(link for link in self.links if covers(path, link))
        for link in gone:
            del self.links[link]
        for name in sorted(name for name in self.names if covers(path, name)):
            its_versions, its_names = self._delete_function(name, command.at)
            versions += its_versions
            gone += its_names
        self.spaces = {space: at for space, at in self.spaces.items() if not covers(path, space)}
        self._forget_moved_to(path)
        self._forget_implied_above([path])
        return Removed(versions, gone, accounts)

    def _forget_rights(self, path: str, at: float) -> list[int]:
        concerned = self._bump_grantees(path)
        self.catalog.grants = {place: row for place, row in self.catalog.grants.items() if not covers(path, place[0])}
        for key, row in self.invitations.rows.items():
            if row.state == "open" and covers(path, row.path):
                self.invitations.rows[key] = replace(row, state="revoked", settled_at=at)
        return concerned

    def _bump_grantees(self, path: str, others: Iterable[int] = ()) -> list[int]:
        concerned = set(others)
        for place, grantee in self.catalog.grants:
            if covers(path, place) or covers(place, path):
                concerned.update(self.catalog.affected_by(grantee))
        for account in concerned:
            row = self.catalog.accounts[account]
            self.catalog.accounts[account] = replace(row, access_epoch=row.access_epoch + 1)
        return sorted(concerned)

    def rename(self, command: Rename) -> Moved | Outcome:
        path, to = command.path, command.to

        def moved(old: str) -> str:
            return to + old[len(path) :] if covers(path, old) else old

        functions = sorted(name for name in self.names if covers(path, name))
        links = sorted(link for link in self.links if covers(path, link))
        if not functions and not links and path not in self.spaces:
            return Outcome.MISSING
        if self._taken(to) or path in ancestors(to):
            return Outcome.CONFLICT
        versions: list[tuple[int, str]] = []
        is_space = path in self.spaces
        for name in functions:
            function = self.names[moved(name)] = self.names.pop(name)
            versions += [(row.version, moved(name)) for row in self._versions(function)]
            for row in list(self.catalog.versions.values()):
                if row.function == function:
                    self.catalog.versions[row.version] = replace(row, name=moved(name))
        self.links = {moved(link): target for link, target in self.links.items()}
        self.spaces = {moved(space): at for space, at in self.spaces.items()}
        self.moved = {old: moved(new) for old, new in self.moved.items()}
        self._imply_above(to)
        self._forget_implied_above([path])
        accounts = self._bump_grantees(path, self._move_limits(moved))
        grants, self.catalog.grants = self.catalog.grants, {}
        for (place, grantee), grant in sorted(grants.items(), key=lambda item: covers(path, item[0][0])):
            self.catalog.grants[(moved(place), grantee)] = replace(grant, path=moved(place))
        for key, invitation in self.invitations.rows.items():
            if invitation.state == "open":
                self.invitations.rows[key] = replace(invitation, path=moved(invitation.path))
        self._forget_moved(to)
        if is_space or not links:
            self.moved[path] = to
        return Moved([(name, moved(name)) for name in [*functions, *links]], versions, accounts)

    def _forget_moved(self, path: str) -> None:
        self.moved = {old: new for old, new in self.moved.items() if not covers(path, old)}

    def _forget_moved_to(self, path: str) -> None:
        self.moved = {old: new for old, new in self.moved.items() if not covers(path, new)}

    def _move_limits(self, moved: Callable[[str], str]) -> list[int]:
        concerned = []
        for key, (digest, token) in self.catalog.tokens.items():
            only = tuple(moved(limit) for limit in token.only)
            if only != token.only and token.revoked_at is None:
                self.catalog.tokens[key] = (digest, replace(token, only=only))
                concerned.append(token.account)
        return concerned

    # -- links and aliases ---------------------------------------------------------------------------------------------

    def put_link(self, command: PutLink) -> Outcome:
        if command.function not in self.names.values():
            return Outcome.MISSING
        if self._taken(command.path):
            there = self.names.get(command.path) or self.links.get(command.path, (0, False))[0]
            return Outcome.DUPLICATE if there == command.function else Outcome.CONFLICT
        if self.catalog.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        if not self._functions_fit(command.path, command.at, command.at_most):
            return Outcome.FULL
        self.links[command.path] = (command.function, command.passes)
        self._imply_above(command.path)
        return Outcome.OK

    def delete_link(self, command: DeleteLink) -> Removed | Outcome:
        if self.links.pop(command.path, None) is None:
            return Outcome.MISSING
        self._forget_implied_above([command.path])
        return Removed([], [command.path], self._bump_grantees(command.path))

    def _standing(self, function: int, alias: str) -> list[Move]:
        return [m for m in self.moves if m.function == function and m.alias == alias and m.undone_at is None]

    def move_alias(self, command: MoveAlias) -> Outcome:
        if all(row.version != command.version for row in self._versions(command.function)):
            return Outcome.MISSING
        if self._aliases(command.function).get(command.alias) == command.version:
            return Outcome.DUPLICATE
        self.moves.append(Move(command.function, command.alias, command.version, command.by, command.at))
        return Outcome.OK

    def roll_back_alias(self, command: RollBackAlias) -> int | Outcome:
        standing = self._standing(command.function, command.alias)
        if not standing:
            return Outcome.MISSING
        current = standing[-1].version
        before = [m for m in standing if m.version != current and not self.catalog.versions[m.version].deleted]
        if not before:
            return Outcome.STALE
        for move in standing[standing.index(before[-1]) + 1 :]:
            move.undone_at = command.at
        return before[-1].version

    def delete_alias(self, command: DeleteAlias) -> Outcome:
        kept = [m for m in self.moves if (m.function, m.alias) != (command.function, command.alias)]
        found, self.moves = len(kept) != len(self.moves), kept
        return Outcome.OK if found else Outcome.MISSING
