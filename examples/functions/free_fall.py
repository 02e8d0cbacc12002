"""Speed and distance of a body that falls from rest, with the drag of the air."""

import math
from typing import Annotated, NamedTuple

import farcall
from farcall import Doc, Range, Unit

G = 9.81  # m/s²


class Fall(NamedTuple):
    """Where a falling body is, and how fast."""

    velocity: Annotated[float, Unit("m/s")]
    distance: Annotated[float, Unit("m")]


@farcall.function
def free_fall(
    time: Annotated[float, Unit("s"), Range(0, 1000), Doc("How long it falls")] = 2.0,
    mass: Annotated[float, Unit("kg"), Range(1e-6)] = 80.0,
    area: Annotated[float, Unit("m^2"), Range(1e-9), Doc("Cross-section in the direction of the fall")] = 0.5,
    drag: Annotated[float, Range(1e-3, 3), Doc("Drag coefficient: 0.47 for a sphere")] = 1.0,
    density: Annotated[float, Unit("kg/m^3"), Range(1e-6), Doc("Of the air")] = 1.225,
) -> Fall:
    """Velocity and distance after falling for `time`.

    The drag grows with the square of the speed: v(t) = w tanh(g t / w), s(t) = w² / g ln cosh(g t / w), with the
    terminal velocity w = sqrt(2 m g / (ρ A c)).
    """
    terminal = math.sqrt(2 * mass * G / (density * area * drag))
    x = G * time / terminal
    distance = terminal**2 / G * (x + math.log1p(math.exp(-2 * x)) - math.log(2))  # ln cosh x, for large x too
    return Fall(terminal * math.tanh(x), distance)


if __name__ == "__main__":
    print(free_fall())
