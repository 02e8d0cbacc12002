"""Links: one function under several names. Which rights a link passes on. Pure decisions; `hub` applies them.

A link passes on the right to see and to call the function to whoever may do so in the link's namespace, if namespace
and function belong to the same handle and whoever made the link may manage both. Any other link is a mere pointer:
nobody can hand on what was only shared with them. Managing and serving are decided at the function's own name alone.
"""

from __future__ import annotations

from collections.abc import Iterable

from farcall.domain.access import Action, Decision, Level, Subject, decide, level_at, within
from farcall.domain.names import handle_of

_PASSED_ON: frozenset[Action] = frozenset({"view", "invoke"})


def passes_on(subject: Subject, link: str, function: str) -> bool:
    """Whether a link that the subject makes here passes on the rights of its namespace."""
    return handle_of(link) == handle_of(function) and decide(subject, "manage", function).allowed


def decide_at(subject: Subject, action: Action, function: str, passing: Iterable[str]) -> Decision:
    """May the subject do this with the function that is also linked at `passing`, by links that pass rights on?"""
    decision = decide(subject, action, function)
    if decision.allowed or action not in _PASSED_ON:
        return decision
    for link in passing:
        other = decide(subject, action, link)
        if other.allowed:
            return other
        if decision.code == "not_found":
            decision = other
    return decision


def level_with(subject: Subject, function: str, passing: Iterable[str]) -> Level:
    """What the subject may do with it at most, as it is shown."""
    levels = [level_at(subject, function)] if within(subject, function) else [Level.NONE]
    levels += [min(level_at(subject, link), Level.INVOKE) for link in passing if within(subject, link)]
    return max(levels)
