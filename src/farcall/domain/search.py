"""What a function is found by: its words, in fields that tell how well a match fits. Pure; stores index and compare.

A query's rank is the narrowest of `FIELDS` in which all its words are found, so that it depends on nothing but the
function itself: pages stay stable while others are published.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FIELDS = ("title", "path", "interface", "doc")
"""From the best place for a word to the least: the function's own name, namespaces, parameters with units, prose."""
RANKS = len(FIELDS) + 1  # 0: the query is the function's whole name

_WORD = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD_LENGTH_LIMIT = 64
_QUERY_WORDS_LIMIT = 16
_FIELD_WORDS_LIMIT = 5_000
_TEXT_MEMBERS = frozenset({"name", "description", "x-unit", "x-term"})


@dataclass(frozen=True, slots=True)
class Query:
    """All of `words` have to be found; the last may be the beginning of one."""

    words: tuple[str, ...]

    @property
    def whole(self) -> str:
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Indexed:
    """The words of a function by field; `whole` is its own name, in words."""

    whole: str
    title: tuple[str, ...]
    path: tuple[str, ...]
    interface: tuple[str, ...]
    doc: tuple[str, ...]


def words(text: str) -> list[str]:
    """Text as words to be compared: without case, accents and punctuation; ``freeFall`` and ``free_fall`` are two."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", _HUMP.sub(" ", text)) if not unicodedata.combining(c))
    return [word[:_WORD_LENGTH_LIMIT] for word in _WORD.findall(plain.casefold())]


def query(text: str) -> Query:
    """What somebody typed; without words it finds nothing."""
    return Query(tuple(dict.fromkeys(words(text[:10_000])[:_QUERY_WORDS_LIMIT])))


def indexed(name: str, links: list[str], document: dict[str, Any]) -> Indexed:
    """The words of a function: its full name, links to it, and the interface document of its newest version."""
    above, _, own = name.rpartition("/")
    title = words(own)
    joined = [] if len(title) == 1 else ["".join(title)[:_WORD_LENGTH_LIMIT]]
    interface = [part for member in ("parameters", "result") for part in _texts(document.get(member))]
    return Indexed(
        " ".join(title),
        _few([*title, *joined]),
        _few(words(" ".join([above, *links]))),
        _few(words(" ".join(interface))),
        _few(words(str(document.get("doc", "")))),
    )


def rank(asked: Query, found: Indexed) -> int | None:
    """How well it fits, 0 being best; None if it does not."""
    if not asked.words:
        return None
    if asked.whole == found.whole:
        return 0
    seen: set[str] = set()
    for place, field in enumerate(FIELDS, 1):
        seen.update(getattr(found, field))
        if all(word in seen for word in asked.words[:-1]) and any(word.startswith(asked.words[-1]) for word in seen):
            return place
    return None


def _few(found: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))[:_FIELD_WORDS_LIMIT]


def _texts(part: object) -> Iterator[str]:
    """Names, descriptions, units and terms in schemas, however deep."""
    stack = [part]
    while stack:
        value = stack.pop()
        if isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key in _TEXT_MEMBERS and isinstance(inner, str):
                    yield inner
                elif key in _TEXT_MEMBERS and isinstance(inner, list):  # several terms
                    yield from (text for text in inner if isinstance(text, str))
                elif key == "properties" and isinstance(inner, dict):
                    yield from inner
                    stack += inner.values()
                elif isinstance(inner, dict | list) and key not in ("default", "enum"):
                    stack.append(inner)
