from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.domain.search import FIELDS, RANKS, indexed, query, rank, words

DOCUMENT = {
    "doc": "Velocity of a falling body, after Galileo Galilei.",
    "parameters": [
        {"name": "elapsed_time", "schema": {"type": "number", "x-unit": "min", "description": "since the release"}},
        {
            "name": "bodies",
            "schema": {"type": "array", "items": {"type": "object", "properties": {"mass": {"x-unit": "kg"}}}},
            "default": {"name": "feather"},
        },
    ],
    "result": {"type": "number", "x-term": ["https://example.org/terms/Speed"]},
}
FALL = indexed("alice/lab/freeFall", ["bob/tools/dropping"], DOCUMENT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("free_fall", ["free", "fall"]),
        ("freeFall2", ["free", "fall2"]),
        ("FFT of a Signal", ["fft", "of", "a", "signal"]),
        ("m/s^2", ["m", "s", "2"]),
        ("Größe, MÜLLER's café", ["grosse", "muller", "s", "cafe"]),
        ("中文 текст", ["中文", "текст"]),
        ("\0'\"*()-", []),
    ],
)
def test_text_is_read_as_words_without_case_accents_and_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("free fall", 0),
        ("FreeFall", 0),
        ("fal", 1),
        ("freefa", 1),
        ("lab fall", 2),
        ("drop", 2),
        ("elapsed", 3),
        ("mass kg", 3),
        ("fall speed", 3),
        ("release", 3),
        ("galileo", 4),
        ("galilei fall", 4),
        ("fal free galileo x", None),
        ("feather", None),
        ("alle", None),
        ("", None),
    ],
)
def test_a_match_is_ranked_by_the_narrowest_field_that_has_all_words(text: str, expected: int | None) -> None:
    assert rank(query(text), FALL) == expected


@given(st.text(max_size=300))
def test_whatever_is_typed_becomes_a_bounded_number_of_words_and_a_rank_or_none(text: str) -> None:
    asked = query(text)
    assert len(asked.words) <= 16
    assert all(word.isalnum() and len(word) <= 64 for word in asked.words)
    found = rank(asked, FALL)
    assert found is None or 0 <= found < RANKS


@given(st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_document_can_be_indexed(document: object) -> None:
    found = indexed("a/b", [], {"parameters": document, "result": document, "doc": document})
    assert all(len(getattr(found, field)) <= 5_000 for field in FIELDS)
