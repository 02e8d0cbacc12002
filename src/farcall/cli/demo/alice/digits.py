"""Alice's module: a digit classifier. It stays on her machine, and so does what it learnt from."""

import farcall
import numpy as np
from scipy.ndimage import rotate, shift
from sklearn.datasets import load_digits

IMAGES, LABELS = load_digits(return_X_y=True)
KNOWN, NAMES = IMAGES[:-300], LABELS[:-300]  # the last 300 are kept for the test


def views(image: np.ndarray) -> np.ndarray:
    """The image as it would look if the hand had slipped a little: turned and moved in 63 ways."""
    return np.array(
        [
            shift(rotate(image, angle, reshape=False, order=1), (down, right), order=1).ravel()
            for angle in range(-12, 13, 4)
            for down in (-0.5, 0.0, 0.5)
            for right in (-0.5, 0.0, 0.5)
        ]
    )


@farcall.function
def classify(image: np.ndarray) -> int:
    """The digit that an 8 × 8 image of handwriting shows (grey values from 0 to 16)."""
    if image.shape != (8, 8):
        raise ValueError(f"an image is 8 by 8, this one is {image.shape}")
    secret_recipe = np.linalg.norm(views(image)[:, None, :] - KNOWN, axis=2).min(axis=0)
    return int(np.bincount(NAMES[np.argsort(secret_recipe)[:3]]).argmax())
