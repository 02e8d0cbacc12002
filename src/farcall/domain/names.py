"""Full names: ``handle[/namespace…]/name[@number|@digest|@alias]``, and the relative ones that workers serve under.

The rules of a single part stand in `authoring.names`, where authors need them too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from farcall.authoring.names import BadName, function_name, namespace_path, space_name

__all__ = [
    "LATEST",
    "BadName",
    "Reference",
    "absolute",
    "ancestors",
    "common",
    "covers",
    "function_path",
    "handle_of",
    "namespace",
    "path",
    "reference",
    "space_name",
]

LATEST = "latest"
_NAME_LENGTH_LIMIT = 1024
_DIGEST_DIGITS = 32
_DIGEST_PREFIX_DIGITS = 12  # shorter ones would be taken for numbers and aliases
_NUMBER = re.compile(r"[0-9]{1,9}")
_DIGEST = re.compile(rf"[0-9a-f]{{{_DIGEST_PREFIX_DIGITS},{_DIGEST_DIGITS}}}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A function, and which of its versions: at most one of `number`, `digest` (a prefix in hex), `alias` is set."""

    path: str
    number: int | None = None
    digest: str = ""
    alias: str = ""

    @property
    def moving(self) -> bool:
        """Whether it means whatever is newest."""
        return self.number is None and not self.digest and self.alias in ("", LATEST)

    def __str__(self) -> str:
        selector = str(self.number) if self.number is not None else self.digest or self.alias
        return f"{self.path}@{selector}" if selector else self.path


def reference(text: str) -> Reference:
    """Parse a full name with an optional version; raises BadName."""
    body, at, selector = text.partition("@")
    name = function_path(body)
    if not at:
        return Reference(name)
    if _NUMBER.fullmatch(selector):
        number = int(selector)
        if number == 0:
            raise BadName(f"{text[:80]!r} names version 0; versions count from 1")
        return Reference(name, number=number)
    if _DIGEST.fullmatch(selector):
        return Reference(name, digest=selector)
    if not selector:
        raise BadName(f"{text[:80]!r} ends with '@'; a version number, a digest or an alias belongs after it")
    if not selector[0].isalpha():
        digits = f"{_DIGEST_PREFIX_DIGITS} to {_DIGEST_DIGITS} digits of a digest"
        raise BadName(f"{selector[:80]!r} is no version: those are numbers, aliases, and {digits}")
    return Reference(name, alias=space_name(selector, "alias"))


def function_path(text: str) -> str:
    """A function's full name without version, checked and with ``-`` as ``_``; raises BadName."""
    _bounded(text)
    handle, slash, rest = text.partition("/")
    if not slash or not rest:
        raise BadName(f"{text[:80]!r} is no full name; they look like handle/name or handle/namespace/name")
    space, _, name = rest.rpartition("/")
    return _joined(space_name(handle, "handle"), space, function_name(name))


def path(text: str) -> str:
    """The full name of a function or of a namespace (a handle is a root namespace); raises BadName."""
    _bounded(text)
    handle, slash, rest = text.partition("/")
    checked = space_name(handle, "handle")
    if not slash:
        return checked
    space, _, last = rest.rpartition("/")
    return _joined(checked, space, function_name(last))


def namespace(text: str) -> str:
    """The full name of a namespace; a handle is a root namespace. Raises BadName."""
    _bounded(text)
    handle, slash, rest = text.partition("/")
    checked = space_name(handle, "handle")
    return f"{checked}/{namespace_path(rest)}" if slash else checked


def absolute(handle: str, name: str) -> str:
    """The full name of what the account `handle` serves as `name`.

    ``physics/free_fall`` is relative to the handle, ``/lab/physics/free_fall`` is absolute. Raises BadName.
    """
    return function_path(name[1:] if name.startswith("/") else f"{handle}/{name}")


def ancestors(full: str) -> list[str]:
    """Every namespace above a path, outermost first: ``a/b/c`` gives ``a``, ``a/b``."""
    parts = full.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def covers(above: str, below: str) -> bool:
    """Whether `below` is `above` or lies under it; the empty path covers everything."""
    return not above or above == below or below.startswith(above + "/")


def common(paths: Sequence[str]) -> str:
    """The lowest path that covers all of them; empty if there is none, or if there are no paths."""
    shared: list[str] = []
    for parts in zip(*(path.split("/") for path in paths), strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return "/".join(shared)


def handle_of(full: str) -> str:
    """The handle that owns a path."""
    return full.partition("/")[0]


def _joined(handle: str, space: str, name: str) -> str:
    checked = namespace_path(space)
    return f"{handle}/{checked}/{name}" if checked else f"{handle}/{name}"


def _bounded(text: str) -> None:
    if len(text) > _NAME_LENGTH_LIMIT:
        raise BadName(f"the name {text[:40]!r}… is longer than {_NAME_LENGTH_LIMIT} characters")
    if "//" in text or text.endswith("/"):
        raise BadName(f"the name {text[:80]!r} has an empty part")
