"""The reference of permissions says what `domain.access` decides."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from farcall.domain import access
from farcall.domain.access import Grant, Level, Subject
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "reference" / "permissions.md").read_text(encoding="utf-8")
LEVELS = [level for level in Level if level is not Level.NONE]


def table(first: str) -> list[list[str]]:
    """The rows of the table whose first column has this title, without its head."""
    rows = [
        line.strip("|").split("|") for line in PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()
    ]
    return [[cell.strip().strip("`") for cell in row] for row in rows[2:]]


def allowed(action: access.Action, level: Level, scopes: frozenset[str]) -> bool:
    subject = Subject(1, "bob", False, 1, 1, scopes)
    if level is not Level.OWNER:
        subject = replace(subject, grants=(Grant("alice/lab", level),))
    return access.decide(subject, action, "bob/f" if level is Level.OWNER else "alice/lab/f").allowed


def test_what_each_level_allows_and_which_scope_it_takes() -> None:
    every = frozenset(access.SCOPES)
    decided = []
    for action in get_args(access.Action):
        needed = [scope for scope in access.SCOPES if not allowed(action, Level.OWNER, every - {scope})]
        answers = ["yes" if allowed(action, level, every) else "no" for level in LEVELS]
        decided.append([action, *(needed or ["–"]), *answers])
    assert table("action") == decided


def test_every_level_and_every_scope_is_told() -> None:
    assert [row[0] for row in table("level")] == [level.label for level in LEVELS]
    assert [row[0] for row in table("scope")] == list(access.SCOPES)


def test_levels_that_are_shared_are_those_that_can_be() -> None:
    shared = {row[0] for row in table("level") if row[1].startswith("a share")}
    assert shared == set(access.GRANTABLE)
