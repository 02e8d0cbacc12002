"""The bodies of the REST surface about functions, versions, namespaces, links and aliases; see `rest`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from farcall.wire.rest import Limit, Path, Question, Text

Cursor = Annotated[str, msgspec.Meta(max_length=1024)]
Within = Annotated[str, msgspec.Meta(max_length=1024)]


class FunctionsQuery(Question, frozen=True):
    """`q`: words of names, namespaces, parameters, units, terms, docstrings, the last perhaps unfinished; best first.

    `namespace` narrows to a namespace and what is below it. Without `q` links are listed too, by name.
    """

    q: Text = ""
    namespace: Within = ""
    limit: Limit = 50
    cursor: Cursor | None = None


class Function(msgspec.Struct):
    """One version of a function, as lists show it. `workers` are ready for it now; `can` is what you may do.

    `visibility` says who is shown arguments and results of calls: the caller alone, or the owner too. `link_to` is the
    function's own name where `name` is a link. `last_seen` says when the last worker left, and is null while one is
    there. `typical_seconds` of running are a moving average. `deprecated` is what callers are told, or empty.
    `missed_calls` of others found no worker since `missed_since`; null for those who may not manage the function.
    """

    name: str
    owner: str
    version: int
    digest: str
    newest: bool
    signature: str
    summary: str
    stream: bool
    workers: int
    can: str
    created_at: datetime
    visibility: Literal["caller", "owner"]
    link_to: str = ""
    last_seen: datetime | None = None
    typical_seconds: float | None = None
    deprecated: str = ""
    aliases: list[str] = []
    missed_calls: int | None = None
    missed_since: datetime | None = None


class FunctionOptions(msgspec.Struct):
    """What the author declared."""

    timeout_seconds: float | None
    tries: int
    backoff_seconds: float
    concurrency: int | None
    queue: bool
    requires: dict[str, int | float | str | bool]
    policy: str
    replayable: bool
    visibility: Literal["caller", "owner"]


class FunctionDetail(Function, kw_only=True):
    """With the docstring, the interface document, the options, and the links to it that you may know of."""

    doc: str
    interface: dict[str, Any]
    interface_digest: str
    options: FunctionOptions
    links: list[str] = []


class FunctionChange(Question, frozen=True):
    """`path` renames the function. `deprecated` tells callers of the version that is named; empty ends that."""

    path: Path | None = None
    deprecated: Annotated[str, msgspec.Meta(max_length=500)] | None = None


class DeleteQuery(Question, frozen=True):
    """`force`: also while workers serve it."""

    force: bool = False


class NamespacesQuery(Question, frozen=True):
    below: Within = ""
    limit: Limit = 50
    cursor: Cursor | None = None


class Namespace(msgspec.Struct):
    """`made`: somebody made it, so that it stays when it is empty. `can` is what you may do."""

    path: str
    made: bool
    can: str


class NewNamespace(Question, frozen=True):
    path: Path


class NamespaceChange(Question, frozen=True):
    """`path` renames the namespace, with all that is in it."""

    path: Path


class DeleteNamespaceQuery(Question, frozen=True):
    """`recursive`: with all that is in it. `force`: also functions that workers serve."""

    recursive: bool = False
    force: bool = False


class NewLink(Question, frozen=True):
    """`name` in the namespace; the function's own last name if it is left out."""

    function: Path
    name: Annotated[str, msgspec.Meta(max_length=64)] = ""


class Link(msgspec.Struct):
    path: str
    function: str


class Alias(msgspec.Struct):
    """`version` is what it means now."""

    name: str
    version: int


class AliasMove(msgspec.Struct):
    """`undone_at`: it was rolled back."""

    name: str
    version: int
    by: str
    at: datetime
    undone_at: datetime | None = None


class Aliases(msgspec.Struct):
    """The aliases of a function, and their history, newest first."""

    items: list[Alias]
    history: list[AliasMove]


class NewAlias(Question, frozen=True):
    """`version`: a number, a digest (or its first 12 digits), or another alias."""

    version: int | Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
