"""The picture that light makes on a far screen after it has passed a round hole (Fraunhofer diffraction)."""

from typing import Annotated, NamedTuple

import numpy as np

import farcall
from farcall import Doc, Range, Unit


class Picture(NamedTuple):
    """What is on the screen."""

    intensity: Annotated[np.ndarray, Doc("Relative to the middle; the rows are vertical angles")]
    pixel_angle: Annotated[float, Unit("mrad"), Doc("From one pixel to the next")]
    dark_ring: Annotated[float, Unit("mrad"), Doc("Angle of the first dark ring")]


@farcall.function
def diffraction(
    wavelength: Annotated[float, Unit("nm"), Range(100, 2000)] = 550.0,
    diameter: Annotated[float, Unit("mm"), Range(0.01, 1), Doc("Of the hole")] = 0.1,
    pixels: Annotated[int, Range(32, 2048), Doc("Of the picture, in each direction")] = 256,
) -> Picture:
    """The far field of a round hole, which is its Fourier transform.

    The first dark ring, at 1.22 wavelengths per diameter, is what limits every telescope.
    """
    # The hole lies in a window ten times as wide, so that the picture shows each ring with ten pixels.
    window_mm = 10 * diameter
    places = (np.arange(pixels) - pixels // 2) * window_mm / pixels
    hole = np.hypot(places[:, None], places[None, :]) <= diameter / 2
    field = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(hole)))
    intensity = np.abs(field) ** 2
    intensity /= intensity.max()
    step_mrad = wavelength * 1e-6 / window_mm * 1e3  # one pixel is this angle
    row = intensity[pixels // 2, pixels // 2 :]
    dark = int(np.argmax(np.diff(row) > 0))  # where it becomes brighter again for the first time
    return Picture(intensity, step_mrad, dark * step_mrad)


if __name__ == "__main__":
    picture = diffraction()
    print(f"{picture.intensity.shape} pixels, the first dark ring at {picture.dark_ring:.2f} mrad")
