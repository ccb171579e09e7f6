"""The curve of a row: the data term of held-out data, else of training, in a few points."""

import numpy as np

from vaestro.reports.curve import thinned
from vaestro.reports.facts import RunFacts, finite

MOST_POINTS = 60


def small_curve(facts: RunFacts) -> list[list[float]]:
    """[[step, nats], ...] of at most MOST_POINTS finite points; [] without any."""
    for split in ("validation", "train"):
        rows = [(finite(r.get("step")), finite(r.get("data_term"))) for r in facts.rows(split)]
        known = [(step, value) for step, value in rows if step is not None and value is not None]
        if len(known) > 1:
            steps, values = np.array(known).T
            drawn = thinned(steps, values, MOST_POINTS)
            pairs = zip(drawn.steps.tolist(), drawn.values.tolist(), strict=True)
            return [[step, round(value, 4)] for step, value in pairs]
    return []
