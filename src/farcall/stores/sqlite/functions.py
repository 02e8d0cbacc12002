"""Commands about functions, versions, links, aliases and namespaces. They run in the writer's thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from farcall.domain import search
from farcall.domain.names import ancestors, handle_of
from farcall.hub.ports import (
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
from farcall.stores.sqlite import rows, searching
from farcall.stores.sqlite.guards import Guards

_encode_json = msgspec.json.encode
_MOVED_REMEMBERED = 1_000  # old names below a handle


class FunctionCommands(Guards):
    """Each method carries out one command and returns its outcome."""

    @property
    def handlers(self) -> dict[type, Callable[[Any], Any]]:
        """Which method carries out which command."""
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
        outcomes: list[VersionRow | Outcome] = []
        left: float | None = None  # counted once for all, and only if there is something new
        for item in command.items:
            if self.one("function_by_name", item.name) is None:
                if left is None:
                    left = self.functions_left(item.name, command.at, command.functions_at_most)
                made = Outcome.FULL if left < 1 else self._make_function(item.name, command)
                if made is not Outcome.OK:
                    outcomes.append(made)
                    continue
                left -= 1
            outcomes.append(self._publish(item, command))
        return outcomes

    def _make_function(self, name: str, command: PublishVersions) -> Outcome:
        if self._taken(name):
            return Outcome.CONFLICT
        if self.one("whither", _json([*ancestors(name), name])) is not None:
            return Outcome.STALE
        self.one("create_function", name, command.account, command.at)
        self._imply_above(name)
        return Outcome.OK

    def _publish(self, item: VersionSpec, command: PublishVersions) -> VersionRow | Outcome:
        at = command.at
        function = self.one("function_by_name", item.name)
        key = self.one("version_by_digest", function, item.digest)
        if key is None:
            if not self.version_fits(function, at, command.versions_at_most):
                return Outcome.FULL
            key = self.one(
                "create_version",
                function,
                item.digest,
                item.interface,
                item.implementation,
                _encode_json(item.document).decode(),
                _encode_json(item.options).decode(),
                at,
            )
            self.index(function)
        elif self.one("revive_version", key) is not None:
            self.index(function)
        return rows.version(self.one("version_by_key", key))

    def delete_function(self, command: DeleteFunction) -> Removed | Outcome:
        function = self.one("function_by_name", command.path)
        if function is None:
            gave_up = self.one("give_up_moved", command.path) is not None
            return Removed() if gave_up else Outcome.MISSING
        accounts = self._forget_rights(command.path, command.at)
        versions, gone = self._delete_function(function, command.path, command.at)
        return Removed(versions, gone, accounts)

    def _delete_function(self, function: int, name: str, at: float) -> tuple[list[tuple[int, str]], list[str]]:
        versions = [(key, name) for (key,) in self.all("delete_versions_of", function, at)]
        links = [path for (path,) in self.all("delete_links_to", function)]
        self.one("delete_aliases_of", function)
        self.one("unindex_function", function)
        self.one("delete_function", function, at)
        self.one("forget_moved_to", name)
        self._forget_implied_above([name, *links])
        return versions, [name, *links]

    def delete_version(self, command: DeleteVersion) -> Removed | Outcome:
        row = self.one("version_by_key", command.version)
        if row is None or rows.version(row).deleted:
            return Outcome.MISSING
        if self.one("version_needed", command.version):
            return Outcome.CONFLICT
        version = rows.version(row)
        self.one("delete_version", command.version, command.at)
        self.index(version.function)
        return Removed([(version.version, version.name)], [version.name])

    def deprecate(self, command: Deprecate) -> Outcome:
        return _found(self.one("deprecate", command.version, command.message, command.at))

    def keep_durations(self, command: KeepDurations) -> Outcome:
        for version, seconds in command.items:
            self.one("keep_duration", version, seconds)
        return Outcome.OK

    # -- names ---------------------------------------------------------------------------------------------------------

    def _taken(self, path: str) -> bool:
        return bool(self.one("name_is_taken", path, _json(ancestors(path))))

    def _imply_above(self, path: str) -> None:
        self.one("imply_namespaces", _json(ancestors(path)))

    def _forget_implied_above(self, paths: Iterable[str]) -> None:
        above = {namespace for path in paths for namespace in ancestors(path)}
        for namespace in sorted(above, reverse=True):  # the lower ones first
            if self.one("namespace_is_empty", namespace) and self.one("forget_if_implied", namespace):
                self.one("forget_moved_to", namespace)

    def make_namespace(self, command: MakeNamespace) -> Outcome:
        if self.one("namespace", command.path) is None and self._taken(command.path):
            return Outcome.CONFLICT
        known = self.one("namespace", command.path)
        if known is not None and known[1] is not None:
            return Outcome.DUPLICATE
        if not self.namespace_fits(command):
            return Outcome.FULL
        self.one("make_namespace", command.path, command.at)
        self.one("forget_moved", command.path)
        self._imply_above(command.path)
        return Outcome.OK

    def delete_namespace(self, command: DeleteNamespace) -> Removed | Outcome:
        path, at = command.path, command.at
        if self.one("namespace", path) is None:
            return Outcome.MISSING
        if not command.recursive and not self.one("namespace_is_empty", path):
            return Outcome.CONFLICT
        accounts = self._forget_rights(path, at)
        versions: list[tuple[int, str]] = []
        gone: list[str] = []
        for link, function in self.all("links_in", path):
            self.one("delete_link", link)
            gone.append(link)
            self.index(function)
        for (function,) in self.all("functions_in", path):
            name = self.one("function_by_key", function)[1]
            its_versions, its_names = self._delete_function(function, name, at)
            versions += its_versions
            gone += its_names
        self.one("delete_namespaces", path)
        self.one("forget_moved_to", path)
        self._forget_implied_above([path])
        return Removed(versions, gone, accounts)

    def _forget_rights(self, path: str, at: float) -> list[int]:
        """What was granted at or below a path that is deleted does not count for what is made there later."""
        concerned = self._bump_grantees(path)
        self.one("delete_grants_at", path)
        self.one("revoke_invitations_at", path, at)
        return concerned

    def _bump_grantees(self, path: str, others: Iterable[int] = ()) -> list[int]:
        """Raise the epochs of whoever may have reached something at or below the path by a grant; their keys."""
        concerned = set(others)
        for (grantee,) in self.all("grantees_at", path, _json(ancestors(path))):
            concerned.update(key for (key,) in self.all("affected_by", grantee))
        self.one("bump_epochs", _json(sorted(concerned)))
        return sorted(concerned)

    def rename(self, command: Rename) -> Moved | Outcome:
        path, to = command.path, command.to
        functions = [function for (function,) in self.all("functions_in", path)]
        links = self.all("links_in", path)
        if not functions and not links and self.one("namespace", path) is None:
            return Outcome.MISSING
        if self._taken(to) or path in ancestors(to):
            return Outcome.CONFLICT
        names: list[tuple[str, str]] = []
        versions: list[tuple[int, str]] = []
        for function in functions:
            old = self.one("function_by_key", function)[1]
            new = to + old[len(path) :]
            self.one("rename_function", function, new)
            names.append((old, new))
            versions += [(row[0], new) for row in self.all("versions_of_function", function, None, -1)]
        for link, function in links:
            new = to + link[len(path) :]
            self.one("rename_link", link, new)
            names.append((link, new))
            functions.append(function)
        is_space = self.one("namespace", path) is not None
        self.one("rename_namespaces", path, to)
        self.one("follow_moved", path, to)
        self._imply_above(to)
        self._forget_implied_above([path])
        limited = [account for (account,) in self.all("rename_limits", path, to)]
        concerned = self._bump_grantees(path, limited)
        self.one("rename_grants", path, to)
        self.one("rename_invitations", path, to)
        for function in sorted(set(functions)):
            self.index(function)
        self.one("forget_moved", to)
        if is_space or not links:  # nobody publishes under the name of a link
            self.one("note_moved", path, to, command.at)
            self.one("bound_moved", handle_of(path), _MOVED_REMEMBERED)
        return Moved(names, versions, concerned)

    # -- links and aliases ---------------------------------------------------------------------------------------------

    def put_link(self, command: PutLink) -> Outcome:
        if self.one("function_by_key", command.function) is None:
            return Outcome.MISSING
        if self._taken(command.path):
            there = self.one("function_key", command.path) == command.function
            return Outcome.DUPLICATE if there else Outcome.CONFLICT
        if self.access_changed(command.by, command.by_epoch):
            return Outcome.DENIED
        if self.functions_left(command.path, command.at, command.at_most) < 1:
            return Outcome.FULL
        self.one("put_link", command.path, command.function, command.passes, command.by, command.at)
        self._imply_above(command.path)
        self.index(command.function)
        return Outcome.OK

    def delete_link(self, command: DeleteLink) -> Removed | Outcome:
        function = self.one("delete_link", command.path)
        if function is None:
            return Outcome.MISSING
        self.index(function)
        self._forget_implied_above([command.path])
        return Removed([], [command.path], self._bump_grantees(command.path))

    def move_alias(self, command: MoveAlias) -> Outcome:
        if self.one("version_is_of", command.version, command.function) is None:
            return Outcome.MISSING
        if self.one("alias_version", command.function, command.alias) == command.version:
            return Outcome.DUPLICATE
        self.one("move_alias", command.function, command.alias, command.version, command.by, command.at)
        return Outcome.OK

    def roll_back_alias(self, command: RollBackAlias) -> int | Outcome:
        current = self.one("alias_version", command.function, command.alias)
        if current is None:
            return Outcome.MISSING
        before = self.one("alias_before", command.function, command.alias, current)
        if before is None:
            return Outcome.STALE
        move, version = before
        self.one("undo_moves", command.function, command.alias, move, command.at)
        return int(version)

    def delete_alias(self, command: DeleteAlias) -> Outcome:
        return Outcome.OK if self.all("delete_alias", command.function, command.alias) else Outcome.MISSING

    # -- search --------------------------------------------------------------------------------------------------------

    def index(self, function: int) -> None:
        """Let the function be found by what it says now."""
        newest = self.one("versions_of_function", function, None, 1)
        if newest is None:
            self.one("unindex_function", function)
            return
        row = rows.version(newest)
        links = [(path, bool(passes)) for path, passes in self.all("links_to", function)]
        words = search.indexed(row.name, [path for path, _ in links], row.document)
        self.one("index_function", function, searching.tokens(words, row.name, links))

    def index_all(self) -> None:
        """Functions that were published before there was an index."""
        for (function,) in self.all("unindexed"):
            self.index(function)


def _json(value: list[str] | list[int]) -> str:
    return _encode_json(value).decode()


def _found(key: object) -> Outcome:
    return Outcome.MISSING if key is None else Outcome.OK
