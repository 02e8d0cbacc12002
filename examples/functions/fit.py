"""Fits a fading oscillation, a exp(-k t) cos(2π f t), to measurements, by the method of Levenberg and Marquardt."""

from typing import Annotated, NamedTuple

import numpy as np

import farcall
from farcall import Doc, Range, Unit


class Fit(NamedTuple):
    """The best parameters."""

    amplitude: float
    decay: Annotated[float, Unit("1/s")]
    frequency: Annotated[float, Unit("Hz")]
    squares: Annotated[float, Doc("Sum of the squared differences that are left")]
    steps: Annotated[int, Doc("How many it took")]


@farcall.function
def fit(
    data: Annotated[np.ndarray, Doc("A column of times in seconds, one of values")],
    amplitude: Annotated[float, Doc("Where to start, as the next two")] = 1.0,
    decay: Annotated[float, Unit("1/s")] = 0.1,
    frequency: Annotated[float, Unit("Hz"), Range(0)] = 0.48,
    tolerance: Annotated[float, Range(1e-15, 0.1), Doc("Relative change that ends it")] = 1e-10,
    steps: Annotated[int, Range(1, 100_000), Doc("At most so many")] = 200,
) -> Fit:
    """The parameters of least squares, from a start that is not too far away.

    Each step solves (JᵀJ + λ diag JᵀJ) δ = Jᵀ r for the change δ of the parameters; λ shrinks while that helps, and
    grows when it does not (D. W. Marquardt, 1963).
    """
    times, values = data.T
    parameters = np.array([amplitude, decay, frequency])
    damping = 1e-3
    predicted, jacobian = model(parameters, times)
    cost = float(np.sum((values - predicted) ** 2))
    step = 0
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
    return Fit(float(parameters[0]), float(parameters[1]), float(parameters[2]), cost, step)


def model(parameters: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values, and their derivatives by each of the parameters as columns."""
    amplitude, decay, frequency = parameters
    fading, turn = np.exp(-decay * times), 2 * np.pi * times
    wave = fading * np.cos(turn * frequency)
    slope = -amplitude * fading * np.sin(turn * frequency) * turn
    return amplitude * wave, np.column_stack([wave, -times * amplitude * wave, slope])


if __name__ == "__main__":
    seconds = np.linspace(0, 10, 200)
    print(fit(np.column_stack([seconds, 2 * np.exp(-0.3 * seconds) * np.cos(np.pi * seconds)])))
