"""One encoding: how values become a tree that msgspec encodes, and how large leaves leave it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias

import msgspec

from farcall.payload.blobs import BlobReference, BlobSink
from farcall.payload.codes import MAX_DEPTH, Code
from farcall.payload.digests import PREFIX

Ext = msgspec.msgpack.Ext
_encoder: Final = msgspec.msgpack.Encoder()
_NO_DIGEST: Final = PREFIX + "0" * 64

Handler: TypeAlias = "Callable[[Writer, Any], Tree]"
"""Makes the tree of a value of one kind."""

Tree: TypeAlias = Any
"""What msgspec encodes as it is meant: None, bool, small int, float, str, bytes, list, dict with str keys, Ext."""


class Refused(Exception):
    """Something cannot travel; on its way up every container adds where it was."""

    def __init__(self, type_name: str, reason: str) -> None:
        super().__init__(type_name, reason)
        self.type_name = type_name
        self.reason = reason
        self._steps: list[str] = []

    def within(self, step: str) -> Refused:
        self._steps.append(step)
        return self

    def place(self, where: str) -> str:
        steps = self._steps[::-1]
        if len(steps) > 12:
            steps = [*steps[:10], " … ", *steps[-1:]]
        return where + "".join(steps)


def check_text(text: str) -> int:
    """The bytes that the text takes; raises Refused if it is none."""
    try:
        return len(text) if text.isascii() else len(text.encode())
    except UnicodeEncodeError as error:
        raise Refused("str", f"character {error.start} is half of a surrogate pair, which is no text") from None


class Writer:
    """One encoding. Leaves that become blobs are collected first, put when all is known to be in order, and then the
    tree is built again with their digests.
    """

    def __init__(self, handler_of: Callable[[object], Handler], threshold: int | None, sink: BlobSink | None) -> None:
        self._handler_of = handler_of
        self._threshold = threshold
        self._sink = sink
        self._depth = 0
        self._pending: dict[int, tuple[object, bytes | memoryview]] = {}
        self._put: dict[int, tuple[str, int]] = {}

    def write(self, value: object) -> bytes:
        data = self._bytes(value)
        if self._pending and self._sink is not None:
            for key, (_, buffer) in self._pending.items():
                self._put[key] = (self._sink.put(buffer), len(buffer))
            self._pending.clear()
            data = self._bytes(value)
            if self._pending:
                raise Refused(type(value).__name__, "it changes while it is encoded")
        return data

    def _bytes(self, value: object) -> bytes:
        try:
            return self.pack(self.tree(value))
        except RecursionError:
            raise Refused(type(value).__name__, "it is nested too deeply for the stack") from None

    def tree(self, value: object) -> Tree:
        return self._handler_of(value)(self, value)

    def pack(self, tree: Tree) -> bytes:
        try:
            return _encoder.encode(tree)
        except (ValueError, OverflowError) as error:
            raise Refused(type(tree).__name__, f"it is too large: {error}") from None

    def ext(self, code: int, body: Tree) -> Ext:
        return Ext(code, self.pack(body))

    def leaf(self, value: object, size: int, read: Callable[[], bytes | memoryview], what: list[Any]) -> Ext | None:
        """A reference to a blob in the leaf's place, or None if it stays where it is."""
        if self._threshold is None or size <= self._threshold:
            return None
        known = self._put.get(id(value))
        if known is None:
            buffer = read()
            self._pending[id(value)] = (value, buffer)
            known = (_NO_DIGEST, len(buffer))
        return Ext(Code.BLOB, BlobReference(known[0], known[1], what).pack())

    def items(self, values: Iterable[object], step: Callable[[int], str]) -> list[Tree]:
        self.enter(values)
        made: list[Tree] = []
        tree = self.tree
        for value in values:
            try:
                made.append(tree(value))
            except Refused as refusal:
                raise refusal.within(step(len(made))) from None
        self._depth -= 1
        return made

    def fields(self, owner: object, values: Iterable[tuple[str, object]], form: str) -> dict[str, Tree]:
        self.enter(owner)
        made: dict[str, Tree] = {}
        for name, value in values:
            try:
                check_text(name)
                made[name] = self.tree(value)
            except Refused as refusal:
                raise refusal.within(form.format(name)) from None
        self._depth -= 1
        return made

    def enter(self, value: object) -> None:
        if self._depth >= MAX_DEPTH:
            reason = f"values may be nested {MAX_DEPTH} deep (does it contain itself?)"
            raise Refused(type(value).__name__, reason)
        self._depth += 1

    def leave(self) -> None:
        """The end of a container."""
        self._depth -= 1

    def inline(self) -> Writer:
        """A writer for what must not become a blob."""
        inline = Writer(self._handler_of, None, None)
        inline._depth = self._depth
        return inline
