"""Gathers what one event causes, so that a worker gets one frame and the store one command per kind."""

from __future__ import annotations

from farcall.domain.errors import Failure
from farcall.domain.model import Completion, NewInvocation, Settlement
from farcall.hub.dispatch import effects
from farcall.hub.dispatch.effects import Effect, Offered, RequeueRow
from farcall.hub.dispatch.events import LaneKey

Key = tuple[bytes, int]


class Outbox:
    """Emptied after every event. Writes come before what is said to anybody, each kind in the order it was caused.

    What every call causes is at hand; all else is in `seldom`, which is made for the event that needs it.
    """

    __slots__ = ("_seldom", "accepts", "acknowledged", "answers", "completes", "offers")

    def __init__(self) -> None:
        self.accepts: list[tuple[list[NewInvocation], bool]] = []
        self.completes: list[Completion] = []
        self.offers: dict[str, list[Offered]] = {}
        self.answers: list[Settlement] = []
        self.acknowledged: dict[str, list[Key]] = {}
        self._seldom: Seldom | None = None

    @property
    def seldom(self) -> Seldom:
        if self._seldom is None:
            self._seldom = Seldom()
        return self._seldom

    def stop(self, worker: str, identifier: bytes, fence: int) -> None:
        self.seldom.stops.setdefault(worker, []).append((identifier, fence))

    def refuse_stale(self, worker: str, identifier: bytes, fence: int) -> None:
        self.seldom.stale.setdefault(worker, []).append((identifier, fence))

    def flush(self) -> list[Effect]:
        """Everything gathered, as effects in the order in which the shell must carry them out."""
        result: list[Effect] = []
        seldom, self._seldom = self._seldom, None
        if self.accepts:
            for items, acknowledge in self.accepts:
                result.append(effects.CommitAccept(items, acknowledge))
            self.accepts = []
        if seldom is not None:
            result += seldom.writes()
        if self.completes:
            result.append(effects.CommitComplete(self.completes))
            self.completes = []
        if seldom is not None:
            result += seldom.questions()
        if self.offers:
            for worker, offered in self.offers.items():
                result.append(effects.Offer(worker, offered))
            self.offers = {}
        if seldom is not None and seldom.accepted:
            result.append(effects.Accepted(seldom.accepted))
        if self.answers:
            result.append(effects.Answer(self.answers))
            self.answers = []
        if self.acknowledged:
            for worker, keys in self.acknowledged.items():
                result.append(effects.Acknowledge(worker, keys, seldom.stale.pop(worker, ()) if seldom else ()))
            self.acknowledged = {}
        if seldom is not None:
            result += seldom.words()
        return result


class Seldom:
    """What few events cause."""

    __slots__ = (
        "accepted",
        "cancels",
        "claims",
        "gone",
        "leases",
        "missed",
        "recalls",
        "refused",
        "remembered",
        "requeues",
        "stale",
        "stops",
    )

    def __init__(self) -> None:
        self.cancels: list[bytes] = []
        self.requeues: list[RequeueRow] = []
        self.leases: list[tuple[bytes, int, str, int]] = []
        self.claims: list[tuple[LaneKey, int, bytes]] = []
        self.recalls: dict[str, list[Key]] = {}
        self.stops: dict[str, list[Key]] = {}
        self.stale: dict[str, list[Key]] = {}
        self.accepted: list[bytes] = []
        self.refused: list[tuple[list[bytes], Failure]] = []
        self.remembered: list[tuple[bytes, str, dict[str, object]]] = []
        self.missed: dict[int, list[int]] = {}
        self.gone: list[tuple[str, str]] = []

    def writes(self) -> list[Effect]:
        """To the store, before completions."""
        result: list[Effect] = []
        if self.cancels:
            result.append(effects.CommitCancel(self.cancels))
        if self.requeues:
            result.append(effects.CommitRequeue(self.requeues))
        if self.leases:
            result.append(effects.CommitLease(self.leases))
        return result

    def questions(self) -> list[Effect]:
        """To the store, and to workers before they are offered anything."""
        return [
            *(effects.Claim(*claim) for claim in self.claims),
            *(effects.Recall(worker, keys) for worker, keys in self.recalls.items()),
            *(effects.CancelAttempts(worker, keys) for worker, keys in self.stops.items()),
        ]

    def words(self) -> list[Effect]:
        """To whoever wants to know. `stale` holds what was not said with an acknowledgement."""
        result: list[Effect] = [effects.Acknowledge(worker, (), keys) for worker, keys in self.stale.items()]
        result += [effects.Refuse(ids, failure) for ids, failure in self.refused]
        if self.remembered:
            result.append(effects.Remember(self.remembered))
        result += [effects.Missed(version, callers) for version, callers in self.missed.items()]
        result += [effects.WorkerGone(worker, state) for worker, state in self.gone]
        return result
