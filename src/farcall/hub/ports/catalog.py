"""Commands about names and versions of functions, and what is read of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from farcall.hub.ports.rows import VersionRow


@dataclass(slots=True)
class MakeNamespace:
    """OK · DUPLICATE (there is one already) · CONFLICT (a function or a link has the name, or one above it) · FULL
    (`at_most` were made below the handle).
    """

    path: str
    at: float
    at_most: int | None = None


@dataclass(slots=True)
class DeleteNamespace:
    """Delete it with all links in it, and with the grants at and below it; its functions only if `recursive`.

    Outcome: Removed, or MISSING, or CONFLICT (something lies in it, and `recursive` was not said).
    """

    path: str
    recursive: bool
    at: float


@dataclass(slots=True)
class DeleteFunction:
    """Delete it with its versions, its aliases, the links to it, and the grants at its name. Records stay.

    Where a function was renamed and its old name is given: that name is free again. Outcome: Removed, or MISSING.
    """

    path: str
    at: float


@dataclass(slots=True)
class DeleteVersion:
    """Outcome: Removed, or MISSING, or CONFLICT (an invocation of it waits or runs, or an alias means it).

    The last version of a function is deleted with the function only.
    """

    version: int
    at: float


@dataclass(slots=True)
class Rename:
    """Move a function, a link, or a namespace with everything in it: links, grants and limits of tokens too.

    Where it went is remembered until its old name is made, given up, or its new one deleted.
    Outcome: Moved, or MISSING, or CONFLICT (something has the new name, or the new one lies below a function).
    """

    path: str
    to: str
    at: float


@dataclass(slots=True)
class PutLink:
    """Link the function into a namespace. OK · DUPLICATE (it is there) · CONFLICT (the name is taken) · MISSING · FULL
    (there are `at_most` functions and links below the handle) · DENIED (`by_epoch` is not the access epoch of `by` any
    more).
    """

    path: str
    function: int
    passes: bool
    by: int
    at: float
    at_most: int | None = None
    by_epoch: int | None = None


@dataclass(slots=True)
class DeleteLink:
    """Outcome: Removed, or MISSING."""

    path: str


@dataclass(slots=True)
class MoveAlias:
    """Let the alias mean this version. OK · DUPLICATE (it did before) · MISSING (no such version of the function)."""

    function: int
    alias: str
    version: int
    by: int
    at: float


@dataclass(slots=True)
class RollBackAlias:
    """Undo the last move of the alias; moves to versions that are deleted by now are passed over.

    Outcome: the key of the version that it means again (int), or MISSING, or STALE (it meant none before).
    """

    function: int
    alias: str
    at: float


@dataclass(slots=True)
class DeleteAlias:
    """With its history. OK · MISSING."""

    function: int
    alias: str


@dataclass(slots=True)
class Deprecate:
    """Keep what callers of the version are told; an empty message ends that. OK · MISSING."""

    version: int
    message: str
    at: float


@dataclass(slots=True)
class KeepDurations:
    """Note how long versions typically run: (version, seconds). OK."""

    items: Sequence[tuple[int, float]]


@dataclass(slots=True, frozen=True)
class Removed:
    """What was deleted: keys of versions with the name of their function, names that mean nothing any more (links too),
    and accounts whose rights have changed; their epochs were raised."""

    versions: Sequence[tuple[int, str]] = ()
    names: Sequence[str] = ()
    accounts: Sequence[int] = ()


@dataclass(slots=True, frozen=True)
class Moved:
    """(old, new) names of functions and links, keys of the functions' versions with their new names, and accounts whose
    rights have changed; their epochs were raised."""

    names: Sequence[tuple[str, str]] = ()
    versions: Sequence[tuple[int, str]] = ()
    accounts: Sequence[int] = ()


@dataclass(slots=True, frozen=True)
class LinkRow:
    """`passes`: whether who may call in its namespace may call the function."""

    path: str
    passes: bool


@dataclass(slots=True, frozen=True)
class FunctionRow:
    """A function with its versions (newest first), its aliases (to keys of versions) and the links to it, by path."""

    function: int
    name: str
    owner: int
    owner_handle: str
    versions: tuple[VersionRow, ...]
    aliases: dict[str, int]
    links: tuple[LinkRow, ...]

    @property
    def passing(self) -> tuple[str, ...]:
        """The links that pass rights on."""
        return tuple(link.path for link in self.links if link.passes)


@dataclass(slots=True, frozen=True)
class Hit:
    """One place of a list: the name there, and the function's newest version. They differ where it is a link."""

    place: str
    row: VersionRow


@dataclass(slots=True, frozen=True)
class NamespaceRow:
    """`made_at` is None for one that exists only through what lies in it."""

    path: str
    made_at: float | None


@dataclass(slots=True, frozen=True)
class AliasMove:
    """One line of an alias's history; the version by number."""

    alias: str
    number: int
    by: str  # handle
    at: float
    undone_at: float | None
