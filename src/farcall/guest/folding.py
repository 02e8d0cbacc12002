"""Constants and types, read from the source of a script without running it.

What a name stands for is only believed where nothing else in the file could say otherwise: it is imported from one
place, or bound once, to a constant, at the top level of the file.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import math
import operator
import pathlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, Final

_SIZE_LIMIT: Final = 1_000_000  # of what folding makes: characters, items, bits
_DEPTH_LIMIT: Final = 100

_CONSTANTS: Final[Mapping[str, float]] = {
    f"{module}.{name}": value
    for module in ("math", "numpy")
    for name, value in (("pi", math.pi), ("e", math.e), ("inf", math.inf), ("nan", math.nan))
} | {"math.tau": math.tau}

_CALLS: Final[Mapping[str, Callable[..., Any]]] = {
    "builtins.bool": bool,
    "builtins.int": int,
    "builtins.float": float,
    "builtins.complex": complex,
    "builtins.str": str,
    "pathlib.Path": pathlib.Path,
}

_UNARY: Final[Mapping[type[ast.unaryop], Callable[[Any], Any]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and base.bit_length() * abs(exponent) > _SIZE_LIMIT:
        raise ValueError("the number is too large")
    return base**exponent


def _product(left: Any, right: Any) -> Any:
    for text, count in ((left, right), (right, left)):
        if isinstance(text, str | bytes | list | tuple) and isinstance(count, int) and len(text) * count > _SIZE_LIMIT:
            raise ValueError("the value is too large")
    return left * right


def _shifted(left: Any, right: Any) -> Any:
    if isinstance(right, int) and right > _SIZE_LIMIT:
        raise ValueError("the number is too large")
    return left << right


_BINARY: Final[Mapping[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _product,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.LShift: _shifted,
    ast.RShift: operator.rshift,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}

_BUILTIN_TYPES: Final = frozenset(
    {"bool", "int", "float", "complex", "str", "bytes", "list", "dict", "tuple", "set", "frozenset"}
)
_TYPE_MODULES: Final = frozenset(
    {"collections.abc", "datetime", "decimal", "numpy", "numpy.typing", "pathlib", "typing", "uuid"}
)


class NotReadable(Exception):
    """The source alone does not say what this is; the message may say why, and may be empty."""


class Names:
    """What the names of a file stand for, as far as its source alone tells."""

    def __init__(self, tree: ast.Module) -> None:
        self.bound: dict[str, list[int]] = defaultdict(list)  # the lines where a name is bound, imports aside
        self._imported: dict[str, dict[str, int]] = defaultdict(dict)  # what it is imported as, and in which line
        for node in ast.walk(tree):
            self._take(node)
        self._constants = {
            target.id: value
            for statement in tree.body
            for target, value in _assignments(statement)
            if len(self.bound[target.id]) == 1 and not self.imports(target.id)
        }

    def _take(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    # `import a.b` binds a, `import a.b as c` binds c to a.b
                    full = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._imported[alias.asname or full].setdefault(full, node.lineno)
            case ast.ImportFrom():
                module = "." * node.level + (node.module or "")
                for alias in node.names:
                    self._imported[alias.asname or alias.name].setdefault(f"{module}.{alias.name}", node.lineno)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                self.bound[node.id].append(node.lineno)
            case ast.arg():
                self.bound[node.arg].append(node.lineno)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.bound[node.name].append(node.lineno)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                self.bound[name].append(node.lineno)
            case ast.MatchMapping(rest=str(name)):
                self.bound[name].append(node.lineno)

    def imports(self, name: str) -> dict[str, int]:
        """All that `name` is imported as anywhere in the file, each with its line: ``{"numpy.linalg": 3}``."""
        return dict(self._imported.get(name, {}))

    def imported(self) -> list[str]:
        """The names that are imported anywhere in the file."""
        return list(self._imported)

    def qualified(self, node: ast.expr) -> str:
        """``numpy.pi`` for ``np.pi`` after ``import numpy as np``; empty if it cannot be told."""
        if isinstance(node, ast.Attribute):
            base = self.qualified(node.value)
            return f"{base}.{node.attr}" if base else ""
        if not isinstance(node, ast.Name) or self.bound.get(node.id):
            return ""
        origins = self.imports(node.id)
        if not origins:
            return f"builtins.{node.id}"
        return next(iter(origins)) if len(origins) == 1 else ""

    def constant(self, node: ast.expr, depth: int = 0) -> Any:
        """The value of an expression of constants; raises NotReadable."""
        try:
            return self._constant(node, depth)
        except (TypeError, ValueError, ArithmeticError) as error:
            raise NotReadable(str(error)) from None

    def _constant(self, node: ast.expr, depth: int) -> Any:
        if depth > _DEPTH_LIMIT:
            raise NotReadable

        def inner(part: ast.expr) -> Any:
            return self._constant(part, depth + 1)

        match node:
            case ast.Constant(value=value) if value is not Ellipsis:
                return value
            case ast.UnaryOp():
                return _UNARY[type(node.op)](inner(node.operand))
            case ast.BinOp() if type(node.op) in _BINARY:
                return _BINARY[type(node.op)](inner(node.left), inner(node.right))
            case ast.Tuple():
                return tuple(map(inner, node.elts))
            case ast.List():
                return list(map(inner, node.elts))
            case ast.Set():
                return set(map(inner, node.elts))
            case ast.Dict():
                keys = [inner(key) for key in node.keys if key is not None]
                if len(keys) < len(node.values):  # **others
                    raise NotReadable
                return dict(zip(keys, map(inner, node.values), strict=True))
            case ast.Name() if node.id in self._constants:
                value = inner(self._constants[node.id])
                hash(value)  # a list or dict, which raise TypeError here, may have changed since
                return value
            case ast.Name() | ast.Attribute() if (name := self.qualified(node)) in _CONSTANTS:
                return _CONSTANTS[name]
            case ast.Call() if not node.keywords and (call := _CALLS.get(self.qualified(node.func))):
                return call(*map(inner, node.args))
        raise NotReadable

    def hint(self, node: ast.expr) -> Any:
        """The type that an expression such as ``float``, ``list[int]`` or ``np.ndarray`` names; raises NotReadable."""
        match node:
            case ast.Constant(value=None):
                return None
            case ast.BinOp(op=ast.BitOr()):
                return self._hint_union(node)
            case ast.Subscript():
                base = self.hint(node.value)
                parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
                literal = self.qualified(node.value) == "typing.Literal"
                arguments = tuple(self.constant(part) if literal else self._hint_argument(part) for part in parts)
                return self._made(lambda: base[arguments if len(arguments) > 1 else arguments[0]])
            case ast.Name() | ast.Attribute():
                return self._named_type(self.qualified(node))
        raise NotReadable

    def _hint_union(self, node: ast.BinOp) -> Any:
        left, right = self.hint(node.left), self.hint(node.right)
        return self._made(lambda: left | right)

    def _hint_argument(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant) and node.value is Ellipsis:
            return ...
        return self.hint(node)

    def _named_type(self, name: str) -> Any:
        module, _, attribute = name.rpartition(".")
        if module == "builtins" and attribute in _BUILTIN_TYPES:
            return getattr(builtins, attribute)
        if module in _TYPE_MODULES:
            return self._made(lambda: getattr(importlib.import_module(module), attribute))
        raise NotReadable

    def _made(self, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except (TypeError, AttributeError, ImportError) as error:
            raise NotReadable(str(error)) from None


def _assignments(statement: ast.stmt) -> list[tuple[ast.Name, ast.expr]]:
    match statement:
        case ast.Assign(targets=[ast.Name() as target], value=value):
            return [(target, value)]
        case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
            return [(target, value)]
    return []
