"""Who waits for which invocation, and what they are told. All of it is lost with the process, and no harm done."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from farcall.domain.errors import Failure
from farcall.domain.model import Settlement
from farcall.hub import ports
from farcall.wire import frames


class Waiting:
    """Callers' links by the invocations that they want to hear of."""

    def __init__(self) -> None:
        self._links: dict[bytes, ports.CallerLink | list[ports.CallerLink]] = {}  # a list if there are several
        self._progress: dict[bytes, tuple[float, str]] = {}
        self.on_refused: Callable[[Sequence[bytes]], None] = lambda ids: None

    def __len__(self) -> int:
        """Invocations that somebody waits for, or whose progress is remembered."""
        return len(self._links.keys() | self._progress.keys())

    def add(self, identifier: bytes, link: ports.CallerLink) -> None:
        """`link` wants to hear of this invocation."""
        held = self._links.get(identifier)
        if held is None:
            self._links[identifier] = link
        elif isinstance(held, list):
            if link not in held:
                held.append(link)
        elif held is not link:
            self._links[identifier] = [held, link]

    def drop(self, identifier: bytes, link: ports.CallerLink) -> None:
        """It does not want to hear of this one any more."""
        left = [held for held in self.links(identifier) if held is not link]
        if left:
            self._links[identifier] = left
        else:
            self._links.pop(identifier, None)

    def forget(self, link: ports.CallerLink) -> None:
        """It is gone: told of nothing any more."""
        for identifier, held in list(self._links.items()):
            if held is link:
                del self._links[identifier]
            elif isinstance(held, list) and link in held:
                held.remove(link)
                if not held:
                    del self._links[identifier]

    def links(self, identifier: bytes) -> Sequence[ports.CallerLink]:
        """Those who wait for it."""
        held = self._links.get(identifier)
        if held is None:
            return ()
        return held if isinstance(held, list) else (held,)

    def tell(self, identifier: bytes, frame: frames.Frame) -> None:
        for link in self.links(identifier):
            link.send(frame)

    def accepted(self, ids: Sequence[bytes]) -> None:
        """One frame for each link, however many of these it waits for."""
        by_link: dict[ports.CallerLink, list[bytes]] = {}
        for identifier in ids:
            for link in self.links(identifier):
                by_link.setdefault(link, []).append(identifier)
        for link, accepted in by_link.items():
            link.send(frames.Accepted(accepted))

    def settled(self, items: Sequence[Settlement]) -> None:
        """One frame for each link; nobody waits for these any more."""
        waiting = self._links
        if len(items) == 1 and not self._progress:
            links = self.links(items[0].id)
            waiting.pop(items[0].id, None)
            for link in links:
                link.send(frames.Settled(list(items)))
            return
        by_link: dict[ports.CallerLink, list[Settlement]] = {}
        for item in items:
            held = waiting.pop(item.id, None)
            if self._progress:
                self._progress.pop(item.id, None)
            if held is None:
                continue
            for link in held if isinstance(held, list) else (held,):
                group = by_link.get(link)
                if group is None:
                    by_link[link] = [item]
                else:
                    group.append(item)
        for link, settlements in by_link.items():
            link.send(frames.Settled(settlements))

    def refused(self, ids: Sequence[bytes], failure: Failure) -> None:
        """Nobody waits for these any more."""
        self.on_refused(ids)
        for identifier in ids:
            self.tell(identifier, frames.RefusedItems([frames.RefusedItem(identifier, failure)]))
            self._links.pop(identifier, None)
            self._progress.pop(identifier, None)

    def progressed(self, item: frames.ProgressItem) -> None:
        """Passed on, and remembered until the next report or the end."""
        self._progress[item.id] = (item.fraction, item.stage)
        self.tell(item.id, frames.Progress([item]))

    def progress(self, identifier: bytes) -> tuple[float, str] | None:
        """The latest report of a running invocation: (fraction, stage)."""
        return self._progress.get(identifier)
