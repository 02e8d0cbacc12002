"""Interfaces made from documents that anybody may have written."""

from __future__ import annotations

import copy
import enum
import inspect
import json
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farcall.authoring import Doc, Range, Unit
from farcall.authoring.signature import describe
from farcall.domain.interface import Interface, InterfaceError


def free_fall(
    time: Annotated[float, Unit("s"), Range(0, 1000), Doc("how long")], steps: int = 10
) -> Annotated[float, Unit("m/s")]:
    """Velocity of a body."""
    return 9.81 * time * steps


DOCUMENT = describe(free_fall)


def changed(**members: Any) -> dict[str, Any]:
    return {**copy.deepcopy(DOCUMENT), **members}


def with_schema(schema: Any, **members: Any) -> dict[str, Any]:
    return {"parameters": [{"name": "x", "schema": schema, **members}]}


def test_a_document_survives_the_way_through_an_interface() -> None:
    interface = Interface.parse(DOCUMENT)

    assert interface.to_document() == DOCUMENT
    assert Interface.from_json(interface.to_json()) == interface
    assert Interface.from_json(interface.to_json()).to_document() == DOCUMENT


def test_the_digest_covers_the_contract_and_not_the_prose() -> None:
    interface = Interface.parse(DOCUMENT)
    reworded = copy.deepcopy(DOCUMENT) | {"doc": "Another text."}
    reworded["parameters"][0]["schema"]["description"] = "other words"
    narrowed = copy.deepcopy(DOCUMENT)
    narrowed["parameters"][0]["schema"]["maximum"] = 10

    assert len(interface.digest) == 16
    assert Interface.parse(reworded).digest == interface.digest
    assert Interface.parse(narrowed).digest != interface.digest


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(stream=True),
        lambda d: d["result"].update({"x-unit": "km/h"}),
        lambda d: d["parameters"][1].update(default=11),
        lambda d: d["parameters"][1].update(name="count"),
        lambda d: d["parameters"][1].update(kind="keyword_only"),
        lambda d: d["parameters"].pop(),
    ],
)
def test_whatever_a_caller_depends_on_changes_the_digest(change: Any) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)

    assert Interface.parse(document).digest != Interface.parse(DOCUMENT).digest


def test_the_order_of_members_in_the_document_does_not_count() -> None:
    shuffled = json.loads(json.dumps(DOCUMENT, sort_keys=True))

    assert Interface.parse(shuffled).digest == Interface.parse(DOCUMENT).digest


def test_how_a_hidden_default_is_printed_does_not_count() -> None:
    one, other = ({"parameters": [{"name": "x", "default_repr": text}]} for text in ("<A>", "<B>"))

    assert Interface.parse(one) == Interface.parse(other)


