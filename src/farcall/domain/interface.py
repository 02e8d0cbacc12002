"""An interface: the parameters and the result of a version, as every party sees them."""

from __future__ import annotations

import inspect
import json
import keyword
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

from blake3 import blake3

from farcall.authoring.conversion import converter
from farcall.authoring.harmless import harmless_line
from farcall.authoring.markers import Doc, Range, Term, Unit
from farcall.authoring.spelling import signature_text
from farcall.domain.binding import Binder
from farcall.domain.parameters import ABSENT, Kind, Parameter
from farcall.domain.result_types import annotation_type, python_type
from farcall.domain.schema_grammar import Reader, SchemaError
from farcall.domain.validation import Problem, Validator, problems_of

PARAMETERS_LIMIT = 255
DOCUMENT_LIMIT_BYTES = 256 * 1024
DOC_LIMIT = 32_000  # characters
DIGEST_BYTES = 16

_ORDER = list(Kind)


class InterfaceError(ValueError):
    """The document is no interface; the message is one sentence that names the place."""


@dataclass(frozen=True, eq=False)
class Interface:
    """Immutable. Two are equal if their digests are: parameters, result and `stream` count, prose does not."""

    parameters: tuple[Parameter, ...]
    result: dict[str, Any]
    stream: bool = False
    doc: str = ""

    @classmethod
    def parse(cls, document: object) -> Interface:
        """The interface that a document describes. Takes nothing on trust; raises InterfaceError."""
        try:
            return _parse(document)
        except SchemaError as error:
            raise InterfaceError(str(error)) from None

    @classmethod
    def from_json(cls, data: bytes) -> Interface:
        """The interface of a document in JSON; raises InterfaceError."""
        if len(data) > DOCUMENT_LIMIT_BYTES:
            raise InterfaceError(f"the interface document is over {DOCUMENT_LIMIT_BYTES // 1024} KiB")
        try:
            return cls.parse(json.loads(data))
        except (ValueError, RecursionError) as error:
            if isinstance(error, InterfaceError):
                raise
            raise InterfaceError("the interface document is no JSON") from None

    def to_document(self) -> dict[str, Any]:
        """The document again, with everything that was implied spelt out; `parse` gives back an equal interface."""
        return {**self._contract, "doc": self.doc, "signature": self.signature_text}

    def to_json(self) -> bytes:
        """`to_document` as JSON, in UTF-8."""
        return _json(self.to_document())

    @cached_property
    def digest(self) -> bytes:
        """16 bytes over what callers depend on. Descriptions and the docstring are prose and do not count."""
        return blake3(_contract_bytes(self._contract)).digest(DIGEST_BYTES)

    @cached_property
    def binder(self) -> Binder:
        return Binder(self.parameters)

    @cached_property
    def signature_text(self) -> str:
        """``(time: float [s], steps: int = 10) -> float [m/s]``."""
        return signature_text(self._contract)

    def signature(self) -> inspect.Signature:
        """The signature as `inspect` and `help` show it, with real types; units and bounds are in `Annotated`."""
        shown = [
            inspect.Parameter(
                parameter.name,
                parameter.kind.of_inspect,
                default=_shown_default(parameter),
                annotation=_annotation(parameter.schema),
            )
            for parameter in self.parameters
        ]
        result = _annotation(self.result)
        if self.stream:
            result = types.GenericAlias(Iterator, (result,))
        return inspect.Signature(shown, return_annotation=result)

    @cached_property
    def result_type(self) -> Any:
        """The type to decode the result as, or one item of a stream."""
        return python_type(self.result)

    @cached_property
    def converters(self) -> dict[str, Callable[[Any, str], Any]]:
        """For each parameter that has a unit somewhere, what converts the values that callers give; see `units`."""
        found = {parameter.name: converter(parameter.bound_schema) for parameter in self.parameters}
        return {name: convert for name, convert in found.items() if convert is not None}

    def validate(self, arguments: dict[str, Any]) -> list[Problem]:
        """Every problem of bound arguments, in the plain view of the payload; an empty list if there is none."""
        return self._arguments_validator.problems(arguments)

    def validate_result(self, value: object) -> list[Problem]:
        """Every problem of a result, or of one item of a stream."""
        return problems_of(self.result, value, "result")

    @cached_property
    def _arguments_validator(self) -> Validator:
        schema = {
            "type": "object",
            "x-type": "dict",
            "properties": {parameter.name: parameter.bound_schema for parameter in self.parameters},
            "required": [parameter.name for parameter in self.parameters if parameter.required],
            "additionalProperties": False,
        }
        return Validator(schema)

    @property
    def _contract(self) -> dict[str, Any]:
        parameters = [_parameter_document(parameter) for parameter in self.parameters]
        return {"parameters": parameters, "result": self.result, "stream": self.stream}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Interface) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)


def _parse(document: object) -> Interface:
    if not isinstance(document, dict):
        raise InterfaceError("an interface document is an object")
    unknown = document.keys() - {"parameters", "result", "stream", "doc", "signature"}
    if unknown:
        raise InterfaceError(f"the interface document has an unknown member {min(map(str, unknown))!r:.60}")
    raw_parameters = document.get("parameters", [])
    if not isinstance(raw_parameters, list) or len(raw_parameters) > PARAMETERS_LIMIT:
        raise InterfaceError(f"'parameters' takes a list of at most {PARAMETERS_LIMIT}")
    reader = Reader()
    parameters = tuple(_parse_parameter(raw, reader) for raw in raw_parameters)
    _check_order(parameters)
    stream, doc = document.get("stream", False), document.get("doc", "")
    if not isinstance(stream, bool):
        raise InterfaceError("'stream' is true or false")
    if not isinstance(doc, str) or len(doc) > DOC_LIMIT:
        raise InterfaceError(f"'doc' takes text of at most {DOC_LIMIT} characters")
    interface = Interface(parameters, reader.read(document.get("result", {}), "result"), stream, doc)
    try:
        size = len(interface.to_json())
    except (ValueError, RecursionError):  # lone surrogates; defaults nested too deep
        raise InterfaceError("the interface document cannot be written as JSON") from None
    if size > DOCUMENT_LIMIT_BYTES:
        raise InterfaceError(f"the interface document is over {DOCUMENT_LIMIT_BYTES // 1024} KiB")
    return interface


