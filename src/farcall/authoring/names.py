"""The rules of names, which authors, catalog and command line share.

Handles and namespaces: ``[a-z][a-z0-9_]*``; functions may use capitals; ``-`` becomes ``_``; a few words are reserved
because REST uses them as sub-resources.
"""

from __future__ import annotations

import re

RESERVED = frozenset({"versions", "invocations", "batches", "aliases", "code", "usage"})
NAME_LENGTH_LIMIT = 64
NAMESPACE_DEPTH_LIMIT = 8

_SPACE = re.compile(r"[a-z][a-z0-9_]*")
_FUNCTION = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class BadName(ValueError):
    """The text cannot be a name; the message is one sentence that says why."""


def space_name(text: str, what: str = "namespace") -> str:
    """A handle or one part of a namespace, with ``-`` as ``_``; raises BadName. `what` is for the message."""
    return _checked(text, what, _SPACE, "lower-case letters, digits and _, beginning with a letter")


def function_name(text: str) -> str:
    """The last part of a function's full name, with ``-`` as ``_``; raises BadName."""
    return _checked(text, "function", _FUNCTION, "letters, digits and _, beginning with a letter")


def namespace_path(text: str) -> str:
    """``physics/optics``, relative to whoever serves, or ``/lab/physics``, absolute; raises BadName."""
    absolute = text.startswith("/")
    body = text.removeprefix("/")
    if not body:
        if absolute:
            raise BadName("the namespace '/' names no handle; write '/handle', or leave it out for your own root")
        return ""
    parts = body.split("/")
    if len(parts) > NAMESPACE_DEPTH_LIMIT:
        raise BadName(f"the namespace {text[:80]!r} is deeper than {NAMESPACE_DEPTH_LIMIT} levels")
    checked = "/".join(space_name(part) for part in parts)
    return f"/{checked}" if absolute else checked


def _checked(text: str, what: str, pattern: re.Pattern[str], rule: str) -> str:
    name = text.replace("-", "_")
    if len(name) > NAME_LENGTH_LIMIT:
        raise BadName(f"the {what} name {text[:40]!r}… is longer than {NAME_LENGTH_LIMIT} characters")
    article = "an" if what[0] in "aeiou" else "a"
    if not pattern.fullmatch(name):
        raise BadName(f"{text!r} cannot be {article} {what} name: it takes {rule}")
    if name in RESERVED:
        raise BadName(f"{text!r} cannot be {article} {what} name: the word is reserved")
    return name
