"""How a run went by its last figures alone, as one word and one plain sentence."""

import math
from typing import Any

from vaestro.health.finding import Verdict


def verdict(figures: dict[str, Any] | None, diverged: bool, stochastic: bool) -> Verdict:
    """exploding: a term is not finite; collapsed: no latent dimension is live; else healthy.

    What figures can tell; the doctor sees more and has the last word on a run that has ended.
    `figures` are the validation figures, None when there are none. A plain autoencoder has no
    prior term and cannot collapse in this sense.
    """
    terms = [figures[name] for name in ("data_term", "prior_term")] if figures else []
    if diverged or not all(term is not None and math.isfinite(term) for term in terms):
        return "exploding"
    if figures and stochastic and figures["live_dimensions"] == 0:
        return "collapsed"
    return "healthy"


def sentence(
    word: Verdict,
    figures: dict[str, Any] | None,
    latent: int,
    baseline: float,
    stochastic: bool,
    beta: float = 1.0,
) -> str:
    """One plain sentence: how it went, with the two terms and the constant it had to beat. `beta`:
    what a nat of the prior term weighs in the loss."""
    if word == "exploding" or figures is None:
        return (
            "The run stopped because its loss was no longer finite; the weights from before that "
            "step are kept."
        )
    if word == "collapsed":
        return (
            f"The run collapsed: none of {latent} latent dimensions carries information, and the "
            f"data term of {figures['data_term']:.2f} nats is that of a constant ({baseline:.2f})."
        )
    if figures["data_term"] >= baseline:
        return (
            f"The run has not learned yet: its data term of {figures['data_term']:.2f} nats is no "
            f"better than that of the best constant ({baseline:.2f})."
        )
    gained = f"{figures['data_term']:.2f} nats against {baseline:.2f} for the best constant"
    if not stochastic:
        return f"The autoencoder trained: it reconstructs held-out data at {gained}."
    began = "The run is healthy"
    if figures["data_term"] + beta * figures["prior_term"] >= baseline:
        began = "The code costs more than it saves so far"
    return (
        f"{began}: {figures['live_dimensions']} of {latent} latent dimensions are live, "
        f"held-out data are reconstructed at {gained}, and the code costs "
        f"{figures['prior_term']:.2f} nats."
    )
