"""Bob's program: 300 images that Alice's classifier has never seen."""

import json
import sys
import time
from collections import Counter

import farcall
from farcall.catalog.alice.digits import classify
from sklearn.datasets import load_digits

images, labels = load_digits(return_X_y=True)
images, labels = images[-300:].reshape(-1, 8, 8), labels[-300:]

began = time.perf_counter()
calls = classify.map(images)
answers = list(calls)
seconds = time.perf_counter() - began

records = [farcall.invocation(call.id).info() for call in calls.invocations]
json.dump(
    {
        "seconds": seconds,
        "right": sum(int(answer == label) for answer, label in zip(answers, labels, strict=True)),
        "asked": len(images),
        "workers": Counter(record["worker"] for record in records),
        "attempts": Counter(record["attempt"] for record in records),
        "retried": [record["id"] for record in records if record["attempt"] > 1],
    },
    sys.stdout,
)
