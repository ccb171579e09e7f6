"""A condition that the decoder ignores: samples asked for one label look like those of another."""

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.collapse import dead_output
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.examination import Codes
from vaestro.health.diagnosis.observation import total_variance
from vaestro.health.finding import Finding

MATTERS = 0.02
"""Labels that explain less than this share of tr S need not matter to a decoder."""
IGNORED = 0.02
"""A decoder moved by the label less than this share of what the labels explain ignores it."""


def condition_ignored(evidence: Evidence) -> Finding | None:
    """The label changes next to nothing in what is decoded from the same z."""
    patient, codes = evidence.patient, evidence.seen.train
    told = codes.given.covariates if codes.given.label is None else codes.given.label
    if not patient.told or patient.prior_told or told is None or not codes.finite:
        return None
    between = _between(codes, told)
    if between < MATTERS:
        return None
    numbers = {"variance_explained_by_label": between}
    if not patient.decoder_told:
        return _finding("The label enters the encoder only; decode(z) is not told it", numbers)
    moved = _moved(evidence) / between
    if moved >= IGNORED or dead_output(evidence) is not None:
        return None  # a dead decoder ignores everything
    numbers["moved_by_label_over_explained"] = moved
    return _finding("Changing the label changes next to nothing in what is decoded", numbers)


def _between(codes: Codes, label: Tensor) -> float:
    """The share of tr S between the means of whole-number labels; of others, what a line in them
    explains."""
    total = max(total_variance(codes.x), 1e-30)
    flat = codes.x.flatten(1).double()
    centred = flat - flat.mean(0)
    if label.dim() == 1 and not label.is_floating_point():
        design = (label[:, None] == label.unique()).double()
    else:
        design = label.double().reshape(len(label), -1)
        design = torch.cat([design, torch.ones_like(design[:, :1])], 1)
    solution = torch.linalg.lstsq(design.cpu(), centred.cpu(), driver="gelsd").solution
    explained = (design.cpu() @ solution).square().sum(1).mean()
    by_chance = int(design.shape[1]) / len(label)
    share: float = float(explained) / total - by_chance
    return share


def _moved(evidence: Evidence) -> float:
    """Half the mean squared difference of what is decoded from one prior draw under two labels,
    those of two random samples, as a share of tr S."""
    codes, patient = evidence.seen.train, evidence.patient
    z = evidence.seen.prior_draws.to(codes.mean)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(9))
    other: Given = codes.given.part(order)
    with torch.no_grad():
        one, two = (patient.decode(z, given).mean for given in (codes.given, other))
    moved = 0.5 * (one - two).double().square().flatten(1).sum(1).mean()
    return float(moved) / max(total_variance(codes.x), 1e-30)


def _finding(what: str, numbers: dict[str, float]) -> Finding:
    share = numbers["variance_explained_by_label"]
    return Finding(
        "condition_ignored",
        f"{what}, though labels explain {share:.0%} of the variance of the data: samples cannot be "
        "asked for a label.",
        numbers,
        ("give the label to the decoder too, beside z, and train again",),
    )
