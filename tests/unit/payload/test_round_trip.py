"""What goes in comes out, equal and of the same type."""

import collections
import datetime
import decimal
import typing
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings

from farcall.payload import FileContent, Record, RecordTuple, WrongType, decode, encode

from .samples import ARRAYS, HASHABLE, VALUES, Colour, Level, Memory, Point, Reading, Shape, Span, Track, same

NOON = datetime.datetime(2026, 3, 29, 12, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
TRACK = Track("a", [Point(1.0, 2.0), Point(0.5)], Colour.BLUE, {3, 1, 2})


@given(VALUES)
@settings(max_examples=200)
def test_every_value_comes_back_equal_and_of_the_same_type(value):
    assert same(decode(encode(value)), value)


@given(ARRAYS)
@settings(max_examples=100)
def test_arrays_come_back_with_type_shape_and_bytes(array):
    for view in (array, array.T, array[::-1] if array.ndim else array):
        back = decode(encode(view))
        assert same(back, np.array(view))
        assert back.flags.writeable


@given(VALUES)
@settings(max_examples=100)
def test_every_value_comes_back_when_its_leaves_travel_as_blobs(value):
    blobs = Memory()
    data = encode(value, blobs=blobs, blob_threshold_bytes=4)
    assert same(decode(data, blobs=blobs), value)


@pytest.mark.parametrize("value", [np.str_("\0"), np.str_("a\0b\0\0"), np.bytes_(b"a\0"), np.array(["a\0b", "\0"])])
def test_text_of_numpy_keeps_the_nul_characters_it_ends_with(value):
    back = decode(encode(value))
    assert back.dtype == value.dtype
    assert back.tobytes() == value.tobytes()


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Colour.RED, Colour),
        (Level.HIGH, Level),
        (Shape.PAIR, Shape),
        (Shape.POINT, Shape),
        (Colour.RED, Colour | str),
        (Colour.RED, str | Colour),
        ("red", str | Colour),
        (None, Colour | None),
        (TRACK, Track),
        ([TRACK], list[Track]),
        ({"a": TRACK}, dict[str, Track]),
        (Reading(NOON, 1.5), Reading),
        (Reading(NOON), Reading | Point),
        (Point(1.0), Reading | Point),
        (Span(1, 2), Span),
        (Point(1.0), Annotated[Point, "described"]),
        ({Point(1.0): Colour.RED}, dict[Point, Colour]),
        ({Colour.RED, Colour.BLUE}, set[Colour]),
        ((1, "a", [Colour.RED]), tuple[int, str, list[Colour]]),
        ((Point(1.0), Point(2.0)), tuple[Point, ...]),
        ((), tuple[()]),
        (frozenset({(1, 2)}), frozenset[tuple[int, int]]),
        ([1, 2], Sequence[int]),
        ((1, 2), Sequence[int]),
        ({"a": 1}, Mapping[str, int]),
        (collections.OrderedDict(a=1), collections.OrderedDict[str, int]),
        (collections.Counter("aab"), collections.Counter[str]),
        ("b", Literal["a", "b"]),
        (True, Literal[1, True]),
        (decimal.Decimal("1.50"), decimal.Decimal),
        (2**100, int),
        (1.0, float),
        (1, int | float),
        (1.0, int | float),
        (b"x", bytes | str),
        ([1, "a", None], list[int | str | None]),
        ([1, 2], Any),
        (range(3), range),
        (np.float32(1.5), np.float32),
    ],
)
def test_a_value_comes_back_as_its_type_hint_says(value, hint):
    assert same(decode(encode(value), type=hint), value)


def test_a_field_of_a_record_may_be_of_the_records_own_type():
    class Node(msgspec.Struct):
        inner: typing.Any = None

    Node.__annotations__["inner"] = Node | None
    value = Node(Node(Node()))
    assert decode(encode(value), type=Node) == value


def test_typed_dicts_are_checked_and_stay_dicts():
    class Options(typing.TypedDict):
        size: int
        colour: typing.NotRequired[Colour]

    value = {"size": 1, "colour": Colour.RED}
    assert decode(encode(value), type=Options) == value
    with pytest.raises(WrongType, match=r"^value: Options lacks size"):
        decode(encode({}), type=Options)


