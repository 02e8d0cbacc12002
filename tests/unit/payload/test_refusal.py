"""What cannot travel is refused before anything is sent, naming the place."""

import dataclasses
import datetime
import enum
from pathlib import Path

import numpy as np
import pytest

from farcall.payload import Unencodable, encode

from .samples import Memory, Span


class Custom:
    pass


class Money(float):
    pass


@dataclasses.dataclass
class Holder:
    inner: object


class Odd(enum.Enum):
    A = Custom()


def _cycle() -> list[object]:
    around: list[object] = []
    around.append({"again": around})
    return around


@pytest.mark.parametrize(
    ("value", "place", "type_name", "because"),
    [
        ({"x": [1, 2, 3, Custom()]}, 'args["x"][3]', "Custom", "send a dataclass"),
        ([lambda: 1], "args[0]", "function", "code does not travel"),
        ([Custom], "args[0]", "type", "code does not travel"),
        (Holder([Custom()]), "args.inner[0]", "Custom", "cannot travel"),
        (Span(1, Custom()), "args.stop", "Custom", "cannot travel"),
        ({1: (0, {Custom()})}, "args[1][1]{…}", "Custom", "cannot travel"),
        ({Custom(): 1}, "args{key", "Custom", "cannot travel"),
        (Odd.A, "args.value", "Custom", "cannot travel"),
        ({"m": Money(1)}, 'args["m"]', "Money", r"send float\(…\) of it"),
        (iter([1]), "args", "list_iterator", r"send list\(…\) of it"),
        (["\ud800"], "args[0]", "str", "surrogate"),
        ({"\ud800": 1}, 'args["', "str", "surrogate"),
        (slice(1), "args", "slice", "cannot travel"),
        (memoryview(b"x"), "args", "memoryview", "cannot travel"),
        ([np.array([object()])], "args[0]", "numpy.ndarray", "object"),
        (np.ma.masked_array([1], [True]), "args", "MaskedArray", "more than an array"),
        (np.longdouble(1), "args", "numpy.longdouble", "cannot travel"),
        (_cycle(), 'args[0]["again"]', "", "does it contain itself"),
        (Path("no/such/file"), "args", "PosixPath", "No such file"),
        (Path("/"), "args", "PosixPath", "file's content"),
    ],
)
def test_what_cannot_travel_is_named_with_its_place(value, place, type_name, because):
    with pytest.raises(Unencodable, match=because) as caught:
        encode(value, where="args")
    assert caught.value.place.startswith(place)
    assert type_name in caught.value.type_name
    assert str(caught.value).startswith(caught.value.place + ": " + caught.value.type_name)
    assert isinstance(caught.value, TypeError)


def test_no_blob_is_put_if_anything_cannot_travel():
    blobs = Memory()
    with pytest.raises(Unencodable):
        encode([b"x" * 1000, Custom()], blobs=blobs, blob_threshold_bytes=10)
    assert not blobs.held


def test_a_time_zone_that_fails_is_refused():
    class Broken(datetime.tzinfo):
        def utcoffset(self, _: object) -> datetime.timedelta:
            raise RuntimeError("no offset today")

    with pytest.raises(Unencodable, match="no offset today"):
        encode(datetime.datetime(2026, 1, 1, tzinfo=Broken()))


def test_a_hundred_levels_travel_and_one_more_does_not():
    value: object = 1
    for _ in range(100):
        value = [value]
    encode(value)
    with pytest.raises(Unencodable, match="100 deep"):
        encode([value])
    nested: object = 1
    for _ in range(100):
        nested = (nested,)
    encode(nested)
    with pytest.raises(Unencodable, match="100 deep"):
        encode((nested,))


def test_a_value_that_changes_while_it_is_encoded_is_refused():
    @dataclasses.dataclass
    class Changing:
        text: str

        def __getattribute__(self, name: str) -> object:
            return "x" * 100 + str(id(object())) if name == "text" else object.__getattribute__(self, name)

    with pytest.raises(Unencodable, match="changes while it is encoded"):
        encode(Changing(""), blobs=Memory(), blob_threshold_bytes=10)
