"""What SQLite's full-text index is told and asked. The words are those of `domain.search`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blake3 import blake3

from farcall.domain.names import ancestors, covers
from farcall.domain.search import FIELDS, RANKS, Indexed, Query

_SCOPE, _PLACE = "s", "p"  # before the digests of paths
_LAST = "~"  # above every name; "0" is right above the "/" of what lies below a path, "!" below every character of it


def spans(roots: Sequence[str], below: str, after: str) -> list[tuple[str, str]]:
    """Disjoint ranges of names, in order: what lies at or below a root and `below`, and after the name `after`."""
    scope = {below if covers(root, below) else root for root in roots if covers(root, below) or covers(below, root)}
    found = []
    for root in sorted(root for root in scope if not any(other != root and covers(other, root) for other in scope)):
        upper = f"{root}0" if root else _LAST
        lower = f"{after}!" if after >= root and after else root
        if lower < upper:
            found.append((lower, upper))
    return found


def matches(asked: Query, rank: int, roots: Sequence[str], below: str) -> str:
    """The expression that finds what has exactly this rank, within the scope."""
    expression = _of_rank(asked, rank)
    if rank:
        expression = f"({expression}) NOT ({_of_rank(asked, rank - 1)})"
    within = []
    if "" not in roots:
        within.append(_any_of(_path(_SCOPE, root) for root in roots))
    if below:
        within.append(_path(_PLACE, below))
    return " AND ".join([*within, f"({expression})"])


def ranks() -> range:
    """Best first."""
    return range(RANKS)


def tokens(found: Indexed, name: str, links: Iterable[tuple[str, bool]]) -> str:
    """A function's row of the index: links that pass rights on count for its scope, all of them for its place.

    A word is in it once, with the number of the best field that it stands in before it: so each field has terms of its
    own, and those of one that hardly has a word are found without a look at all the others.
    """
    made = [_whole(found.whole)]
    seen: set[str] = set()
    for level, field in enumerate(FIELDS, 1):
        made += [f"{level}{word}" for word in getattr(found, field) if word not in seen]
        seen.update(getattr(found, field))
    scope, place = {name, *ancestors(name)}, {name, *ancestors(name)}
    for link, passes in links:
        place |= {link, *ancestors(link)}
        if passes:
            scope |= {link, *ancestors(link)}
    made += [_path(_SCOPE, path) for path in sorted(scope)]
    made += [_path(_PLACE, path) for path in sorted(place)]
    return " ".join(made)


def _of_rank(asked: Query, rank: int) -> str:
    if rank == 0:
        return f'"{_whole(asked.whole)}"'
    levels = range(1, rank + 1)
    *first, last = asked.words
    each = [_any_of(f'"{level}{word}"' for level in levels) for word in first]
    return " AND ".join([*each, _any_of(f'"{level}{last}" *' for level in levels)])


def _any_of(terms: Iterable[str]) -> str:
    return f"({' OR '.join(terms)})"


def _whole(text: str) -> str:
    return _digest("w", text)


def _path(kind: str, path: str) -> str:
    return _digest(kind, path)


def _digest(kind: str, text: str) -> str:
    return f"{kind}{blake3(text.encode()).hexdigest(8)}"
