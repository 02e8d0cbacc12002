"""Height in pixels of a digit on paper, once it is scanned."""

import farcall

height = farcall.variable(12.7, min=1, max=1000, unit="mm", doc="Of the digit on paper")
resolution = farcall.variable(150.0, min=1, unit="1/inch", doc="Of the scanner")

pixels = round(height / 25.4 * resolution)
farcall.result(pixels, type=int)
print(f"{pixels} pixels, of which classify needs 8")
