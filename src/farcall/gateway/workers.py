"""Workers that are here: yours, and those that serve where you may serve too."""

from __future__ import annotations

from farcall.domain import access
from farcall.domain.errors import Refused
from farcall.gateway.exchange import Exchange, Reply, moment
from farcall.gateway.operations import Answer, Operation
from farcall.hub.presence import Presence
from farcall.wire import rest


async def list_workers(x: Exchange) -> Reply:
    seen = [presence for presence in x.hub.workers.present() if _visible(x.subject, presence)]
    return Reply(rest.Page([_worker(x.subject, each) for each in sorted(seen, key=lambda each: each.connected_at)]))


async def drain_worker(x: Exchange) -> Reply:
    boot = x.path("id")
    presence = next((each for each in x.hub.workers.present() if each.boot == boot), None)
    if presence is None or not _visible(x.subject, presence):
        raise Refused("not_found", f"There is no worker {boot[:64]}, or you may not know of it.")
    administers = access.administers(x.subject)
    if presence.account != x.subject.key and not administers:
        raise Refused("permission_denied", "Only its owner or an administrator drains a worker.")
    if not (administers or x.subject.scopes & {"serve", "manage"}):
        raise Refused("permission_denied", "It takes the scope serve or manage to drain a worker.")
    if not x.hub.workers.drain(boot):
        raise Refused("conflict", "The worker is not connected now.")
    return Reply(_worker(x.subject, presence), 202)


def _visible(subject: access.Subject, presence: Presence) -> bool:
    if access.administers(subject):
        return True
    if presence.account == subject.key and not subject.only:
        return True
    return any(_mine(subject, name) for name in presence.names)


def _mine(subject: access.Subject, name: str) -> bool:
    return access.level_at(subject, name) >= access.Level.SERVE and access.within(subject, name)


def _worker(subject: access.Subject, presence: Presence) -> rest.Worker:
    own = access.administers(subject) or (presence.account == subject.key and not subject.only)
    return rest.Worker(
        presence.boot,
        presence.name,
        presence.handle,
        presence.state.label,
        presence.slots,
        dict(presence.resources),
        [name for name in presence.names if own or _mine(subject, name)],
        moment(presence.connected_at),
        moment(presence.seen_at),
    )


OPERATIONS = (
    Operation(
        "GET",
        "/v1/workers",
        "list_workers",
        "Your workers, and those that serve where you may serve too; all of them for administrators.",
        list_workers,
        {200: Answer(rest.Page[rest.Worker], "Longest connected first.")},
        "workers",
    ),
    Operation(
        "POST",
        "/v1/workers/{id}/drain",
        "drain_worker",
        "Ask a worker to finish what runs, take nothing new, and leave.",
        drain_worker,
        {202: Answer(rest.Worker, "It was asked to.")},
        "workers",
        errors=("conflict",),
    ),
)
