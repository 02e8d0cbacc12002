from __future__ import annotations

from typing import Any

from farcall.domain.errors import Failure
from farcall.domain.model import Settlement
from farcall.domain.states import InvocationState
from farcall.hub.waiting import Waiting
from farcall.wire import frames

ONE, TWO, THREE = (bytes([n]) * 22 for n in (1, 2, 3))


class Link:
    def __init__(self) -> None:
        self.account = 1
        self.told: list[Any] = []

    def send(self, frame: Any) -> None:
        self.told.append(frame)


def settlement(identifier: bytes) -> Settlement:
    return Settlement(identifier, InvocationState.SUCCEEDED, b"\x01")


def test_a_link_hears_of_many_in_one_frame_and_of_each_once() -> None:
    waiting, link, other = Waiting(), Link(), Link()
    for identifier in (ONE, TWO, ONE):
        waiting.add(identifier, link)
    waiting.add(TWO, other)
    waiting.settled([settlement(ONE), settlement(TWO), settlement(THREE)])
    assert [[item.id for item in frame.items] for frame in link.told] == [[ONE, TWO]]
    assert [[item.id for item in frame.items] for frame in other.told] == [[TWO]]
    waiting.settled([settlement(ONE)])
    assert len(link.told) == 1


def test_acceptance_is_told_to_all_who_wait_and_ends_nothing() -> None:
    waiting, link, other = Waiting(), Link(), Link()
    waiting.add(ONE, link)
    waiting.add(ONE, other)
    waiting.accepted([ONE, TWO])
    assert [frame.ids for frame in (*link.told, *other.told)] == [[ONE], [ONE]]
    assert list(waiting.links(ONE)) == [link, other]


def test_who_is_gone_is_told_nothing_and_others_are() -> None:
    waiting, gone, here = Waiting(), Link(), Link()
    for link in (gone, here):
        waiting.add(ONE, link)
    waiting.add(TWO, gone)
    waiting.forget(gone)
    waiting.settled([settlement(ONE), settlement(TWO)])
    assert gone.told == []
    assert len(here.told) == 1


def test_a_refusal_is_told_once() -> None:
    waiting, link = Waiting(), Link()
    waiting.add(ONE, link)
    for _ in range(2):
        waiting.refused([ONE], Failure("conflict", "No."))
    assert [frame.items[0].failure.code for frame in link.told] == ["conflict"]


def test_progress_is_remembered_until_the_end() -> None:
    waiting, link = Waiting(), Link()
    waiting.add(ONE, link)
    waiting.progressed(frames.ProgressItem(ONE, 1, 0.5, "half"))
    assert waiting.progress(ONE) == (0.5, "half")
    assert isinstance(link.told[0], frames.Progress)
    waiting.settled([settlement(ONE)])
    assert waiting.progress(ONE) is None
