"""Speed and distance of a body that falls from rest, with the drag of the air.

The drag grows with the square of the speed: v(t) = w tanh(g t / w), s(t) = w² / g ln cosh(g t / w), with the terminal
velocity w = sqrt(2 m g / (ρ A c)).
"""

import math

import farcall

G = 9.81  # m/s²

time = farcall.variable(2.0, name="time", min=0, max=1000, unit="s", doc="How long it falls")
mass = farcall.variable(80.0, name="mass", min=1e-6, unit="kg")
area = farcall.variable(0.5, name="area", min=1e-9, unit="m^2", doc="Cross-section in the direction of the fall")
drag = farcall.variable(1.0, name="drag", min=1e-3, max=3, doc="Drag coefficient: 0.47 for a sphere")
density = farcall.variable(1.225, name="density", min=1e-6, unit="kg/m^3", doc="Of the air")

terminal = math.sqrt(2 * mass * G / (density * area * drag))
x = G * time / terminal
velocity = terminal * math.tanh(x)
distance = terminal**2 / G * (x + math.log1p(math.exp(-2 * x)) - math.log(2))  # ln cosh x, for large x too

farcall.result(velocity, name="velocity", type=float, unit="m/s")
farcall.result(distance, name="distance", type=float, unit="m")

if __name__ == "__main__":
    print(f"after {time:g} s: {velocity:.2f} m/s, {distance:.2f} m; at most {terminal:.2f} m/s")
