"""What somebody who mistyped a name may have meant: names near it, of those that the hub lets them see."""

from __future__ import annotations

import difflib
from typing import Any

from msgspec.structs import replace

from farcall.client.errors import FarcallError, NotFound, from_failure
from farcall.client.rest import Rest

_LOOKED_AT = 500  # names of one kind in one namespace
_SHOWN = 3
_LIKENESS = 0.7


def with_neighbours(error: NotFound, rest: Rest, name: str) -> FarcallError:
    """The error about `name`, which tells of its neighbours if there are any; else the very same error."""
    found = neighbours(rest, name.partition("@")[0])
    if not found:
        return error
    listed = " or ".join(filter(None, (", ".join(found[:-1]), found[-1])))
    return from_failure(replace(error.failure, hint=f"Did you mean {listed}?"), error.function, error.invocation_id)


def neighbours(rest: Rest, path: str) -> list[str]:
    """Full names of functions and namespaces near `path`, nearest first; none if there is one of that very name.

    Looked at is the namespace that it should be in, or if there is none, the nearest one above. Nothing is raised.
    """
    space = path
    while space:
        space = space.rpartition("/")[0]
        try:
            known = _names(rest, space, path)
        except FarcallError:  # whoever looks for a name has an error to hear of already
            continue
        if known:
            return [] if path in known else _near(path, known, len(space) + 1 if space else 0)
    return []


def _names(rest: Rest, space: str, path: str) -> list[str]:
    """Those right in a namespace and below it; of many, those that begin as the one that is looked for."""
    spaces = rest.get("/v1/namespaces", below=space or None, limit=_LOOKED_AT)["items"]
    functions: dict[str, Any] = rest.get("/v1/functions", namespace=space or None, limit=_LOOKED_AT)
    found = [item["name"] for item in functions["items"]]
    if functions.get("next"):
        begin = path.rpartition("/")[2][:3]
        alike = rest.get("/v1/functions", q=begin, namespace=space or None, limit=_LOOKED_AT)["items"]
        found += [item["name"] for item in alike]
    return list(dict.fromkeys([*found, *(item["path"] for item in spaces if item["path"] != space)]))


def _near(path: str, known: list[str], skipped: int) -> list[str]:
    """Of names as deep, those of which every part is like the one that was typed; capitals count for nothing."""
    typed = path[skipped:].lower().split("/")
    found: list[tuple[float, str]] = []
    for name in known:
        parts = name[skipped:].lower().split("/")
        if len(parts) == len(typed):
            likeness = [difflib.SequenceMatcher(None, *pair).ratio() for pair in zip(parts, typed, strict=True)]
            if min(likeness) >= _LIKENESS:
                found.append((-sum(likeness), name))
    return [name for _, name in sorted(found)[:_SHOWN]]
