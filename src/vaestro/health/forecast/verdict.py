"""collapse, at_risk or ok, from the largest eigenvalue and the schedule's pressure."""

from vaestro.health.forecast.calibration import NEAR, UNSURE
from vaestro.health.forecast.escape import (
    Growth,
    Verdict,
    escape_verdict,
    is_warm_up,
    probe_steps,
)
from vaestro.health.forecast.setting import Setting
from vaestro.health.forecast.threshold import Threshold


def open_to_a_probe(largest: float, setting: Setting, threshold: Threshold) -> bool:
    """Whether the verdict by rule is none to rely on, and the first steps of the run would tell:
    near the threshold of a loss with a schedule of its own."""
    if threshold.at == 0 or setting.controlled or setting.importance:
        return False
    if setting.objective.free_bits > 0 or not probe_steps(setting.horizon.steps):
        return False
    return NEAR <= largest / threshold.at < UNSURE


def judged(
    largest: float, setting: Setting, threshold: Threshold, growth: Growth | None = None
) -> Verdict:
    """The verdict for the largest eigenvalue of M.

    collapse: it is not above the threshold, so the collapsed state is stable. ok: training leaves
    the collapsed state within the run's steps (measured, where a probe gave `growth`, else by
    rule: `escape.escape_verdict`), or nothing holds it there. at_risk: unstable on paper, and as
    configured training will not leave it in time.
    """
    if largest <= 0:
        return "collapse"
    if threshold.at == 0 or setting.objective.free_bits > 0:
        return "ok"
    if setting.controlled:  # it weighs the prior term less until the data term moves
        return "ok" if largest > threshold.at else "collapse"
    betas = [beta * setting.noise for beta, _ in setting.pressures()]
    return escape_verdict(
        largest / threshold.at,
        setting.horizon.steps,
        growth,
        warmed_up=is_warm_up(betas, largest),
        full_at=setting.full_at,
        hidden_layers=setting.hidden_layers,
    )
