"""The forecast in words that need no mathematics."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from vaestro.health.forecast.calibration import LEAST_RATIO
from vaestro.health.forecast.escape import Verdict
from vaestro.health.forecast.look import Look
from vaestro.health.forecast.setting import Setting
from vaestro.health.forecast.spectrum import Spectrum
from vaestro.health.forecast.threshold import Threshold
from vaestro.probability.posterior import DeterministicConfig

GAP = 2.0
"""A leading sample eigenvalue so many times above the held-out one is mostly the sample's noise."""

UNSETTLED = "So near the threshold this is a rule; vaestro forecast --probe would settle it."


class Living(NamedTuple):
    """Directions that pay for themselves, at most K; how many dimensions of the run are expected to
    live, and between which numbers."""

    unstable: int
    expected: int
    low: int
    high: int


class Strongest(NamedTuple):
    """The largest eigenvalue over the threshold: the one that decided, and that of the samples it
    was found in; `apart`: the two speak for different verdicts."""

    decided: float
    own: float
    apart: bool

    @property
    def told(self) -> float:
        """The number to print: the sample's own, unless it would speak against the verdict."""
        return self.decided if self.apart else self.own

    @property
    def whence(self) -> str:
        """Where it is from, if that matters, and what it falls short of."""
        found = (
            f" on samples that were not used to find it ({self.own:.3g} on those that were)"
            if self.apart
            else ""
        )
        needed = f", and a live dimension needs {LEAST_RATIO:.3g}" if self.told > 1 else ""
        return found + needed


def sentence(verdict: Verdict, strongest: Strongest, live: Living | None, setting: Setting) -> str:
    """The verdict in one sentence."""
    if setting.prior == "adversarial":
        return "This run's codes are held by a discriminator: collapse is not forecast for it."
    if isinstance(setting.posterior, DeterministicConfig):
        return "This is a plain autoencoder: it has no prior term and cannot collapse."
    if live is None:
        return "The forecast does not apply to this run."
    if verdict == "collapse":
        return (
            f"This run will collapse: the strongest direction of the data is "
            f"{strongest.told:.{4 if strongest.apart else 2}g} of what the prior term asks"
            f"{strongest.whence}, so that none of {setting.latent} latent dimensions can carry "
            "information."
        )
    if verdict == "at_risk":
        return (
            f"This run is at risk: {live.unstable} of {setting.latent} latent dimensions could "
            f"live, but from a cold start {setting.horizon.steps:,} steps will hardly suffice to "
            "wake them."
        )
    span = "" if live.low == live.high else f" ({live.low} to {live.high})"
    return (
        f"This run can work: {live.expected}{span} of {setting.latent} latent dimensions are "
        "expected to live."
    )


def reasons(
    found: Look,
    setting: Setting,
    at: Threshold,
    verdict: Verdict,
    relative: Tensor,
    strongest: Strongest,
) -> Iterator[str]:
    """Why, a sentence each, the most telling first."""
    yield from at.reasons
    if at.effective:
        yield _pressure(setting, at.effective)
        if verdict == "collapse":
            yield _weakness(strongest)
        else:
            yield _strength(relative, setting)
    if found.condition is not None:
        yield _condition(found)
    yield from _trust(found, at)
    yield from _two_minima(found, at)


def _pressure(setting: Setting, effective: float) -> str:
    """What the loss means, whatever its reduction."""
    reduction = setting.objective.reduction
    variance = setting.variance(effective)
    meant = (
        ""
        if variance is None
        else f", that is an observation variance of {variance:.4g} for each element"
    )
    if reduction == "sum":
        return f"The prior term weighs {effective:.4g} times its nats{meant}."
    return (
        f"objective.reduction={reduction} over {setting.elements:,} elements makes beta "
        f"{setting.as_recipe(effective):.4g} an effective beta of {effective:.4g}{meant}."
    )


def _weakness(strongest: Strongest) -> str:
    costs = "costs about what it saves" if strongest.told > 1 else "costs more than it saves"
    return (
        "A direction of the data lives only above 1 on the scale of the eigenvalues, and the "
        f"strongest is at {strongest.told:.{4 if strongest.apart else 3}g}{strongest.whence}: "
        f"storing it {costs}."
    )


def _strength(relative: Tensor, setting: Setting) -> str:
    strongest, count = float(relative[0]), int((relative > 1).sum())
    capped = f", and the model has {setting.latent} latents" if count > setting.latent else ""
    those = (
        "1 direction of the data pays for itself"
        if count == 1
        else (f"{count} directions of the data pay for themselves")
    )
    return f"{those}; the strongest is {strongest:.3g} times the threshold{capped}."


def _condition(found: Look) -> str:
    facts = found.condition or {}
    return (
        "The decoder is told the condition, so only what varies within one value counts: strongest "
        f"within {facts['worst']} ({facts['worst_largest']:.3g}; pooled "
        f"{facts['pooled_largest']:.3g})."
    )


def _trust(found: Look, at: Threshold) -> Iterator[str]:
    """Whether the sample's eigenvalues are the data's."""
    spectrum = found.deciding
    if found.unseen:
        yield (
            "Training sees other views of the samples than were looked at, so the eigenvalues that "
            "hold on held-out samples decide."
        )
    if not memorises(spectrum):
        return
    sample, held = float(spectrum.values[0]), float(spectrum.held_out[0])
    unit = at.at if 0 < at.at < math.inf else 1.0
    yield (
        f"This run will memorise: from {spectrum.samples:,} samples the strongest direction looks "
        f"like {sample / unit:.3g}, and on samples that were not used to find it it is "
        f"{held / unit:.3g}; what lives beyond that is noise of these samples. Give more data, or "
        "augment them."
    )


def memorises(spectrum: Spectrum) -> bool:
    """Whether the leading sample eigenvalue is mostly the sample's own noise."""
    if not len(spectrum.held_out):
        return False
    return float(spectrum.values[0]) > GAP * float(spectrum.held_out[0] + 2 * spectrum.error[0])


def _two_minima(found: Look, at: Threshold) -> Iterator[str]:
    """Between the largest eigenvalue and the proxy both states may be minima."""
    largest = float(found.deciding.values[0])
    if largest <= at.at < found.proxy and at.at < math.inf:
        yield (
            f"Up to {found.proxy / at.at:.3g} times the threshold a living state may exist beside "
            "the collapsed one for a flexible decoder: there the start decides, and a warm-up from "
            "a small beta may reach it."
        )
