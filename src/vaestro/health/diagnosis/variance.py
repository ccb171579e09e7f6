"""Numbers out of bounds: log-variances, codes, a fitted decoder variance, gradients of exp.

Shape letters: B batch, K latents, * the sample's axes.
"""

import torch
from torch import Tensor

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.jitter import own_randomness
from vaestro.health.finding import Finding

HIGH, LOW = 12.0, -30.0
"""Posterior log-variances outside are out of control: stds of 400, or of 3e-7."""
FAR = 300.0
"""Codes this many prior standard deviations from 0."""
LEVEL = 89.0
"""exp overflows float32 just below this log-variance."""
CALIBRATED = 10.0
"""A fitted variance whose standardised squared error exceeds this is far too small."""
RUNNING = 3e-3
"""A variance below this share of the data's, with nothing to stop it, is running to 0."""


def exploding(evidence: Evidence) -> Finding | None:
    """Numbers that are not finite, or about to be."""
    seen, patient = evidence.seen, evidence.patient
    bad = _not_finite(evidence)
    rose = _rose(patient.history)
    spread, mean = seen.train.log_variance, seen.train.mean
    numbers: dict[str, object] = {}
    if seen.stochastic and bool(torch.isfinite(spread).all()):
        numbers = {
            "largest_log_variance": float(spread.max()),
            "smallest_log_variance": float(spread.min()),
            "largest_code": float(mean.abs().max()),
            "prior_term": seen.prior_term,
        }
    if bad:
        return _finding(f"Not finite: {', '.join(bad)}", {"not_finite": bad, **numbers})
    if seen.stochastic and (float(spread.max()) > HIGH or float(spread.min()) < LOW):
        low, high = float(spread.min()), float(spread.max())
        return _finding(f"The log-variances run from {low:.1f} to {high:.1f}", numbers)
    if seen.stochastic and float(mean.abs().max()) > FAR:
        far = float(mean.abs().max())
        return _finding(f"Codes lie up to {far:.0f} prior standard deviations from 0", numbers)
    if rose:
        return _finding(rose, {"first_loss": patient.history[0], "last_loss": patient.history[-1]})
    return None


def _not_finite(evidence: Evidence) -> list[str]:
    """The names of what is not finite."""
    codes = evidence.seen.train
    named = {"the posterior means": codes.mean, "what is decoded": codes.from_draw}
    if evidence.seen.stochastic:
        named["the log-variances"] = codes.log_variance
    bad = [n for n, t in evidence.tensors.all.items() if not bool(torch.isfinite(t).all())][:3]
    bad = [f"the parameter {name}" for name in bad]
    bad += [name for name, tensor in named.items() if not bool(torch.isfinite(tensor).all())]
    last = evidence.patient.history[-1:]
    return bad + ["the last training loss" for value in last if value - value != 0]


def _rose(history: object) -> str:
    """What to say of a loss that ends above its start."""
    values = [float(v) for v in history]  # type: ignore[attr-defined]
    if len(values) < 3:
        return ""
    span = max(values) - min(values)
    if span > 0 and values[-1] > values[0] and values[-1] - values[0] > 0.5 * span:
        return f"The training loss ends at {values[-1]:.4g}, above its start of {values[0]:.4g}"
    return ""


def _finding(what: str, numbers: dict[str, object]) -> Finding:
    return Finding(
        "exploding",
        f"{what}: the model has left the range in which it can learn.",
        numbers,
        (
            "lower the learning rate and clip the norm of the gradient",
            "bound the log-variance smoothly before any exp, and begin with small weights in the "
            "layer that gives it",
        ),
    )


def unbounded_variance(evidence: Evidence) -> Finding | None:
    """A fitted decoder variance without a working floor, or an exp that is clipped too late."""
    fitted = _fitted(evidence)
    if fitted is not None:
        return fitted
    patient, latent = evidence.patient, evidence.seen.latent
    for name in ("prior_term", "sampler"):
        function = getattr(patient, name)
        if function is not None and _late_clip(function, latent, patient.x):
            return Finding(
                "unbounded_variance",
                f"{name} clips exp after the fact: at a log-variance of {LEVEL:g} its value is "
                "finite and its gradient is NaN (0 times infinity), which ends training.",
                {"log_variance": LEVEL, "function": name},
                ("clamp the log-variance before exp, smoothly, to [-20, 20]",),
            )
    return None


def _late_clip(function: object, latent: int, like: Tensor) -> bool:
    """Whether the value at LEVEL is finite in 32 bits and its gradient NaN."""
    mean = torch.zeros(2, latent, device=like.device)
    spread = torch.full_like(mean, LEVEL).requires_grad_()
    with torch.enable_grad(), own_randomness(1):
        value = function(mean, spread)  # type: ignore[operator]
    if not value.requires_grad or not bool(torch.isfinite(value).all()):
        return False
    (gradient,) = torch.autograd.grad(value.sum(), spread, allow_unused=True)
    return gradient is not None and bool(torch.isnan(gradient).any())


def _smallest_share(x: Tensor, variance: Tensor, unit: float) -> float:
    """The smallest fitted variance over that of its own element; elements that do not vary are
    measured by `unit`, the mean over elements."""
    own = x.var(0)
    own = torch.where(own > 1e-6 * unit, own, unit)
    return float((variance.double() / own).min())


def _no_floor(evidence: Evidence, low: float) -> bool:
    """Whether codes far from the data's give variances far below their smallest."""
    codes, patient = evidence.seen.train, evidence.patient
    lowest = low
    with torch.no_grad():
        for far in (10.0, 100.0):
            variance = patient.decode(far * codes.z, codes.given).variance
            lowest = lowest if variance is None else min(lowest, float(variance.min()))
    return not lowest > 1e-3 * low


def _fitted(evidence: Evidence) -> Finding | None:
    """A decoder variance that runs to 0 or away, or that held-out errors contradict."""
    codes = evidence.seen.train if evidence.seen.held is None else evidence.seen.held
    variance = codes.variance
    if variance is None:
        return None
    x = codes.x.double()
    unit = max(float(x.flatten(1).var(0).mean()), 1e-30)
    squared = (x - codes.from_draw.double()).square() / variance.double()
    error = float(squared.mean())
    low, high = float(variance.min()), float(variance.max())
    running = _smallest_share(x, variance, unit) < RUNNING and _no_floor(evidence, low)
    if high < 1e4 * unit and error < CALIBRATED and not running:
        return None
    return Finding(
        "unbounded_variance",
        f"The fitted variance of the decoder is not bounded: it runs from {low:.3g} to {high:.3g} "
        f"where the data vary by {unit:.3g}, and squared errors are {error:.3g} times as large.",
        {
            "smallest_variance": low,
            "largest_variance": high,
            "data_variance": unit,
            "standardised_squared_error": error,
            "has_a_floor": not _no_floor(evidence, low),
        },
        (
            "give the variance a floor tied to the data's resolution: variance = floor + exp(raw)",
            "fit one variance for all elements instead of one for each",
        ),
    )
