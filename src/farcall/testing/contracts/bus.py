"""The contract of the Bus port, as far as an adapter that loses nothing can show it."""

from __future__ import annotations

import pytest

from farcall.hub.ports import Bus


class BusContract:
    """Inherit, and give a fixture `bus`. Wake-ups may take up to the time that `settle` waits."""

    @pytest.fixture
    def bus(self) -> Bus:
        raise NotImplementedError("return a bus")

    def settle(self) -> None:
        """Wait until what was published has arrived."""

    def test_who_subscribed_is_woken_and_nobody_else(self, bus: Bus) -> None:
        woken: list[str] = []
        bus.subscribe("a", lambda: woken.append("a1"))
        bus.subscribe("a", lambda: woken.append("a2"))
        bus.subscribe("b", lambda: woken.append("b"))
        bus.publish("a")
        self.settle()
        assert sorted(woken) == ["a1", "a2"]

    def test_who_unsubscribed_sleeps_on(self, bus: Bus) -> None:
        woken: list[str] = []
        stop = bus.subscribe("a", lambda: woken.append("first"))
        bus.subscribe("a", lambda: woken.append("second"))
        stop()
        stop()
        bus.publish("a")
        self.settle()
        assert woken == ["second"]

    def test_a_topic_without_subscribers_takes_wake_ups(self, bus: Bus) -> None:
        bus.publish("nobody")
        woken: list[str] = []
        bus.subscribe("nobody", lambda: woken.append("late"))
        self.settle()
        assert woken == []

    def test_a_subscriber_that_raises_does_not_keep_others_asleep(self, bus: Bus) -> None:
        woken: list[str] = []

        def fail() -> None:
            raise RuntimeError("no")

        bus.subscribe("a", fail)
        bus.subscribe("a", lambda: woken.append("other"))
        bus.publish("a")
        self.settle()
        assert woken == ["other"]

    def test_one_may_subscribe_and_unsubscribe_while_being_woken(self, bus: Bus) -> None:
        woken: list[str] = []

        def once() -> None:
            woken.append("once")
            stop()
            bus.subscribe("a", lambda: woken.append("new"))

        stop = bus.subscribe("a", once)
        bus.publish("a")
        self.settle()
        bus.publish("a")
        self.settle()
        assert woken == ["once", "new"]
