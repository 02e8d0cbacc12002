"""What Alice serves in the benchmark."""

import farcall


@farcall.function
def add(a: int, b: int) -> int:
    """The sum."""
    return a + b
