from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from farcall.domain.access import Action, Grant, Level, Subject, decide
from farcall.domain.links import decide_at, level_with, passes_on

SCOPES = frozenset({"invoke", "serve", "deploy", "manage"})
BOB = Subject(2, "bob", False, 1, 20, SCOPES)
FUNCTION, LINK = "alice/physics/fall", "alice/shared/fall"
ACTIONS: tuple[Action, ...] = ("view", "invoke", "serve", "deploy", "manage")
LEVELS = (Level.NONE, Level.VIEW, Level.INVOKE, Level.SERVE, Level.MANAGE)


def granted(at_function: Level, at_link: Level, link: str = "alice/shared") -> Subject:
    grants = [Grant("alice/physics", at_function), Grant(link, at_link)]
    return replace(BOB, grants=tuple(grant for grant in grants if grant.level))


@pytest.mark.parametrize(("at_function", "at_link", "passes"), list(product(LEVELS, LEVELS, (True, False))))
def test_a_link_that_passes_rights_on_gives_at_most_calling_and_a_pointer_nothing(
    at_function: Level, at_link: Level, passes: bool
) -> None:
    bob = granted(at_function, at_link)
    passing = [LINK] if passes else []
    for action in ACTIONS:
        itself = decide(bob, action, FUNCTION)
        decision = decide_at(bob, action, FUNCTION, passing)
        if action not in ("view", "invoke") or not passes:
            assert decision == itself
        else:
            assert decision.allowed == (itself.allowed or decide(bob, action, LINK).allowed)
            if Level.NONE in (at_function, at_link) and not decision.allowed:
                known = max(at_function, at_link) > Level.NONE
                assert decision.code == ("permission_denied" if known else "not_found")
    shown = max(at_function, min(at_link, Level.INVOKE) if passes else Level.NONE)
    assert level_with(bob, FUNCTION, passing) == shown


@pytest.mark.parametrize(
    ("only", "at_function", "at_link", "may"),
    [
        (("alice/shared",), Level.NONE, Level.INVOKE, True),
        (("alice/shared",), Level.INVOKE, Level.NONE, False),
        (("alice/physics",), Level.NONE, Level.INVOKE, False),
        (("alice/physics",), Level.INVOKE, Level.NONE, True),
        (("bob",), Level.INVOKE, Level.INVOKE, False),
    ],
)
def test_the_limit_of_a_token_has_to_reach_the_way_that_is_taken(
    only: tuple[str, ...], at_function: Level, at_link: Level, may: bool
) -> None:
    bob = replace(granted(at_function, at_link), only=only)
    assert decide_at(bob, "invoke", FUNCTION, [LINK]).allowed == may


def test_a_token_without_the_scope_calls_through_no_link() -> None:
    bob = replace(granted(Level.NONE, Level.INVOKE), scopes=frozenset({"serve"}))
    assert decide_at(bob, "invoke", FUNCTION, [LINK]).code == "permission_denied"
    assert decide_at(bob, "view", FUNCTION, [LINK]).allowed


@pytest.mark.parametrize("at_function", LEVELS)
@pytest.mark.parametrize("link", [LINK, "alice/fall", "bob/tools/fall", "carol/fall"])
def test_only_who_manages_the_function_passes_rights_on_and_only_below_its_own_handle(
    at_function: Level, link: str
) -> None:
    bob = granted(at_function, Level.MANAGE, link)
    assert passes_on(bob, link, FUNCTION) == (at_function is Level.MANAGE and link.startswith("alice/"))


def test_an_owner_passes_on_what_is_the_owners() -> None:
    assert passes_on(BOB, "bob/shared/f", "bob/f")
    assert not passes_on(BOB, "bob/shared/f", "alice/f")
    assert level_with(BOB, "bob/f", ["bob/shared/f"]) is Level.OWNER
