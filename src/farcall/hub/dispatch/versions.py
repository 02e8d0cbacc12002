"""Versions are published, limited, withdrawn."""

from __future__ import annotations

from farcall.hub.dispatch import waits
from farcall.hub.dispatch.eligibility import reassign
from farcall.hub.dispatch.events import LimitChanged, Now, VersionPublished, VersionWithdrawn
from farcall.hub.dispatch.records import Version
from farcall.hub.dispatch.state import State


def published(state: State, event: VersionPublished, now: Now) -> None:
    facts = event.facts
    version = state.versions.get(facts.version)
    if version is None:
        state.versions[facts.version] = Version(facts)
        return
    if version.facts == facts and not version.withdrawn:
        return  # every worker that serves it says so
    version.facts = facts
    version.options = facts.options
    version.limit = facts.options.concurrency
    version.lease_first = facts.options.never_twice
    version.withdrawn = version.deleted = False
    for worker in list(version.serving.values()):
        reassign(state, worker, now)
    state.touch_version(version)


def withdrawn(state: State, event: VersionWithdrawn, now: Now) -> None:
    version = state.versions.get(event.version)
    if version is not None:
        version.withdrawn = True
        version.deleted = event.deleted
        waits.check_unserved(state, version, now)


def limit_changed(state: State, event: LimitChanged, now: Now) -> None:
    version = state.versions.get(event.version)
    if version is not None:
        version.limit = event.concurrency
        state.touch_version(version)
