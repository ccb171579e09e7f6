"""A condition that the decoder ignores: samples asked for one value look like those of another."""

import torch

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.collapse import dead_output
from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.examination import Codes
from vaestro.health.diagnosis.heard import Heard, design
from vaestro.health.diagnosis.observation import total_variance
from vaestro.health.finding import Finding

MATTERS = 0.02
"""A condition that explains less than this share of tr S need not matter to a decoder."""
IGNORED = 0.02
"""A decoder moved by the condition less than this share of what that explains ignores it."""


def condition_ignored(evidence: Evidence) -> Finding | None:
    """What the model is told changes next to nothing in what is decoded from the same z. What its
    prior is told too is not asked for: the codes carry that."""
    patient, codes = evidence.patient, evidence.seen.train
    asked = patient.heard.less(patient.carried)
    told = asked.of(codes.given)
    if not patient.told or all(part is None for part in told) or not codes.finite:
        return None
    explained = _explained(codes, told)
    if explained < MATTERS:
        return None
    numbers = {"variance_explained_by_condition": explained}
    if not patient.decoder_told:
        return _finding(asked, _unheard(asked), numbers)
    moved = _moved(evidence, asked) / explained
    if moved >= IGNORED or dead_output(evidence) is not None:
        return None  # a dead decoder ignores everything
    numbers["moved_by_condition_over_explained"] = moved
    what = f"Changing {asked.words()} changes next to nothing in what is decoded"
    return _finding(asked, what, numbers)


def _explained(codes: Codes, told: Given) -> float:
    """The share of tr S between the means of whole-number labels; of others, and of covariates,
    what a line in them explains."""
    total = max(total_variance(codes.x), 1e-30)
    flat = codes.x.flatten(1).double().cpu()
    centred, columns = flat - flat.mean(0), design(told).cpu()
    solution = torch.linalg.lstsq(columns, centred, driver="gelsd").solution
    explained = (columns @ solution).square().sum(1).mean()
    by_chance = int(columns.shape[1]) / len(columns)
    share: float = float(explained) / total - by_chance
    return share


def _moved(evidence: Evidence, asked: Heard) -> float:
    """Half the mean squared difference of what is decoded from one prior draw under two conditions,
    which differ by what is asked of two random samples, as a share of tr S."""
    codes, patient = evidence.seen.train, evidence.patient
    z = evidence.seen.prior_draws.to(codes.mean)
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(9))
    other = asked.exchanged(codes.given, order)
    with torch.no_grad():
        one, two = (patient.decode(z, given).mean for given in (codes.given, other))
    moved = 0.5 * (one - two).double().square().flatten(1).sum(1).mean()
    return float(moved) / max(total_variance(codes.x), 1e-30)


def _unheard(asked: Heard) -> str:
    words, several = asked.words(), asked.several
    entering = f"{words[0].upper()}{words[1:]} {'enter' if several else 'enters'}"
    return f"{entering} the encoder only; decode(z) is not told {_it(asked)}"


def _finding(asked: Heard, what: str, numbers: dict[str, float]) -> Finding:
    share, it = numbers["variance_explained_by_condition"], _it(asked)
    explain = "they explain" if asked.several else "it explains"
    return Finding(
        "condition_ignored",
        f"{what}, though {explain} {share:.0%} of the variance of the data: samples cannot be "
        f"asked for {it}.",
        numbers,
        (f"give {asked.words()} to the decoder too, beside z, and train again",),
    )


def _it(asked: Heard) -> str:
    return "them" if asked.several else "it"