def test_arrays_come_back_as_arrays_of_the_hinted_items():
    array = np.arange(6.0).reshape(2, 3)
    assert same(decode(encode(array), type=npt.NDArray[np.float64]), array)
    assert same(decode(encode(array), type=np.ndarray), array)
    assert same(decode(encode([[1, 2]]), type=npt.NDArray[np.float64]), np.array([[1.0, 2.0]]))
    assert same(decode(encode(np.float32([1, 2])), type=npt.NDArray[np.floating]), np.float32([1, 2]))
    with pytest.raises(WrongType, match="int64 is wanted, not of float64"):
        decode(encode(array), type=npt.NDArray[np.int64])


def test_numbers_widen_and_never_narrow():
    assert same(decode(encode(1), type=float), 1.0)
    assert same(decode(encode(np.int32(7)), type=int), 7)
    assert same(decode(encode(np.float64(7)), type=float), 7.0)
    assert same(decode(encode(1), type=complex), 1 + 0j)
    for value, hint in [(2.5, int), (True, int), (1, bool), ("1", int), (1, str), (None, int), (10**400, float)]:
        with pytest.raises(WrongType):
            decode(encode(value), type=hint)


def test_what_does_not_fit_is_named_by_its_place():
    with pytest.raises(WrongType, match=r"^args\[1\]\.points\[0\]\.x: a float is wanted, not str 'far'"):
        decode(
            encode([TRACK, {"name": "b", "points": [{"x": "far"}], "colour": "red"}]), type=list[Track], where="args"
        )


def test_a_class_that_refuses_its_fields_does_so_as_wrong_type():
    with pytest.raises(WrongType, match="Point does not take it"):
        decode(encode({}), type=Point)
    with pytest.raises(WrongType, match="Point has no field 'z'"):
        decode(encode({"x": 1.0, "z": 1}), type=Point)


def test_without_hints_records_have_fields_and_enums_are_their_values():
    record = decode(encode(TRACK))
    assert isinstance(record, Record)
    assert record.name == record["name"] == "a"
    assert record.colour == "blue"
    assert record.points[0] == Record("Point", {"x": 1.0, "y": 2.0})
    assert dict(record)["marks"] == {1, 2, 3}
    assert repr(record.points[1]) == "Point(x=0.5, y=0.0)"
    assert decode(encode(record)) == record
    span = decode(encode(Span(1, 2)))
    assert isinstance(span, RecordTuple)
    assert span == (1, 2)
    assert span.stop == 2
    assert decode(encode(span), type=Span) == Span(1, 2)


def test_a_record_that_passed_through_untyped_hands_still_has_its_type():
    assert same(decode(encode(decode(encode([TRACK]))), type=list[Track]), [TRACK])


def test_the_order_of_a_dict_is_kept():
    assert list(decode(encode({"b": 1, "a": 2, 1: 3}))) == ["b", "a", 1]


def test_a_path_travels_as_the_content_of_its_file(tmp_path):
    source = tmp_path / "data.csv"
    source.write_bytes(b"1,2\n")
    blobs = Memory()
    for data in (encode(source), encode(source, blobs=blobs, blob_threshold_bytes=2)):
        content = decode(data, blobs=blobs)
        assert content == FileContent("data.csv", b"1,2\n")
        assert content.read() == b"1,2\n"
        assert decode(encode(content)) == content
        target = decode(data, type=Path, blobs=blobs, files=tmp_path / "in")
        assert target.parent == tmp_path / "in"
        assert target.read_bytes() == b"1,2\n"
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"data.csv", "data-2.csv"}


def test_a_large_array_lies_on_the_memory_of_its_blob_if_that_can_be_written_to():
    array = np.arange(2_000_000.0)
    blobs = Memory()
    reference = encode(array, blobs=blobs)
    assert len(reference) < 100
    (digest,) = blobs.held
    for held in (bytearray(blobs.held[digest]), blobs.held[digest]):
        blobs.held[digest] = held
        back = decode(reference, blobs=blobs)
        assert same(back, array)
        assert back.flags.aligned
        assert back.flags.writeable
        assert np.shares_memory(back, np.frombuffer(held, np.uint8)) == isinstance(held, bytearray)


def test_the_bytes_between_the_fields_of_a_structured_array_do_not_travel():
    kind = np.dtype([("a", "i1"), ("b", "i8")], align=True)
    secret = np.frombuffer(b"\x01SECRET!" + bytes(8), kind)
    assert b"SECRET" not in encode(secret)


def test_memory_is_bounded_by_a_hint_for_nothing():
    assert decode(encode({"a": [1]}), type="unresolved") == {"a": [1]}


@given(HASHABLE)
@settings(max_examples=100)
def test_a_payload_can_be_decoded_from_any_buffer(value):
    assert same(decode(memoryview(bytearray(encode(value)))), value)
