"""One call of `variable` or `result` in the source of a script, as the parameter or the result that it describes."""

from __future__ import annotations

import ast
import difflib
import keyword
import pathlib
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from farcall.authoring.markers import MEASURED, Doc, Range, Term, Unit
from farcall.authoring.schemas import UnsupportedType, schema_of
from farcall.authoring.scripts import fitting
from farcall.guest.folding import Names, NotReadable

VARIABLE: Final = "variable"
RESULT: Final = "result"

_WORDS: Final = {
    VARIABLE: ("name", "type", "min", "max", "unit", "doc", "choices", "term"),
    RESULT: ("name", "type", "min", "max", "unit", "doc", "term"),
}
_MARKERS: Final = {"unit": Unit, "doc": Doc, "term": Term}
_KINDS: Final = (bool, int, float, complex, str, bytes, list, dict, tuple, set, pathlib.Path)
_UNSAID: Final = object()


class ScriptError(Exception):
    """The script cannot be served; the message is one sentence that begins with the line."""

    def __init__(self, place: ast.stmt | ast.expr | int, message: str) -> None:
        super().__init__(f"line {place if isinstance(place, int) else place.lineno}: {message}")


class Hidden:
    """A default that only the script itself can work out; the source of it stays with its owner."""

    def __repr__(self) -> str:
        return "…"


@dataclass(frozen=True, slots=True)
class Variable:
    """A parameter: `hint` as it would be annotated, `default` a value, or `Hidden`."""

    name: str
    line: int
    hint: Any
    default: Any


@dataclass(frozen=True, slots=True)
class Result:
    """A result: `hint` as it would be annotated."""

    name: str
    line: int
    hint: Any


class Mark:
    """One call; `kind` is `VARIABLE` or `RESULT`, `target` the name that its value is assigned to, if any.

    Everything raises ScriptError.
    """

    def __init__(self, kind: str, call: ast.Call, target: str, names: Names) -> None:
        self.kind = kind
        self.call = call
        self._names = names
        self._check_form()
        self._words = {word.arg: word.value for word in call.keywords if word.arg is not None}
        self.name = self._read_name(target)
        self._label = f"{kind} {self.name!r}"

    def _error(self, message: str) -> ScriptError:
        return ScriptError(self.call, message)

    def _check_form(self) -> None:
        shown, call = f"farcall.{self.kind}", self.call
        if any(isinstance(argument, ast.Starred) for argument in call.args) or any(
            w.arg is None for w in call.keywords
        ):
            raise self._error(f"{shown}(…) can't be read with * or ** in it; write each argument out.")
        if len(call.args) != 1:
            first = "default" if self.kind == VARIABLE else "value"
            raise self._error(f"{shown}(…) takes the {first} first, and everything else by name.")
        known = _WORDS[self.kind]
        for word in call.keywords:
            if word.arg is not None and word.arg not in known:
                near = difflib.get_close_matches(word.arg, known, n=1)
                hint = f"did you mean {near[0]}=?" if near else f"there are {', '.join(known)}."
                raise self._error(f"{shown}(…) has no {word.arg}=; {hint}")

    def _read_name(self, target: str) -> str:
        name = target
        if "name" in self._words:
            given = self._words["name"]
            if not (isinstance(given, ast.Constant) and isinstance(given.value, str)):
                raise self._error('name= takes text that is written out, such as name="time".')
            name = given.value
        elif not name and self.kind == RESULT and isinstance(self.call.args[0], ast.Name):
            name = self.call.args[0].id
        if not name and "name" not in self._words:
            raise self._error(f'this {self.kind} has no name; write farcall.{self.kind}(…, name="…").')
        if not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise self._error(
                f"{name!r} cannot be the name of a {self.kind}: "
                "it takes letters, digits and _, begins with a letter, and is no word of Python's."
            )
        return name

    # -- what it describes ---------------------------------------------------------------------------------------------

    def variable(self) -> Variable:
        """The parameter that it describes."""
        default, why = self._default()
        choices = self._word("choices", ())
        if not isinstance(choices, tuple | list):
            raise self._error(f"choices= of {self._label} takes a tuple of values, not {choices!r:.60}.")
        bounds = self._bounds
        if not isinstance(default, Hidden):
            kind = None if self._type is _UNSAID else self._type
            try:
                default = fitting(self._label, default, kind, *bounds, tuple(choices))
            except (TypeError, ValueError) as error:
                raise self._error(f"{error}.") from None
        elif self._type is _UNSAID:
            raise self._error(
                f"the default of {self._label} can't be read from the source{why}: write a constant, "
                "or say what it is with type=float, type=numpy.ndarray or another type."
            )
        base = Literal[tuple(choices)] if choices else self._type
        if base is _UNSAID:
            base = self._type_of_default(default)
        return Variable(self.name, self.call.lineno, self._annotated(base), default)

    def result(self) -> Result:
        """The result that it describes: of any type, unless it says one."""
        base = self._unsaid if self._type is _UNSAID else self._type
        return Result(self.name, self.call.lineno, self._annotated(base))

    def _default(self) -> tuple[Any, str]:
        try:
            return self._names.constant(self.call.args[0]), ""
        except NotReadable as error:
            return Hidden(), _because(error)

    def _type_of_default(self, default: Any) -> Any:
        if default is None:
            return Any if self._unsaid is Any else self._unsaid | None
        return next(kind for kind in _KINDS if isinstance(default, kind))

    @property
    def _unsaid(self) -> Any:
        """What bounds and a unit say of the type: with bounds it is a number, with a unit also an array of numbers."""
        if self._bounds != (None, None):
            return float
        return MEASURED if "unit" in self._words else Any

    @cached_property
    def _type(self) -> Any:
        if "type" not in self._words:
            return _UNSAID
        try:
            return self._names.hint(self._words["type"])
        except NotReadable as error:
            raise self._error(
                f"type= of {self._label} can't be read from the source{_because(error)}: write a type such as float, "
                "list[float] or numpy.ndarray, under the name that it was imported by."
            ) from None

    @cached_property
    def _bounds(self) -> tuple[Any, Any]:
        low, high = self._word("min", None), self._word("max", None)
        try:
            Range(low, high)
        except (TypeError, ValueError) as error:
            raise self._error(f"min= and max= of {self._label}: {error}.") from None
        return low, high

    def _word(self, word: str, absent: Any) -> Any:
        if word not in self._words:
            return absent
        try:
            return self._names.constant(self._words[word])
        except NotReadable as error:
            raise self._error(
                f"{word}= of {self._label} can't be read from the source{_because(error)}: write a constant."
            ) from None

    def _annotated(self, base: Any) -> Any:
        """The type with its markers, which say themselves what is wrong with them."""
        try:
            markers: list[Any] = [] if self._bounds == (None, None) else [Range(*self._bounds)]
            markers += [marker(self._word(word, "")) for word, marker in _MARKERS.items() if word in self._words]
            hint = Annotated[(base, *markers)] if markers else base
            schema_of(hint)
        except (UnsupportedType, TypeError, ValueError) as error:
            raise self._error(f"{self._label}: {error}.") from None
        return hint


def _because(error: NotReadable) -> str:
    return f" ({error})" if str(error) else ""
