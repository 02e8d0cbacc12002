"""Streams and maps while hubs are killed."""

from __future__ import annotations

import pytest

import farcall
from tests.scenarios.world import World

SOURCE = """
    import time
    from collections.abc import Iterator
    import farcall

    @farcall.function
    def count(n: int, pause: float) -> Iterator[int]:
        for number in range(n):
            time.sleep(pause)
            yield number

    @farcall.function
    def double(x: int) -> int:
        return 2 * x
"""


@pytest.mark.slow
def test_a_stream_and_a_map_go_on_over_hubs_that_are_killed(world: World) -> None:
    world.write("lab.py", SOURCE)
    world.serve("w1", "lab.py", slots=2)
    with farcall.connect(world.url, world.tokens["alice"]) as client:
        count, double = client.get("alice/count"), client.get("alice/double")
        for seen in (1, 40, 90):
            stream = count.stream(120, 0.005)
            results = double.map(range(1000))
            numbers = [next(stream) for _ in range(seen)]
            world.kill_hub()
            world.start_hub()
            numbers += stream
            assert numbers == list(range(120))
            assert list(results) == [2 * number for number in range(1000)]
