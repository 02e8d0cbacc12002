"""Bob makes two mistakes: one that never leaves his machine, and one that Alice's function complains of."""

import json
import sys

import farcall
import numpy as np
from farcall.catalog.alice.digits import classify

seen = {}
try:
    classify("a seven, I think")
except farcall.InvalidArguments as error:
    seen["refused"] = str(error)

try:
    classify(np.zeros((4, 4)))
except ValueError as error:
    seen["raised"] = str(error)

json.dump(seen, sys.stdout)