def test_a_plain_json_schema_is_understood() -> None:
    interface = Interface.parse(with_schema({"type": "array", "items": {"type": "number"}}))

    assert interface.signature_text == "(x: list[float]) -> Any"


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "is an object"),
        (changed(extra=1), "unknown member 'extra'"),
        (changed(parameters={}), "takes a list"),
        (changed(parameters=[{"name": f"p{i}"} for i in range(256)]), "at most 255"),
        (changed(parameters=[1]), "a parameter is an object"),
        (changed(stream=1), "'stream' is true or false"),
        (changed(doc=1), "'doc' takes text"),
        (changed(doc="x" * 40_000), "'doc' takes text"),
        (changed(doc="\ud800"), "cannot be written"),
        ({"parameters": [{"name": "1x"}]}, "cannot be the name"),
        ({"parameters": [{"name": "class"}]}, "cannot be the name"),
        ({"parameters": [{"name": "x" * 200}]}, "cannot be the name"),
        ({"parameters": [{"name": 3}]}, "cannot be the name"),
        ({"parameters": [{"name": "x"}, {"name": "x"}]}, "same name"),
        ({"parameters": [{"name": "x", "kind": "odd"}]}, "unknown kind"),
        ({"parameters": [{"name": "x", "kind": []}]}, "unknown kind"),
        ({"parameters": [{"name": "x", "secret": 1}]}, "unknown member 'secret'"),
        ({"parameters": [{"name": "x", "required": False}]}, "required exactly if"),
        ({"parameters": [{"name": "x", "default": 1, "required": True}]}, "required exactly if"),
        ({"parameters": [{"name": "x", "kind": "var_keyword", "default": 1}]}, "no default"),
        ({"parameters": [{"name": "x", "default_repr": 1}]}, "short text"),
        ({"parameters": [{"name": "x", "default": 1}, {"name": "y"}]}, "follows one that has a default"),
        ({"parameters": [{"name": "x", "kind": "keyword_only"}, {"name": "y"}]}, "order that Python"),
        ({"parameters": [{"name": n, "kind": "var_positional"} for n in "xy"]}, "order that Python"),
        (with_schema([]), "a schema is an object"),
        (with_schema({"$ref": "http://localhost/secret"}), "keyword '$ref' is not known"),
        (with_schema({"type": "string", "pattern": "(a+)+$"}), "keyword 'pattern' is not known"),
        (with_schema({1: 2}), "is not known"),
        (with_schema({"type": "number", "x-type": "str"}), "does not go with"),
        (with_schema({"type": "zebra"}), "value of 'type'"),
        (with_schema({"type": ["number", "null"]}), "value of 'type'"),
        (with_schema({"x-type": "zebra"}), "value of 'x-type'"),
        (with_schema({"x-type": "enum"}), "takes the values"),
        (with_schema({"enum": []}), "value of 'enum'"),
        (with_schema({"enum": [[1]]}), "value of 'enum'"),
        (with_schema({"anyOf": []}), "takes 1 to 32"),
        (with_schema({"anyOf": [{}] * 33}), "takes 1 to 32"),
        (with_schema({"anyOf": [{}], "type": "string"}), "beside anyOf"),
        (with_schema({"anyOf": [{}], "x-type": "int"}), "goes alone"),
        (with_schema({"type": "number", "minimum": float("nan")}), "value of 'minimum'"),
        (with_schema({"type": "number", "minimum": True}), "value of 'minimum'"),
        (with_schema({"type": "object", "required": ["a"]}), "'a' is required but"),
        (with_schema({"type": "object", "properties": {"a": 3}}), "a schema is an object"),
        (with_schema({"enum": [1], "x-type": "enum", "x-members": {"A": 2}}), "'enum' has not"),
        (with_schema({"type": "array", "x-type": "array", "x-dtype": "evil; import os"}), "value of 'x-dtype'"),
        (with_schema({"type": "integer"}, default="x"), "the default of parameter 'x' does not fit"),
        (with_schema({"type": "integer", "maximum": 3}, default=4), "4 is greater than the maximum of 3"),
    ],
)
def test_a_hostile_document_is_refused_in_one_sentence(document: Any, words: str) -> None:
    with pytest.raises(InterfaceError) as caught:
        Interface.parse(document)

    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_deep_and_large_schemas_are_refused() -> None:
    deep: dict[str, Any] = {"type": "integer"}
    for _ in range(100):
        deep = {"type": "array", "items": deep}
    large = {"type": "object", "properties": {f"p{i}": {} for i in range(2000)}}

    for schema in (deep, large):
        with pytest.raises(InterfaceError, match="larger than 1000 nodes or deeper"):
            Interface.parse(with_schema(schema))


def test_a_default_nested_without_end_is_refused() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]

    with pytest.raises(InterfaceError, match="cannot be written"):
        Interface.parse(with_schema({}, default=nested))


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000, b" " * (256 * 1024 + 1)])
def test_bytes_that_are_no_document_are_refused(data: bytes) -> None:
    with pytest.raises(InterfaceError):
        Interface.from_json(data)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "x-type",
                    "anyOf",
                    "enum",
                    "items",
                    "properties",
                    "required",
                    "minimum",
                    "name",
                    "kind",
                    "schema",
                ]
            )
            | st.text(max_size=3),
            inner
            | st.sampled_from(["integer", "object", "array", "int", "dict", "record", "enum", "x", "keyword_only"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(schema=_json, value=_json)
def test_no_document_does_more_than_be_refused(schema: Any, value: Any) -> None:
    try:
        interface = Interface.parse({"parameters": [{"name": "x", "schema": schema}], "result": schema})
    except InterfaceError:
        return
    interface.validate({"x": value})
    interface.signature()
    assert Interface.parse(interface.to_document()) == interface


class Colour(enum.Enum):
    RED = 1


class Point(NamedTuple):
    x: float


@dataclass
class Body:
    mass: float


def test_the_signature_has_names_kinds_defaults_and_types() -> None:
    def f(
        a: int, /, b: list[int] | None = None, *args: float, c: Colour = Colour.RED, **kw: Body
    ) -> Annotated[float, Unit("m")]:
        return 1.0

    signature = Interface.parse(describe(f)).signature()
    parameters = signature.parameters

    assert [(p.name, p.kind) for p in parameters.values()] == [
        (p.name, p.kind) for p in inspect.signature(f).parameters.values()
    ]
    assert parameters["a"].annotation is int
    assert parameters["b"].annotation == (list[int] | None)
    assert parameters["b"].default is None
    assert parameters["c"].annotation.__name__ == "Colour"
    assert repr(parameters["c"].default) == "<Colour.RED: 1>"
    assert signature.return_annotation == Annotated[float, Unit("m")]


def test_the_signature_of_the_first_example_reads_as_it_was_written() -> None:
    text = str(Interface.parse(DOCUMENT).signature())

    assert "Annotated[float, Unit('s'), Range(0, 1000), Doc('how long')]" in text
    assert "steps: int = 10" in text
