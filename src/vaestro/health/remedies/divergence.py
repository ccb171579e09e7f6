"""What keeps a run from the overflow or the singularity that a replay has found in it."""

from vaestro.health.forensics import Forensics
from vaestro.health.remedies.chosen import Chosen
from vaestro.health.remedies.cures import CLIPPED
from vaestro.health.remedies.edits import Edits
from vaestro.health.remedies.smaller_numbers import ceiling, networks_of_ours, standardised

USUAL_RATE = 1e-3
"""Adam's own default: no remedy asks for more."""

HIGHEST = 20.0
"""A log-variance whose exponential still is a number to reckon with."""


def for_divergence(chosen: Chosen, seen: Forensics) -> Edits:
    """Edits of the recipe, the likeliest first; none where the data broke, or nothing did."""
    if seen.cause in ("data", "none"):
        return ()
    slower = f"training.learning_rate={min(seen.learning_rate / 10, USUAL_RATE):.3g}"
    own = () if seen.first is None else networks_of_ours(chosen.model, [seen.first.layer])
    if seen.cause == "singularity":
        return (*own, slower)
    steepest = seen.growth.steepest()
    grew = steepest is not None and steepest[1] > 2
    scaled = () if grew else standardised(chosen)
    bounded = ceiling(chosen.model, HIGHEST)
    return (*scaled, slower, CLIPPED, *bounded, *own, "training.precision=fp64")
