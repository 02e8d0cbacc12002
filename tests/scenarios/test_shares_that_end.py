"""A share that ends by itself ends at once: on open connections, for what waits, and for who has gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

import farcall
from tests.scenarios.town import Town
from tests.scenarios.world import wait_until

SOURCE = """
    import time
    from pathlib import Path
    import farcall

    HERE = Path(__file__).parent

    @farcall.function(namespace="lent")
    def hold(label: str) -> str:
        (HERE / f"{label}.started").touch()
        while not (HERE / label).exists():
            time.sleep(0.005)
        return label
"""


def test_when_a_share_ends_calls_are_refused_and_what_waits_is_cancelled(town: Town) -> None:
    with (
        town.serving(SOURCE, name="lent"),
        farcall.Client(town.url, town.tokens["alice"]) as alice,
        farcall.Client(town.url, town.account("lent_to_dora")) as dora,
        farcall.Client(town.url, town.account("lent_to_emil")) as emil,
    ):
        for who in ("lent_to_dora", "lent_to_emil"):
            alice.share("alice/lent", who, expires=timedelta(seconds=4))
        hold = dora.get("alice/lent/hold")
        running = hold.submit("running")
        wait_until((town.directory / "running.started").exists, what="it runs")
        waiting = hold.submit("waiting")
        gone = emil.get("alice/lent/hold").submit("gone")
        identifier = gone.id  # accepted
        emil.close()
        with pytest.raises(farcall.InvocationCancelled) as cancelled:
            waiting.result(20)
        assert "the permission to call alice/lent/hold was taken back, or has ended" in str(cancelled.value)
        with pytest.raises(farcall.NotFound):
            hold("late")
        record = wait_until(
            lambda: (
                (found := town.get(f"/v1/invocations/{identifier}", "lent_to_emil"))["status"] == "cancelled" and found
            ),
            what="who has gone is seen too",
        )
        assert "has ended" in record["failure"]["detail"]
        (town.directory / "running").touch()
        assert running.result(20) == "running"
        ends = {item["handle"]: item["state"] for item in alice.shares() if item["path"] == "alice/lent"}
        assert ends == {"lent_to_dora": "expired", "lent_to_emil": "expired"}
        for who in ("lent_to_dora", "lent_to_emil"):
            alice.unshare("alice/lent", who)
