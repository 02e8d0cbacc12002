"""What Alice serves for the measurement of large arrays: a file of its own, since it imports numpy."""

import numpy

import farcall


@farcall.function
def echo(values: numpy.ndarray) -> numpy.ndarray:
    """The same array."""
    return values
