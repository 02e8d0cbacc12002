"""What others wrote reaches a terminal as text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from farcall.authoring.harmless import harmless, harmless_json, harmless_line

STEERING = {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u2028\u2029\u202a\u202b\u202c\u202d\u202e"}
STEERING |= set("\u2066\u2067\u2068\u2069")
ANY = st.text(st.one_of(st.characters(), st.sampled_from(sorted(STEERING))))


def test_what_steers_a_terminal_is_spelt_out() -> None:
    assert harmless("\x1b]0;title\x07 \x9b31m \u202eabc \ud800") == r"\x1b]0;title\x07 \x9b31m \u202eabc \ud800"


def test_lines_tabs_and_letters_of_all_languages_stay() -> None:
    text = "ä\tb\n中 שלום a\N{ZERO WIDTH JOINER}b 1\N{NO-BREAK SPACE}m\n"
    assert harmless(text) == text


def test_lines_end_one_way_and_none_is_written_over_another() -> None:
    assert harmless("a\r\nb\rc") == "a\nb\nc"


def test_a_line_stays_one_line() -> None:
    assert harmless_line("a\tb\nError: c\r") == r"a b\nError: c\r"


@given(ANY)
def test_nothing_that_steers_is_left_and_doing_it_again_changes_nothing(text: str) -> None:
    assert not (STEERING - {"\t", "\n"}) & set(harmless(text))
    assert not STEERING & set(harmless_line(text))
    assert harmless(harmless(text)) == harmless(text)
    harmless(text).encode()


@given(st.dictionaries(ANY, ANY))
def test_json_means_the_same_and_can_be_printed(value: dict[str, str]) -> None:
    document = harmless_json(json.dumps(value, ensure_ascii=False, indent=2))
    assert json.loads(document) == value
    assert not (STEERING - {"\n"}) & set(document)
    document.encode()