def _parse_parameter(raw: object, reader: Reader) -> Parameter:
    if not isinstance(raw, dict):
        raise InterfaceError("a parameter is an object")
    name = raw.get("name")
    if not isinstance(name, str) or len(name) > 128 or not name.isidentifier() or keyword.iskeyword(name):
        raise InterfaceError(f"{name!r:.60} cannot be the name of a parameter")
    unknown = raw.keys() - {"name", "kind", "schema", "required", "default", "default_repr"}
    if unknown:
        raise InterfaceError(f"parameter {name!r} has an unknown member {min(map(str, unknown))!r:.60}")
    try:
        kind = Kind(raw.get("kind", "positional_or_keyword"))
    except ValueError:
        raise InterfaceError(f"parameter {name!r} has an unknown kind {raw['kind']!r:.60}") from None
    default, default_repr = raw.get("default", ABSENT), raw.get("default_repr", "")
    if not isinstance(default_repr, str) or len(default_repr) > 200:
        raise InterfaceError(f"parameter {name!r}: 'default_repr' takes a short text")
    optional = "default" in raw or "default_repr" in raw or kind.variadic
    if raw.get("required", not optional) is not (not optional):
        raise InterfaceError(f"parameter {name!r} is required exactly if it has no default")
    if kind.variadic and ("default" in raw or "default_repr" in raw):
        raise InterfaceError(f"parameter {name!r} takes any number of arguments, so it has no default")
    schema = reader.read(raw.get("schema", {}), f"parameter {name!r}")
    if default is not ABSENT:
        problems = problems_of(schema, default, name)
        if problems:
            raise InterfaceError(f"the default of parameter {name!r} does not fit its type: {problems[0].message}")
    return Parameter(name, kind, schema, not optional, default, default_repr)


def _check_order(parameters: tuple[Parameter, ...]) -> None:
    names = [parameter.name for parameter in parameters]
    if len(set(names)) != len(names):
        raise InterfaceError("two parameters have the same name")
    ranks = [_ORDER.index(parameter.kind) for parameter in parameters]
    if ranks != sorted(ranks) or any(
        sum(parameter.kind is kind for parameter in parameters) > 1 for kind in Kind if kind.variadic
    ):
        raise InterfaceError("the kinds of the parameters are in an order that Python does not allow")
    positional = [p for p in parameters if p.kind in (Kind.POSITIONAL_ONLY, Kind.POSITIONAL_OR_KEYWORD)]
    if [p.required for p in positional] != sorted((p.required for p in positional), reverse=True):
        raise InterfaceError("a required parameter follows one that has a default")


def _parameter_document(parameter: Parameter) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": parameter.name,
        "kind": parameter.kind.value,
        "schema": parameter.schema,
        "required": parameter.required,
    }
    if parameter.default is not ABSENT:
        document["default"] = parameter.default
    elif not parameter.required and not parameter.kind.variadic:
        document["default_repr"] = parameter.default_repr
    return document


def _json(document: object, sort_keys: bool = False) -> bytes:
    text = json.dumps(document, sort_keys=sort_keys, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _contract_bytes(contract: dict[str, Any]) -> bytes:
    """Canonical JSON of what callers depend on."""
    parameters = []
    for document in contract["parameters"]:
        # How a default that only the function knows is printed says nothing that a caller depends on.
        kept = {key: value for key, value in document.items() if key != "default_repr"}
        parameters.append(kept | {"schema": _schema_contract(document["schema"])})
    return _json(contract | {"parameters": parameters, "result": _schema_contract(contract["result"])}, sort_keys=True)


def _schema_contract(schema: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key != "description"}
    for key in ("items", "x-keys", "additionalProperties"):
        if isinstance(kept.get(key), dict):
            kept[key] = _schema_contract(kept[key])
    for key in ("anyOf", "prefixItems"):
        if key in kept:
            kept[key] = [_schema_contract(part) for part in kept[key]]
    if "properties" in kept:  # as pairs, since the order of fields counts
        kept["properties"] = [[name, _schema_contract(part)] for name, part in kept["properties"].items()]
    return kept


class _Shown:
    """Stands for a default that only the function itself can apply; reads as the author wrote it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return harmless_line(self._text)


def _shown_default(parameter: Parameter) -> Any:
    if parameter.default is not ABSENT:
        return parameter.default
    if parameter.required or parameter.kind.variadic:
        return inspect.Parameter.empty
    return _Shown(parameter.default_repr)


def _annotation(schema: dict[str, Any]) -> Any:
    base = annotation_type(schema)
    markers: list[Any] = []
    if "x-unit" in schema:
        markers.append(Unit(schema["x-unit"]))
    markers += map(Term, schema.get("x-term", ()))
    if "minimum" in schema or "maximum" in schema:
        markers.append(Range(schema.get("minimum"), schema.get("maximum")))
    if "description" in schema:
        markers.append(Doc(schema["description"]))
    return Annotated[(base, *markers)] if markers else base
