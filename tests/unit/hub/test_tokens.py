from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farcall.hub import tokens


@given(st.binary(min_size=32, max_size=32))
def test_a_token_is_well_formed_and_as_long_as_any_other(secret: bytes) -> None:
    token = tokens.make(secret)
    assert tokens.well_formed(token)
    assert len(token) == len("farcall_pat_") + 49
    assert token.startswith("farcall_pat_")


@given(st.binary(min_size=32, max_size=32), st.integers(0, 60), st.sampled_from("0aZ_-ü"))
def test_a_mistyped_token_is_noticed_without_asking_the_store(secret: bytes, place: int, typo: str) -> None:
    token = tokens.make(secret)
    wrong = token[:place] + typo + token[place + 1 :]
    assert tokens.well_formed(wrong) == (wrong == token)


@pytest.mark.parametrize("text", ["", "farcall_pat_", "farcall_pat_" + "0" * 49, "ghp_" + "a" * 57, "x" * 100_000])
def test_other_texts_are_no_tokens(text: str) -> None:
    assert not tokens.well_formed(text)


def test_the_digest_says_nothing_of_the_token_and_differs_between_tokens() -> None:
    one, other = tokens.make(bytes(32)), tokens.make(bytes(31) + b"\1")
    assert len(tokens.digest(one)) == 32
    assert tokens.digest(one) != tokens.digest(other)


def test_a_token_takes_32_random_bytes() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        tokens.make(b"short")
