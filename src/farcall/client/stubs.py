"""Type stubs of the catalog, so that editors and type checkers know functions that run elsewhere.

Below a directory that a checker searches (mypy: ``mypy_path``; Pyright and its editors look into ``typings``) there is
``farcall/catalog/…``, one ``__init__.pyi`` for each namespace. Pure: interfaces in, texts out. What others wrote goes
into docstrings only as quoted literals, and into code only as identifiers that were checked.
"""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from farcall.domain.interface import Interface
from farcall.domain.parameters import Kind, Parameter

MARK = "# Written by `farcall stubs`; changes are lost."
_NUMBERS = {"int": "int", "float": "float", "complex": "complex"}
_PLAIN = {
    **_NUMBERS,
    "bool": "bool",
    "str": "str",
    "bytes": "bytes",
    "date": "datetime.date",
    "datetime": "datetime.datetime",
    "time": "datetime.time",
    "timedelta": "datetime.timedelta",
    "decimal": "decimal.Decimal",
    "uuid": "uuid.UUID",
    "path": "pathlib.Path",
    "none": "None",
}
# What a stub imports if it says the word.
_IMPORTS = {
    "datetime": "import datetime",
    "decimal": "import decimal",
    "pathlib": "import pathlib",
    "uuid": "import uuid",
    "Iterator": "from collections.abc import Iterator",
    "Any": "from typing import Any",
    "Literal": "from typing import Literal",
    "NamedTuple": "from typing import NamedTuple",
    "Protocol": "from typing import Protocol",
    "numpy": "import numpy",
    "ArrayLike": "from numpy.typing import ArrayLike",
    "RemoteFunction": "from farcall.client.function import RemoteFunction",
    "Invocation": "from farcall.client.invocation import Invocation",
    "Map": "from farcall.client.mapping import Map",
    "Stream": "from farcall.client.streaming import Stream",
}
_WORDS = frozenset({*_IMPORTS, *dir(builtins)})
_QUANTITY = """\
class _Quantity(Protocol):
    @property
    def magnitude(self) -> Any: ...
    @property
    def units(self) -> Any: ...
"""


@dataclass(frozen=True, slots=True)
class Described:
    """A function as the catalog has it now."""

    name: str  # full
    version: int
    interface: Interface


@dataclass(slots=True)
class _Space:
    functions: list[Described] = field(default_factory=list)
    spaces: set[str] = field(default_factory=set)
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Stubs:
    """Texts by path, relative to the directory that is searched; and what no stub can say, as sentences."""

    files: Mapping[PurePosixPath, str]
    left_out: tuple[str, ...]


def stubs(functions: Iterable[Described], *, numpy: bool) -> Stubs:
    """The stubs of these functions. `numpy`: whether arrays may be spelt with it, since checkers would find it."""
    spaces: dict[tuple[str, ...], _Space] = {}
    left_out: list[str] = []
    for function in sorted(functions, key=lambda each: each.name):
        parts = tuple(function.name.split("/"))
        odd = next((part for part in parts if not part.isidentifier() or keyword.iskeyword(part)), None)
        if odd is not None:
            left_out.append(
                f"{function.name} cannot be imported, because {odd!r} is a word of Python's own; "
                f"use farcall.get({function.name!r})"
            )
            continue
        spaces.setdefault(parts[:-1], _Space()).functions.append(function)
        for depth in range(1, len(parts) - 1):
            spaces.setdefault(parts[:depth], _Space()).spaces.add(parts[depth])
    root = PurePosixPath("farcall", "catalog")
    files = {root.joinpath(*parts, "__init__.pyi"): _module(space, numpy) for parts, space in sorted(spaces.items())}
    return Stubs(files, tuple(left_out))


def _module(space: _Space, numpy: bool) -> str:
    bodies = [_function(each, numpy) for each in space.functions]
    if any("_Quantity" in body for body in bodies):
        bodies.insert(0, _QUANTITY)
    words, text = _set_apart("\n".join(bodies), space.spaces)
    imports = [f"from . import {name} as {name}" for name in sorted(space.spaces)]
    imports += [_IMPORTS[word] for word in _IMPORTS if word in words]
    apart = [word for word in sorted(_WORDS) if _apart(word) in words]
    imports += [f"{_IMPORTS.get(word, f'from builtins import {word}')} as {_apart(word)}" for word in apart]
    return "\n".join([MARK, *imports, "", text]).rstrip() + "\n"


def _set_apart(text: str, spaces: set[str]) -> tuple[set[str], str]:
    """The words that a stub says, and its text. A word that is also the name of something in it goes by another name:
    where there is a function `list`, the type is `_list_`.
    """
    tree = ast.parse(text)
    said = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    taken = _WORDS & (spaces | set(_defined(tree)))
    if any(node.id in taken for node in said):
        for node in said:  # all of them are types: annotations, bases, decorators
            node.id = _apart(node.id) if node.id in taken else node.id
        text = ast.unparse(tree)
    return {node.id for node in said}, text


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _apart(word: str) -> str:
    return f"_{word}_"


