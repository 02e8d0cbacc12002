"""The picture that light makes on a far screen after it has passed a round hole (Fraunhofer diffraction).

The far field is the Fourier transform of the hole. The first dark ring, at 1.22 wavelengths per diameter, is what
limits every telescope.
"""

import numpy as np

import farcall

wavelength = farcall.variable(550.0, name="wavelength", min=100, max=2000, unit="nm")
diameter = farcall.variable(0.1, name="diameter", min=0.01, max=1, unit="mm", doc="Of the hole")
pixels = farcall.variable(256, name="pixels", min=32, max=2048, doc="Of the picture, in each direction")

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

farcall.result(intensity, name="intensity", type=np.ndarray, doc="Relative to the middle; the rows are vertical angles")
farcall.result(step_mrad, name="pixel_angle", type=float, unit="mrad", doc="From one pixel to the next")
farcall.result(dark * step_mrad, name="dark_ring", type=float, unit="mrad", doc="Angle of the first dark ring")

if __name__ == "__main__":
    shades = " .:-=+*#%@"
    middle = slice(pixels // 2 - 20, pixels // 2 + 21)
    for line in np.sqrt(intensity[middle, middle])[::2]:
        print("".join(shades[min(9, int(value * 10))] for value in line))
