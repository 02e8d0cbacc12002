"""Gathers what one event causes, so that a worker gets one frame and the store one command per kind."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.hub.dispatch import effects
from farcall.hub.dispatch.effects import Effect, Offered, RequeueRow
from farcall.hub.dispatch.events import LaneKey

Key = tuple[bytes, int]


class Outbox:
    """Emptied after every event. Writes come before what is said to anybody, each kind in the order it was caused."""

    __slots__ = (
        "accepted",
        "accepts",
        "acknowledged",
        "answers",
        "cancels",
        "claims",
        "completes",
        "gone",
        "leases",
        "missed",
        "offers",
        "recalls",
        "refused",
        "remembered",
        "requeues",
        "stale",
        "stops",
    )

    def __init__(self) -> None:
        self.accepts: list[tuple[list[NewInvocation], bool]] = []
        self.cancels: list[bytes] = []
        self.requeues: list[RequeueRow] = []
        self.leases: list[tuple[bytes, int, str, int]] = []
        self.completes: list[Completion] = []
        self.claims: list[tuple[LaneKey, int, bytes]] = []
        self.offers: dict[str, list[Offered]] = {}
        self.recalls: dict[str, list[Key]] = {}
        self.stops: dict[str, list[Key]] = {}
        self.acknowledged: dict[str, list[Key]] = {}
        self.stale: dict[str, list[Key]] = {}
        self.accepted: list[bytes] = []
        self.answers: list[Settlement] = []
        self.refused: list[tuple[list[bytes], Failure]] = []
        self.remembered: list[tuple[bytes, str, dict[str, object]]] = []
        self.missed: dict[int, list[int]] = {}
        self.gone: list[tuple[str, str]] = []

    def stop(self, worker: str, identifier: bytes, fence: int) -> None:
        self.stops.setdefault(worker, []).append((identifier, fence))

    def refuse_stale(self, worker: str, identifier: bytes, fence: int) -> None:
        self.stale.setdefault(worker, []).append((identifier, fence))

    def flush(self) -> list[Effect]:
        """Everything gathered, as effects in the order in which the shell must carry them out."""
        result: list[Effect] = []
        if self.accepts:
            for items, acknowledge in self.accepts:
                result.append(effects.CommitAccept(items, acknowledge))
            self.accepts = []
        if self.cancels:
            result.append(effects.CommitCancel(self.cancels))
            self.cancels = []
        if self.requeues:
            result.append(effects.CommitRequeue(self.requeues))
            self.requeues = []
        if self.leases:
            result.append(effects.CommitLease(self.leases))
            self.leases = []
        if self.completes:
            result.append(effects.CommitComplete(self.completes))
            self.completes = []
        if self.claims:
            result.extend(effects.Claim(*claim) for claim in self.claims)
            self.claims = []
        if self.recalls:
            result.extend(effects.Recall(worker, keys) for worker, keys in self.recalls.items())
            self.recalls = {}
        if self.stops:
            result.extend(effects.CancelAttempts(worker, keys) for worker, keys in self.stops.items())
            self.stops = {}
        if self.offers:
            for worker, offered in self.offers.items():
                result.append(effects.Offer(worker, offered))
            self.offers = {}
        if self.accepted:
            result.append(effects.Accepted(self.accepted))
            self.accepted = []
        if self.answers:
            result.append(effects.Answer(self.answers))
            self.answers = []
        if self.acknowledged or self.stale:
            self._flush_acknowledged(result)
        if self.refused:
            result.extend(effects.Refuse(ids, failure) for ids, failure in self.refused)
            self.refused = []
        if self.remembered:
            result.append(effects.Remember(self.remembered))
            self.remembered = []
        if self.missed:
            result.extend(effects.Missed(version, callers) for version, callers in self.missed.items())
            self.missed = {}
        if self.gone:
            result.extend(effects.WorkerGone(worker, state) for worker, state in self.gone)
            self.gone = []
        return result

    def _flush_acknowledged(self, result: list[Effect]) -> None:
        for worker, items in self.acknowledged.items():
            result.append(effects.Acknowledge(worker, items, self.stale.pop(worker, ())))
        for worker, items in self.stale.items():
            result.append(effects.Acknowledge(worker, (), items))
        self.acknowledged, self.stale = {}, {}
