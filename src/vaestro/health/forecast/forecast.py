"""The forecast: what a run will do, before its first step, and why.

Letters: M the whitened score covariance (score.py), K latents, R0 the best constant's data term.
"""

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from torch import Tensor

from vaestro.health.finding import Finding
from vaestro.health.forecast.calibration import LEAST_RATIO
from vaestro.health.forecast.cost import Cost
from vaestro.health.forecast.count import live_count
from vaestro.health.forecast.escape import Growth, Verdict
from vaestro.health.forecast.linear import linear_loss, ppca_nats
from vaestro.health.forecast.live import as_held_out, live_interval
from vaestro.health.forecast.look import Look
from vaestro.health.forecast.setting import Setting
from vaestro.health.forecast.threshold import Threshold, threshold
from vaestro.health.forecast.verdict import judged, open_to_a_probe
from vaestro.health.forecast.words import (
    UNSETTLED,
    Living,
    Strongest,
    memorises,
    reasons,
    sentence,
)
from vaestro.probability.posterior import DeterministicConfig

MOST_EIGENVALUES = 512
"""So many leading eigenvalues are told."""


@dataclass(frozen=True)
class Forecast:
    """What `vaestro forecast --json` prints.

    eigenvalues: of M over the effective beta, largest first: above 1 a direction lives (with
    sampler noise other than 1, over the effective beta times that). eigenvalues_held_out: the same
    along directions of one half, measured in the other; held_out_interval: 95 % each; samples: how
    many they are from. sub_gaussian_proxy: the effective beta up to which a living state may exist
    beside the collapsed one, along the leading direction. largest_beta_...: values of the recipe's
    objective.beta, on held-out samples where the sample's own would speak against the verdict.
    baselines: nats per sample in natural units. live_dimensions: the number of directions that
    pay for themselves, at most `latent`; live_expected: how many dimensions will
    live at the end of a run that escapes, with its 80 % interval; None where the notion does not
    apply. unsettled: the verdict is by rule, and a probe of the run's first steps
    would settle it. remedies: edits under which the verdict is ok, none where it is already;
    against_collapse: the same, and of a run that is ok what to change should its code die after
    all. condition: the largest eigenvalue for each value of what the decoder is
    told. findings: what is wrong with the numbers of the first step. cost: what the run will take,
    where its steps were timed.
    """

    elements: int
    latent: int
    effective_variance: float | None
    beta: float
    effective_beta: float | None
    eigenvalues: tuple[float, ...]
    eigenvalues_held_out: tuple[float, ...]
    held_out_interval: tuple[tuple[float, float], ...]
    samples: int
    live_dimensions: int | None
    live_expected: int | None
    live_interval: tuple[int, int] | None
    largest_beta_one_lives: float | None
    largest_beta_half_live: float | None
    sub_gaussian_proxy: float
    verdict: Verdict
    unsettled: bool
    sentence: str
    reasons: tuple[str, ...]
    remedies: tuple[str, ...]
    against_collapse: tuple[str, ...]
    baselines: dict[str, float | None]
    condition: dict[str, Any] | None = None
    findings: tuple[Finding, ...] = ()
    cost: Cost | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        plain = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }
        return plain | {"findings": [finding.as_json() for finding in self.findings]}


@dataclass(frozen=True)
class Judgement:
    """The verdict and what it was made from; `values` are the eigenvalues of M that count,
    `largest` is the one that decided, and `open` whether a probe would tell more than the rule that
    it was made by."""

    verdict: Verdict
    threshold: Threshold
    values: Tensor
    largest: float
    open: bool

    @property
    def deceived(self) -> bool:
        """Whether the samples' own leading eigenvalue would live, and on others it will not."""
        return self.verdict == "collapse" and float(self.values[0]) > max(
            self.largest, self.threshold.at
        )


def judgement(
    found: Look, setting: Setting, log_det: float, growth: Growth | None = None
) -> Judgement:
    """The verdict on `setting` from what the data say. The leading held-out eigenvalue decides,
    since what lives is counted on held-out samples; the others are held-out too where training sees
    other views of the samples than were looked at, or where the sample's own are mostly its noise.
    `growth`: of a probe of the run."""
    spectrum = found.deciding
    apart = (found.unseen or memorises(spectrum)) and len(spectrum.held_out) > 0
    values = spectrum.held_out if apart else spectrum.values
    largest = float(spectrum.held_out[0] if len(spectrum.held_out) else values[0])
    at = threshold(setting, values, found.constant - log_det)
    more = growth is None and open_to_a_probe(largest, setting, at)
    return Judgement(judged(largest, setting, at, growth), at, values, largest, more)


