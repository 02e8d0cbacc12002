from __future__ import annotations

from farcall.hub.guesses import Guesses

HERE, THERE = "192.0.2.1", "192.0.2.2"


def fail(guesses: Guesses, name: str, place: str, times: int, now: float = 0.0) -> None:
    for _ in range(times):
        assert guesses.attempt(name, place, now) == 0.0


def test_ten_tries_at_a_name_from_one_place_close_it_there_alone() -> None:
    guesses = Guesses()
    fail(guesses, "carol", HERE, 10)
    assert guesses.attempt("carol", HERE, 1.0) > 0.0
    assert guesses.attempt("carol", THERE, 1.0) == 0.0
    assert guesses.attempt("dora", HERE, 1.0) == 0.0


def test_a_place_that_tries_many_names_has_to_wait_for_all_of_them() -> None:
    guesses = Guesses()
    for number in range(100):
        fail(guesses, f"name{number}", HERE, 1)
    assert guesses.attempt("carol", HERE, 1.0) > 0.0
    assert guesses.attempt("carol", THERE, 1.0) == 0.0


def test_a_name_that_is_tried_from_everywhere_waits_a_minute_at_most_and_not_where_its_owner_was() -> None:
    guesses = Guesses()
    fail(guesses, "carol", HERE, 1)
    guesses.good("carol", HERE)
    now = 0.0
    for number in range(400):
        now += guesses.attempt("carol", f"198.51.100.{number}", now)
    assert 0.0 < guesses.attempt("carol", THERE, now) <= 60.0
    assert guesses.attempt("carol", HERE, now) == 0.0
    assert guesses.attempt("dora", THERE, now) == 0.0


def test_a_refused_try_counts_nowhere() -> None:
    guesses = Guesses()
    fail(guesses, "carol", HERE, 10)
    for _ in range(500):
        assert guesses.attempt("carol", HERE, 1.0) > 0.0
    assert guesses.attempt("dora", HERE, 1.0) == 0.0
    assert guesses.attempt("carol", THERE, 1.0) == 0.0
    for number in range(89):
        fail(guesses, f"name{number}", HERE, 1)
    assert guesses.attempt("erin", HERE, 1.0) > 0.0


def test_a_good_try_forgives_those_before_it_from_there_and_no_others() -> None:
    guesses = Guesses()
    fail(guesses, "carol", HERE, 9)
    fail(guesses, "carol", THERE, 9)
    guesses.good("carol", HERE)
    fail(guesses, "carol", HERE, 10)
    fail(guesses, "carol", THERE, 1)
    assert guesses.attempt("carol", THERE, 1.0) > 0.0
