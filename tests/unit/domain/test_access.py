from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


ALLOWED: dict[Level, set[str]] = {
    Level.NONE: set(),
    Level.VIEW: {"view"},
    Level.INVOKE: {"view", "invoke"},
    Level.SERVE: {"view", "invoke", "serve", "deploy"},
    Level.MANAGE: set(ACTIONS),
    Level.OWNER: set(ACTIONS),
}
# How a path lies to the grant's: whether the grant reaches it.
RELATIONS = {
    "alice/physics": True,
    "alice/physics/free_fall": True,
    "alice/physics/deep/er": True,
    "alice": False,
    "alice/physics_two": False,
    "alice/chemistry/f": False,
    "carol/physics": False,
}
SCOPE_OF: dict[Action, str] = {"invoke": "invoke", "serve": "serve", "deploy": "deploy", "manage": "manage"}


@pytest.mark.parametrize("path", RELATIONS)
@pytest.mark.parametrize("scope", [*access.SCOPES, ""])
@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("level", Level)
def test_what_is_allowed_follows_from_level_action_scope_and_place(
    level: Level, action: Action, scope: str, path: str
) -> None:
    subject = replace(granted(level), scopes=frozenset({scope}) - {""})
    decision = decide(subject, action, path)
    reached = RELATIONS[path] and level > Level.NONE
    with_scope = action == "view" or SCOPE_OF[action] == scope
    assert decision.allowed == (reached and action in ALLOWED[level] and with_scope)
    if not reached:
        assert decision == access.unknown(path)
    elif not decision.allowed:
        assert decision.code == "permission_denied"


def test_what_a_share_can_give_is_neither_serving_nor_owning() -> None:
    assert set(access.GRANTABLE) == {"view", "invoke", "manage"}


def test_a_member_calls_and_serves_below_the_groups_handle_and_a_manager_manages_there() -> None:
    member, manager = access.Membership(7, "lab", manager=False), access.Membership(7, "lab", manager=True)
    for membership, level in ((member, Level.SERVE), (manager, Level.MANAGE)):
        subject = replace(BOB, grants=(membership.grant,), groups=(membership,))
        assert access.level_at(subject, "lab/physics/f") is level
        assert not decide(subject, "view", "laboratory/f").allowed
    assert replace(BOB, groups=(member,)).owned_accounts == (2,)
    assert replace(BOB, groups=(manager,)).owned_accounts == (2, 7)


def test_the_first_end_of_a_token_or_a_grant_is_when_to_look_again() -> None:
    assert BOB.next_expiry is None
    subject = replace(BOB, grants=(Grant("alice", Level.VIEW, 30.0), Grant("alice/f", Level.VIEW, 20.0)))
    assert subject.next_expiry == 20.0
    assert replace(subject, expires_at=10.0).next_expiry == 10.0


WORDS = st.sampled_from(("alice", "bob", "carol", "f"))
PATHS = st.lists(WORDS, min_size=1, max_size=4).map("/".join)
GRANTS = st.lists(st.builds(Grant, PATHS, st.sampled_from(sorted(access.GRANTABLE.values()))), max_size=4)
ONLY = st.lists(PATHS, max_size=2).map(tuple)


@given(GRANTS, PATHS, ONLY, st.booleans())
def test_no_grants_of_others_ever_give_more_than_the_highest_that_reaches_the_place(
    grants: list[Grant], path: str, only: tuple[str, ...], admin: bool
) -> None:
    subject = replace(BOB, grants=tuple(grants), only=only, admin=admin)
    reaching = [grant.level for grant in grants if path == grant.path or path.startswith(grant.path + "/")]
    own = Level.OWNER if path.partition("/")[0] == "bob" else Level.NONE
    for action in ACTIONS:
        if decide(subject, action, path).allowed:
            assert action in ALLOWED[max([own, *reaching])]
            assert not only or any(path == limit or path.startswith(limit + "/") for limit in only)


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
