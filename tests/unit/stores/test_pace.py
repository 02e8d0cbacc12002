"""The hub's thread may wait for a disk that has been quick lately, and for no other."""

from farcall.stores.sqlite.pace import Pace, PaceLimits

LIMITS = PaceLimits(seconds=0.002, in_a_row=16, recent_seconds=1.0)
STEP = 0.01


def quick_ones(pace: Pace, count: int, since: float = 0.0) -> float:
    """Returns when the last of them ended."""
    for n in range(count):
        pace.note(since + n * STEP, since + n * STEP + LIMITS.seconds / 2)
    return since + (count - 1) * STEP + LIMITS.seconds / 2


def test_nothing_is_known_of_a_disk_at_first() -> None:
    pace = Pace(LIMITS)
    assert not pace.is_quick(0.0)
    assert not pace.is_quick(quick_ones(pace, LIMITS.in_a_row - 1))


def test_enough_quick_ones_in_a_row_make_a_quick_disk() -> None:
    pace = Pace(LIMITS)
    assert pace.is_quick(quick_ones(pace, LIMITS.in_a_row))


def test_one_that_took_long_begins_the_count_anew() -> None:
    pace = Pace(LIMITS)
    end = quick_ones(pace, LIMITS.in_a_row)
    pace.note(end, end + 2 * LIMITS.seconds)
    assert not pace.is_quick(end)
    assert not pace.is_quick(quick_ones(pace, LIMITS.in_a_row - 1, end))
    assert pace.is_quick(quick_ones(pace, LIMITS.in_a_row, end))


def test_after_a_rest_the_disk_has_to_show_it_again() -> None:
    pace = Pace(LIMITS)
    end = quick_ones(pace, LIMITS.in_a_row)
    assert pace.is_quick(end + LIMITS.recent_seconds - STEP)
    later = end + LIMITS.recent_seconds + STEP
    assert not pace.is_quick(later)
    assert not pace.is_quick(quick_ones(pace, LIMITS.in_a_row - 1, later))
