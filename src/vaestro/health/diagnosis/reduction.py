"""A loss whose two terms are reduced over different axes: wrong over elements, latents or batch."""

import itertools
import math
from typing import NamedTuple

from vaestro.health.diagnosis.divergences import RIGHT
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.loss_form import LossForm
from vaestro.health.finding import Finding

MATCH = 0.05
"""How near a measured factor must lie to a product of axis lengths."""
PLAIN = (1.0, 0.5, 2.0)
"""Ratios that a squared error without its 1/2, or twice the KL, explains: no wrong reduction."""
FAR = 3.0
"""A ratio within this factor of 1 is left alone."""


class Factor(NamedTuple):
    """A product of lengths that may stand before or under a term, and how to say it."""

    value: float
    words: str


def wrong_reduction(evidence: Evidence) -> Finding | None:
    """Prior and data term weighed against each other otherwise than beta says."""
    form, patient = evidence.form, evidence.patient
    if form is not None and form.known and form.term.crossed:
        return _crossed(form, patient.beta)
    if form is None or not form.known or form.form is not RIGHT:
        return None
    if form.data <= 0 or patient.beta <= 0:
        return None
    if abs(form.prior) < 3 * form.prior_error and abs(form.prior) < 1e-3 * form.data:
        return _absent(evidence) if form.right else None
    ratio = form.prior / form.data / patient.beta
    if ratio <= 0 or 1 / FAR < ratio < FAR:
        return None
    if form.prior_error > 0.1 * abs(form.prior):
        return None
    return _finding(evidence, ratio, _batched(evidence, ratio))


def _batched(evidence: Evidence, ratio: float) -> bool:
    """Whether the ratio of the weights changes with the batch size."""
    form, half = evidence.form, evidence.half
    if form is None or half is None or not half.known or half.data <= 0:
        return False
    change = ratio / (half.prior / half.data / evidence.patient.beta)
    return abs(math.log(abs(change) / 2)) < 0.3 or abs(math.log(abs(change) * 2)) < 0.3


def _finding(evidence: Evidence, ratio: float, batched: bool) -> Finding:
    form, patient = evidence.form, evidence.patient
    assert form is not None
    factor = _explained(evidence, ratio, batched)
    why = f" ({factor.words})" if factor else ""
    much = (
        f"{_short(ratio)} times too much" if ratio > 1 else f"{_short(1 / ratio)} times too little"
    )
    critical = patient.observation.critical_beta(patient.x)
    grows = " and the weight changes with the batch size" if batched else ""
    numbers = {
        "data_weight": form.data,
        "prior_weight": form.prior,
        "effective_beta": form.prior / form.data,
        "meant_beta": patient.beta,
        "factor": ratio,
        "batch": form.batch,
        **({} if critical is None else {"largest_beta_with_a_live_dimension": critical}),
    }
    return Finding(
        "wrong_reduction",
        f"The loss weighs the prior term {much}{why}{grows}: its effective beta is "
        f"{_short(form.prior / form.data)} where {_short(patient.beta)} is meant.",
        numbers,
        (
            "sum each term over every axis but the batch, then average both over the batch: "
            "loss = data.flatten(1).sum(1).mean() + beta * kl.sum(1).mean()",
        ),
    )


def _crossed(form: LossForm, beta: float) -> Finding:
    return Finding(
        "wrong_reduction",
        "The data term compares every sample of a batch with the reconstruction of every other: "
        f"shapes such as ({form.batch}, 1, ...) and ({form.batch}, ...) were broadcast to "
        f"({form.batch}, {form.batch}, ...), so that only the mean sample can be learnt.",
        {
            "pairs": form.batch**2,
            "batch": form.batch,
            "data_weight_of_all_pairs": form.data,
            "prior_weight": form.prior,
            "meant_beta": beta,
            "left_unexplained": form.left,
        },
        (
            "give both sides one shape before they are subtracted: "
            "assert reconstruction.shape == x.shape",
        ),
    )


def _absent(evidence: Evidence) -> Finding:
    form = evidence.form
    assert form is not None
    return Finding(
        "wrong_reduction",
        "The loss has no prior term that can be measured: its weight is 0 beside the data term's.",
        {"data_weight": form.data, "prior_weight": form.prior, "meant_beta": evidence.patient.beta},
        ("add beta * kl.sum(1).mean() to the loss",),
    )


def _explained(evidence: Evidence, ratio: float, batched: bool) -> Factor | None:
    """The product of axis lengths nearest to the ratio, if one is near."""
    found = [f for f in _factors(evidence, batched) if abs(ratio / f.value - 1) < MATCH]
    return min(found, key=lambda f: (len(f.words), abs(ratio / f.value - 1))) if found else None


def _factors(evidence: Evidence, batched: bool) -> list[Factor]:
    """What averaging over elements, latents or the batch in one term only would make."""
    form, shape = evidence.form, tuple(evidence.patient.x.shape[1:])
    assert form is not None
    latent = evidence.seen.latent
    data = [Factor(1.0, "")]
    for count in range(1, len(shape) + 1):
        for axes in itertools.combinations(range(len(shape)), count):
            size = math.prod(shape[a] for a in axes)
            what = "all elements" if count == len(shape) else f"an axis of {size}"
            data.append(Factor(size, f"the data term is a mean over {what}, {size}"))
    prior = [Factor(1.0, ""), Factor(1 / latent, f"the prior term a mean over {latent} latents")]
    batch = [Factor(1.0, "")]
    if batched:
        batch = [
            Factor(form.batch, f"the prior term summed over the batch of {form.batch}"),
            Factor(1 / form.batch, f"the data term summed over the batch of {form.batch}"),
        ]
    made = []
    for parts in itertools.product(data, prior, batch):
        words = ", ".join(part.words for part in parts if part.words)
        value = math.prod(part.value for part in parts)
        made += [Factor(value * plain, words) for plain in PLAIN if words]
    return made


def _short(value: float) -> str:
    return f"{value:.3g}"
