from __future__ import annotations

import itertools

from farcall.gateway.pages import sessions
from farcall.gateway.pages.sessions import Sessions

numbers = itertools.count()


def randomness(count: int) -> bytes:
    return next(numbers).to_bytes(count, "big")


def test_a_login_lasts_an_hour_and_ends_when_asked() -> None:
    now = [100.0]
    known = Sessions(clock=lambda: now[0], randomness=randomness)
    first = known.visit(None)
    assert (first.token, first.fresh) == ("", True)
    inside = known.log_in(first, "token")
    assert (inside.fresh, inside.id != first.id) == (True, True)
    assert known.visit(inside.id).token == "token"
    assert known.visit(first.id).token == ""
    now[0] += 3_600
    assert known.visit(inside.id).token == ""
    again = known.log_in(known.visit(inside.id), "token")
    known.log_out(again)
    assert known.visit(again.id).token == ""


def test_a_form_is_known_by_the_browser_that_got_it() -> None:
    known = Sessions(randomness=randomness)
    one, other = known.visit("a" * 43), known.visit("b" * 43)
    assert known.is_own_form(one, known.form_key(one))
    assert not known.is_own_form(one, known.form_key(other))
    assert not known.is_own_form(one, "")
    assert not known.is_own_form(one, "ü")
    fresh = known.visit("too short")
    assert fresh.fresh
    assert not known.is_own_form(fresh, known.form_key(fresh))
    elsewhere = Sessions(randomness=randomness)
    assert not elsewhere.is_own_form(one, known.form_key(one))


def test_sessions_are_bounded() -> None:
    known = Sessions(randomness=randomness)
    first = known.log_in(known.visit(None), "token")
    for _ in range(sessions._LIMIT):
        known.log_in(known.visit(None), "token")
    assert known.visit(first.id).token == ""
    assert len(known._tokens) == sessions._LIMIT
