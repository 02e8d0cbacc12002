"""The same expression has the same digest however it was written."""

import subprocess
import sys

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from farcall.payload import (
    BLOB_THRESHOLD_BYTES,
    blob_digests,
    canonical,
    decode,
    digest_bytes,
    digest_of,
    encode,
    expression_digest,
)

from .samples import HASHABLE, VALUES, Memory, Point, Reading, same


def shuffled(value: object, draw: st.DataObject) -> object:
    """An equal value whose dicts and sets were filled in another order."""
    if type(value) is dict:
        items = draw.draw(st.permutations(list(value.items())))
        return {key: shuffled(item, draw) for key, item in items}
    if type(value) in (list, tuple):
        return type(value)(shuffled(item, draw) for item in value)
    if type(value) is set:
        return set(draw.draw(st.permutations(list(value))))
    return value


@given(VALUES, st.data())
@settings(max_examples=150)
def test_the_canonical_form_is_independent_of_the_order_of_sets_and_dicts(value, draw):
    assert encode(shuffled(value, draw), canonical=True) == encode(value, canonical=True)


@given(VALUES)
@settings(max_examples=100)
def test_the_canonical_form_is_a_payload_of_an_equal_value_and_its_own_canonical_form(value):
    form = encode(value, canonical=True)
    assert canonical(form) == form
    assert canonical(encode(value)) == form
    assert encode(decode(form), canonical=True) == form


@given(st.sets(HASHABLE, max_size=6), st.data())
@settings(max_examples=60)
def test_sets_have_one_encoding(items, draw):
    assert encode(set(draw.draw(st.permutations(list(items))))) == encode(items)


def test_values_that_differ_in_type_differ_in_digest():
    values = [1, 1.0, True, "1", b"1", (1,), [1], {1}, frozenset({1}), {1: None}, {"1": None}, None, 0, 0.0, -0.0, 1j]
    assert len({encode(value, canonical=True) for value in values}) == len(values)


def test_a_shorter_or_longer_spelling_of_msgpack_makes_no_difference():
    assert canonical(b"\xcd\x00\x01") == canonical(b"\x01") == b"\x01"
    assert canonical(b"\xdf\x00\x00\x00\x01\xd9\x01a\xdc\x00\x00") == encode({"a": []})


def test_large_leaves_enter_by_digest_whether_they_travel_as_blobs_or_not():
    large = {
        "a": b"x" * (BLOB_THRESHOLD_BYTES + 1),
        "b": ("é" * BLOB_THRESHOLD_BYTES, [bytearray(BLOB_THRESHOLD_BYTES + 1)]),
    }
    by_reference = encode(large, blobs=Memory())
    assert canonical(encode(large)) == canonical(by_reference)
    assert len(canonical(encode(large))) < 500
    assert sorted(blob_digests(canonical(encode(large)))) == sorted(blob_digests(by_reference))


def test_the_digest_of_an_expression_depends_on_version_and_arguments_and_on_their_border():
    arguments = encode({"time": 2.0}, canonical=True)
    assert expression_digest(b"v1", arguments) == expression_digest(b"v1", arguments)
    assert len(expression_digest(b"v1", arguments)) == 32
    assert expression_digest(b"v2", arguments) != expression_digest(b"v1", arguments)
    assert expression_digest(b"v", b"1x") != expression_digest(b"v1", b"x")
    assert expression_digest(b"", b"") != digest_bytes(b"")


def test_digests_are_written_with_the_name_of_their_function():
    assert digest_of(b"") == "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    assert digest_of(b"abc") == "blake3:" + digest_bytes(b"abc").hex()


def test_another_process_with_other_hashes_gives_the_same_bytes():
    code = (
        "from farcall.payload import encode\n"
        "print(encode({'b': {'x', 'y', 'zz', (1, 'a')}, 'a': {('k', 1): 2, 3: 4}}, canonical=True).hex())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(runs) == 1


def test_records_of_equal_fields_have_equal_forms_whoever_encodes_them():
    points = [Point(1.0, 2.0), Reading(None, 1.0)]
    assert encode(decode(encode(points)), canonical=True) == encode(points, canonical=True)
    assert same(msgspec.msgpack.decode(encode({"a": [1, "x"]})), {"a": [1, "x"]})
