from __future__ import annotations

from dataclasses import replace

import pytest

from farcall.domain import access
from farcall.domain.access import Action, Grant, Level, Subject, decide

EVERYDAY = frozenset(access.DEFAULT_SCOPES)
BOB = Subject(2, "bob", False, 1, 20, EVERYDAY)


def granted(level: Level, path: str = "alice/physics") -> Subject:
    return replace(BOB, grants=(Grant(path, level),))


ACTIONS: tuple[Action, ...] = ("view", "invoke", "serve", "deploy", "manage")


@pytest.mark.parametrize("action", ACTIONS)
def test_an_owner_may_do_everything_under_the_own_handle(action: Action) -> None:
    assert decide(BOB, action, "bob/anything/at_all").allowed


@pytest.mark.parametrize("action", ACTIONS)
def test_a_stranger_is_told_the_same_whatever_he_tries(action: Action) -> None:
    refusal = decide(BOB, action, "alice/secret")
    assert refusal.code == "not_found"
    assert refusal == access.unknown("alice/secret")


@pytest.mark.parametrize(
    ("level", "allowed"),
    [
        (Level.VIEW, {"view"}),
        (Level.INVOKE, {"view", "invoke"}),
        (Level.MANAGE, {"view", "invoke", "serve", "deploy", "manage"}),
    ],
)
def test_a_grant_allows_its_level_and_what_is_below_it(level: Level, allowed: set[str]) -> None:
    subject = granted(level)
    for action in ACTIONS:
        decision = decide(subject, action, "alice/physics/free_fall")
        assert decision.allowed == (action in allowed)
        assert decision.code in ("", "permission_denied")


def test_a_grant_reaches_down_and_neither_up_nor_sideways() -> None:
    subject = granted(Level.INVOKE)
    assert decide(subject, "invoke", "alice/physics").allowed
    assert decide(subject, "view", "alice").code == "not_found"
    assert decide(subject, "view", "alice/physics_two/f").code == "not_found"


def test_the_highest_of_several_grants_counts() -> None:
    subject = replace(BOB, grants=(Grant("alice", Level.VIEW), Grant("alice/physics", Level.INVOKE)))
    assert decide(subject, "invoke", "alice/physics/f").allowed
    assert decide(subject, "invoke", "alice/chemistry/f").code == "permission_denied"


@pytest.mark.parametrize("action", ["invoke", "serve", "deploy", "manage"])
def test_a_token_without_the_scope_may_only_look(action: Action) -> None:
    subject = replace(BOB, scopes=EVERYDAY - {action})
    assert decide(subject, action, "bob/f").code == "permission_denied"
    assert action in decide(subject, action, "bob/f").reason
    assert decide(subject, "view", "bob/f").allowed


def test_a_limited_token_sees_nothing_outside_its_limit_not_even_what_is_the_accounts_own() -> None:
    subject = replace(granted(Level.MANAGE, "alice"), only=("alice/physics",))
    assert decide(subject, "invoke", "alice/physics/f").allowed
    assert decide(subject, "view", "alice/chemistry").code == "not_found"
    assert decide(subject, "view", "bob/f").code == "not_found"


def test_an_administrator_sees_and_manages_but_does_not_call_or_serve_for_others() -> None:
    admin = replace(BOB, admin=True, scopes=frozenset(access.SCOPES))
    assert decide(admin, "view", "alice/secret").allowed
    assert decide(admin, "manage", "alice/secret").allowed
    assert not decide(admin, "invoke", "alice/secret").allowed
    assert not decide(admin, "serve", "alice/secret").allowed


def test_it_takes_both_the_account_and_an_unlimited_token_to_administer() -> None:
    everything = frozenset(access.SCOPES)
    assert access.administers(replace(BOB, admin=True, scopes=everything))
    assert not access.administers(replace(BOB, admin=False, scopes=everything))
    assert not access.administers(replace(BOB, admin=True))
    assert not access.administers(replace(BOB, admin=True, scopes=everything, only=("bob",)))


def test_visible_roots_are_ones_own_and_the_granted_ones_within_the_tokens_limit() -> None:
    subject = replace(BOB, grants=(Grant("alice/physics", Level.VIEW), Grant("alice/physics/f", Level.INVOKE)))
    assert access.visible_roots(subject) == ["alice/physics", "bob"]
    assert access.visible_roots(replace(subject, only=("alice/physics/optics",))) == ["alice/physics/optics"]
    assert access.visible_roots(replace(subject, only=("alice",))) == ["alice/physics"]
    assert access.visible_roots(replace(subject, only=("carol",))) == []
    assert access.visible_roots(replace(subject, only=("alice", "bob/lab", "carol"))) == ["alice/physics", "bob/lab"]


def test_a_token_may_be_limited_to_several_paths() -> None:
    subject = replace(granted(Level.MANAGE, "alice"), only=("alice/physics", "bob/lab/f"))
    for path in ("alice/physics", "alice/physics/f", "bob/lab/f"):
        assert decide(subject, "invoke", path).allowed, path
    for path in ("alice", "alice/physics_two", "bob", "bob/lab", "bob/lab/g"):
        assert decide(subject, "view", path).code == "not_found", path