def _function(described: Described, numpy: bool) -> str:
    name = described.name.rpartition("/")[2]
    interface = described.interface
    spell = _Speller(f"_{name}", numpy)
    own = "self" if all(parameter.name != "self" for parameter in interface.parameters) else "_self"
    takes = ", ".join([own, *_parameters(interface.parameters, spell)])
    gives = spell.result(interface.result)
    called = f"Iterator[{gives}]" if interface.stream else gives
    awaited = f"list[{gives}]" if interface.stream else gives
    lines = [
        *spell.classes,
        f"class _{name}_call(Invocation):",
        f"    def result(self, timeout: float | None = None) -> {gives if not interface.stream else 'Any'}: ...",
        "",
        f"class _{name}_map(Map):",
        f"    def __iter__(self) -> _{name}_map: ...",
        f"    def __next__(self) -> {awaited}: ...",
        f"    def __aiter__(self) -> _{name}_map: ...",
        f"    async def __anext__(self) -> {awaited}: ...",
        "",
        f"class _{name}_function(RemoteFunction):",
        f"    {_docstring(described)}",
        f"    def __call__({takes}) -> {called}:",
        f"        {_docstring(described)}",
        f"    def submit({takes}) -> _{name}_call: ...",
        f"    async def aio({takes}) -> {awaited}: ...",
        "    def map(",
        "        self,",
        "        *iterables: Any,",
        "        ordered: bool = True,",
        "        return_exceptions: bool = False,",
        "        progress: bool | None = None,",
        "        window: int = 20_000,",
        f"    ) -> _{name}_map: ...",
        f"    def options(self, **options: Any) -> _{name}_function: ...",
    ]
    if interface.stream:
        stream = [
            f"class _{name}_stream(Stream):",
            f"    def __iter__(self) -> _{name}_stream: ...",
            f"    def __next__(self) -> {gives}: ...",
            f"    def __aiter__(self) -> _{name}_stream: ...",
            f"    async def __anext__(self) -> {gives}: ...",
            "",
        ]
        lines = [*stream, *lines]
        lines.append(f"    def stream({takes}) -> _{name}_stream: ...")
    return "\n".join([*lines, "", f"{name}: _{name}_function", ""])


def _docstring(described: Described) -> str:
    """One literal that holds whatever the owner wrote."""
    text = described.interface.doc.strip()
    return repr(f"{text}\n\n{described.name}@{described.version}".strip())


def _parameters(parameters: Iterable[Parameter], spell: _Speller) -> list[str]:
    parts: list[str] = []
    previous: Kind | None = None
    for parameter in parameters:
        kind = parameter.kind
        if previous is Kind.POSITIONAL_ONLY and kind is not previous:
            parts.append("/")
        if kind is Kind.KEYWORD_ONLY and previous not in (Kind.KEYWORD_ONLY, Kind.VAR_POSITIONAL):
            parts.append("*")
        star = {Kind.VAR_POSITIONAL: "*", Kind.VAR_KEYWORD: "**"}.get(kind, "")
        default = "" if parameter.required or kind.variadic else " = ..."
        parts.append(f"{star}{parameter.name}: {spell.parameter(parameter.schema)}{default}")
        previous = kind
    if previous is Kind.POSITIONAL_ONLY:
        parts.append("/")
    return parts


class _Speller:
    """Types as a stub spells them. Records of results become classes of the stub; what cannot be said is Any."""

    def __init__(self, prefix: str, numpy: bool) -> None:
        self._prefix = prefix
        self._numpy = numpy
        self.classes: list[str] = []

    def parameter(self, schema: dict[str, Any]) -> str:
        """What may be passed: numbers of a unit also as text and as quantities, arrays as what makes one."""
        text = self._text(schema, given=True)
        return f"{text} | str | _Quantity" if "x-unit" in schema and text != "Any" else text

    def result(self, schema: dict[str, Any]) -> str:
        """What comes back."""
        return self._text(schema, given=False)

    def _text(self, schema: dict[str, Any], given: bool) -> str:
        if "anyOf" in schema:
            texts = list(dict.fromkeys(self._text(branch, given) for branch in schema["anyOf"]))
            return "Any" if "Any" in texts else " | ".join(texts)
        kind = schema.get("x-type", "any")
        if kind == "enum" or kind == "record":
            return "Any" if given else self._class(schema, kind)
        if "enum" in schema:
            plain = all(type(value) in (str, int, bool) or value is None for value in schema["enum"])
            return f"Literal[{', '.join(map(repr, schema['enum']))}]" if plain else "Any"
        if kind == "array":
            return ("ArrayLike" if given else "numpy.ndarray[Any, Any]") if self._numpy else "Any"
        if kind == "tuple" and "prefixItems" in schema:
            inner = ", ".join(self._text(item, given) for item in schema["prefixItems"])
            return f"tuple[{inner or '()'}]"
        if kind in ("list", "set", "frozenset", "tuple"):
            item = self._text(schema["items"], given) if "items" in schema else "Any"
            return f"{kind}[{item}{', ...' if kind == 'tuple' else ''}]"
        if kind == "dict":
            keys = self._text(schema["x-keys"], given) if "x-keys" in schema else "str"
            values = schema.get("additionalProperties")
            return f"dict[{keys}, {self._text(values, given) if isinstance(values, dict) else 'Any'}]"
        return _PLAIN.get(kind, "Any")

    def _class(self, schema: dict[str, Any], kind: str) -> str:
        fields = schema.get("properties", {})
        if kind != "record" or not all(_plain_name(each) for each in fields):
            return "Any"
        name = f"{self._prefix}_result{len(self.classes) or ''}"
        place = len(self.classes)
        self.classes.append("")
        parts = {each: self._text(part, given=False) for each, part in fields.items()}
        if schema.get("x-kind") == "namedtuple" and not any(
            each.startswith("_") or hasattr((), each) for each in parts
        ):
            lines = [f"class {name}(NamedTuple):", *(f"    {each}: {text}" for each, text in parts.items())]
        else:
            lines = [f"class {name}:"]
            for each, text in parts.items():
                lines += ["    @property", f"    def {each}(self) -> {text}: ..."]
        self.classes[place] = "\n".join(lines if fields else [f"class {name}: ..."]) + "\n"
        return name


def _plain_name(text: object) -> bool:
    return isinstance(text, str) and text.isidentifier() and not keyword.iskeyword(text)