def forecast(
    found: Look,
    setting: Setting,
    log_det: float = 0.0,
    against_collapse: tuple[str, ...] = (),
    growth: Growth | None = None,
    probed: bool = False,
) -> Forecast:
    """The forecast for `setting`; `log_det` is the transform's, `against_collapse` were found to
    help, `growth` was measured by a probe of the run's first steps; `probed`: one was tried."""
    made = judgement(found, setting, log_det, growth)
    spectrum, unit = found.deciding, made.threshold.at
    unit = unit if unit > 0 and isfinite(unit) else 1.0
    relative = made.values / unit
    live = _live(made, setting, found, growth)
    effective = made.threshold.effective
    beta = setting.final_beta if effective is None else setting.as_recipe(effective)
    one, half = _largest_betas(made, setting)
    strongest = Strongest(made.largest / unit, float(relative[0]), made.deceived)
    said = sentence(made.verdict, strongest, live, setting)
    unsettled = made.open and not probed
    return Forecast(
        elements=found.elements,
        latent=setting.latent,
        effective_variance=None if effective is None else setting.variance(effective),
        beta=beta if setting.controlled else setting.final_beta,
        effective_beta=effective,
        eigenvalues=tuple((spectrum.values[:MOST_EIGENVALUES] / unit).tolist()),
        eigenvalues_held_out=tuple((spectrum.held_out / unit).tolist()),
        held_out_interval=tuple((low / unit, high / unit) for low, high in spectrum.interval()),
        samples=spectrum.samples,
        live_dimensions=None if live is None else live.unstable,
        live_expected=None if live is None else live.expected,
        live_interval=None if live is None else (live.low, live.high),
        largest_beta_one_lives=one,
        largest_beta_half_live=half,
        sub_gaussian_proxy=found.proxy,
        verdict=made.verdict,
        unsettled=unsettled,
        sentence=f"{said} {UNSETTLED}" if unsettled else said,
        reasons=tuple(reasons(found, setting, made.threshold, made.verdict, relative, strongest)),
        remedies=() if made.verdict == "ok" else against_collapse,
        against_collapse=against_collapse,
        baselines=_baselines(found, setting, effective, log_det),
        condition=found.condition,
    )


def _live(made: Judgement, setting: Setting, found: Look, growth: Growth | None) -> Living | None:
    """The live dimensions; None without a prior term that counts nats."""
    if isinstance(setting.posterior, DeterministicConfig) or setting.prior == "adversarial":
        return None
    if made.threshold.at == 0 or setting.objective.free_bits > 0:
        rank = live_count(made.values / max(float(made.values[0]) * 1e-9, 1e-300), setting.latent)
        return Living(rank, rank, min(rank, 1), rank)
    relative = made.values / made.threshold.at
    count = live_count(relative, setting.latent)
    if count == 0:
        return Living(0, 0, 0, 0)
    total = found.deciding.total / made.threshold.at if setting.learned_variance else None
    path, steps = setting.path(), setting.horizon.steps
    start = None if growth is None else growth.start
    held_out = found.deciding.held_out
    if len(held_out):
        relative = as_held_out(relative, float(held_out[0]) / made.threshold.at)
    live = live_interval(relative.tolist(), setting.latent, path, steps, total, start)
    return Living(count, live.expected, live.low if made.verdict == "ok" else 0, live.high)


def _largest_betas(made: Judgement, setting: Setting) -> tuple[float | None, float | None]:
    """The recipe's largest beta at which one, and at which half of the latents live; on held-out
    samples, and for good, where those of the sample would speak against the verdict."""
    if setting.noise == 0 or setting.prior == "adversarial":
        return None, None
    values, half = made.values, (setting.latent + 1) // 2
    if made.deceived:
        values = as_held_out(values, made.largest) / LEAST_RATIO
    each = [float(values[n - 1]) if n <= len(values) else 0.0 for n in (1, half)]
    one, many = (setting.as_recipe(value / setting.noise) for value in each)
    return one, many if many > 0 else None


def _baselines(
    found: Look, setting: Setting, effective: float | None, log_det: float
) -> dict[str, float | None]:
    """constant, linear (fixed Gaussian alone) and ppca (densities alone), natural nats."""
    linear = ppca = None
    fixed = setting.fixed_variance
    plain = setting.noise == 1 and not setting.controlled
    if found.within is not None and fixed is not None and effective and plain:
        linear = linear_loss(found.within, setting.latent, fixed, effective) - log_det
    if found.covariance is not None:
        nats = ppca_nats(found.covariance, setting.latent)
        ppca = None if nats is None else nats - log_det
    return {"constant": found.constant - log_det, "linear": linear, "ppca": ppca}
