"""Fits a fading oscillation, a exp(-k t) cos(2π f t), to measurements, by the method of Levenberg and Marquardt.

Each step solves (JᵀJ + λ diag JᵀJ) δ = Jᵀ r for the change δ of the parameters; λ shrinks while that helps, and grows
when it does not (D. W. Marquardt, 1963).
"""

import numpy as np

import farcall


def example() -> np.ndarray:
    """Measurements to try it with: a column of times and one of values, with noise that is always the same."""
    times = np.linspace(0, 10, 200)
    noise = np.random.default_rng(1).normal(0, 0.05, times.size)
    return np.column_stack([times, 2 * np.exp(-0.3 * times) * np.cos(2 * np.pi * 0.5 * times) + noise])


def model(parameters: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values, and their derivatives by each of the parameters as columns."""
    amplitude, decay, frequency = parameters
    fading, turn = np.exp(-decay * times), 2 * np.pi * times
    wave = fading * np.cos(turn * frequency)
    slope = -amplitude * fading * np.sin(turn * frequency) * turn
    return amplitude * wave, np.column_stack([wave, -times * amplitude * wave, slope])


data = farcall.variable(example(), name="data", type=np.ndarray, doc="A column of times in seconds, one of values")
amplitude = farcall.variable(1.0, name="amplitude", doc="Where to start, as the next two")
decay = farcall.variable(0.1, name="decay", unit="1/s")
frequency = farcall.variable(0.48, name="frequency", min=0, unit="Hz")
tolerance = farcall.variable(1e-10, name="tolerance", min=1e-15, max=0.1, doc="Relative change that ends it")
steps = farcall.variable(200, name="steps", min=1, max=100_000, doc="At most so many")

times, values = data.T
parameters = np.array([amplitude, decay, frequency])
damping = 1e-3
predicted, jacobian = model(parameters, times)
cost = float(np.sum((values - predicted) ** 2))
for step in range(1, steps + 1):
    farcall.progress(step / steps, f"sum of squares {cost:.6g}")
    normal = jacobian.T @ jacobian
    change = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), jacobian.T @ (values - predicted))
    tried, tried_jacobian = model(parameters + change, times)
    tried_cost = float(np.sum((values - tried) ** 2))
    if tried_cost < cost:
        parameters, predicted, jacobian, cost = parameters + change, tried, tried_jacobian, tried_cost
        damping /= 10
    else:
        damping *= 10
    if np.linalg.norm(change) <= tolerance * np.linalg.norm(parameters):
        break

farcall.result(float(parameters[0]), name="amplitude", type=float)
farcall.result(float(parameters[1]), name="decay", type=float, unit="1/s")
farcall.result(float(parameters[2]), name="frequency", type=float, unit="Hz")
farcall.result(cost, name="squares", type=float, doc="Sum of the squared differences that are left")
farcall.result(step, name="steps", type=int, doc="How many it took")

print(f"{parameters[0]:.4f} exp(-{parameters[1]:.4f} t) cos(2π {parameters[2]:.4f} t) after {step} steps")
