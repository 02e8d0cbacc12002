"""Limits beside each other: what holds if both hold, and if one suffices."""

from __future__ import annotations

from farcall.domain.limits import NO_LIMITS, Limits, from_json, loosest, tightest


def test_the_tightest_of_two_is_the_least_of_each() -> None:
    assert tightest(Limits(5, None, 2.0), Limits(3, 1, None)) == Limits(3, 1, 2.0)
    assert tightest(NO_LIMITS, NO_LIMITS) == NO_LIMITS


def test_the_loosest_lifts_what_any_of_them_leaves_open() -> None:
    assert loosest([Limits(5, 1, 2.0), Limits(3, None, 4.0)]) == Limits(5, None, 4.0)
    assert loosest([]) == NO_LIMITS


def test_what_is_kept_is_read_again() -> None:
    assert from_json(Limits(5, None, 2.5).json()) == Limits(5, None, 2.5)
    assert not NO_LIMITS
