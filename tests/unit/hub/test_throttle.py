from __future__ import annotations

from farcall.hub.throttle import Throttle, place


def test_after_so_many_tries_each_further_one_doubles_the_pause() -> None:
    throttle = Throttle(3, quiet_seconds=80.0)
    assert [throttle.attempt("bob", float(second)) for second in range(3)] == [0.0, 0.0, 0.0]
    assert throttle.attempt("bob", 3.0) == 9.0
    assert throttle.attempt("bob", 12.0) == 0.0
    assert throttle.attempt("bob", 13.0) == 19.0
    assert throttle.attempt("alice", 13.0) == 0.0


def test_a_refused_try_does_not_count() -> None:
    throttle = Throttle(1, quiet_seconds=80.0)
    throttle.attempt("bob", 0.0)
    assert [throttle.attempt("bob", float(second)) for second in (1, 2, 3)] == [9.0, 8.0, 7.0]


def test_the_pause_has_an_end_and_so_has_the_memory_of_it() -> None:
    throttle = Throttle(1, quiet_seconds=80.0, longest_seconds=100.0)
    now = 0.0
    for _ in range(40):
        now += throttle.attempt("bob", now)
    assert throttle.attempt("bob", now) <= 100.0
    assert throttle.attempt("bob", now + 200.0) == 0.0
    assert throttle.attempt("bob", now + 201.0) == 9.0


def test_a_good_try_is_forgiven_all_or_taken_back_alone() -> None:
    throttle = Throttle(2, quiet_seconds=80.0)
    throttle.attempt("bob", 0.0)
    throttle.attempt("bob", 0.0)
    throttle.take_back("bob")
    assert throttle.attempt("bob", 1.0) == 0.0
    assert throttle.attempt("bob", 2.0) > 0.0
    throttle.forgive("bob")
    assert len(throttle) == 0
    throttle.take_back("nobody")


def test_only_so_many_keys_are_remembered() -> None:
    throttle = Throttle(1, keys=100)
    for number in range(1000):
        throttle.attempt(str(number), float(number))
    assert len(throttle) == 100
    assert throttle.attempt("999", 999.0) > 0.0


def test_an_ipv6_address_stands_for_its_site() -> None:
    assert place("2001:db8:1:2:3:4:5:6") == place("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert place("2001:db8:1:3::1") != place("2001:db8:1:2::1")
    assert place("192.0.2.7") == "192.0.2.7"
    assert place("::ffff:192.0.2.7") == "::ffff:192.0.2.7"
    assert place("testclient") == "testclient"


def test_what_a_proxy_makes_up_is_not_remembered_at_any_length() -> None:
    assert place("x" * 100_000) == "x" * 64
