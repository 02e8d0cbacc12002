"""What SQLite's full-text index is told and asked. The words are those of `domain.search`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from blake3 import blake3

from farcall.domain.names import ancestors, covers
from farcall.domain.search import FIELDS, RANKS, Indexed, Query

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
        within.append(_anywhere("scope", roots))
    if below:
        within.append(_anywhere("place", [below]))
    return " AND ".join([*within, f"({expression})"])


def ranks() -> range:
    """Best first."""
    return range(RANKS)


def columns(found: Indexed, name: str, links: Iterable[tuple[str, bool]]) -> tuple[str, ...]:
    """A function's row of the index: links that pass rights on count for its scope, all of them for its place."""
    scope, place = {name, *ancestors(name)}, {name, *ancestors(name)}
    for link, passes in links:
        place |= {link, *ancestors(link)}
        if passes:
            scope |= {link, *ancestors(link)}
    texts = [" ".join(getattr(found, field)) for field in FIELDS]
    return (_token(found.whole), *texts, _tokens(scope), _tokens(place))


def _of_rank(asked: Query, rank: int) -> str:
    if rank == 0:
        return f'whole : "{_token(asked.whole)}"'
    *first, last = asked.words
    words = " AND ".join([*(f'"{word}"' for word in first), f'"{last}" *'])
    return f"{{{' '.join(FIELDS[:rank])}}} : ({words})"


def _anywhere(column: str, paths: Sequence[str]) -> str:
    return f"{column} : ({' OR '.join(_token(path) for path in paths)})"


def _tokens(paths: Iterable[str]) -> str:
    return " ".join(_token(path) for path in sorted(paths))


def _token(text: str) -> str:
    return "x" + blake3(text.encode()).hexdigest(8)
