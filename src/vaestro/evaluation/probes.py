"""What lines read from z: labels and covariates, learned from training samples.

Shape letters: N training samples, M held-out ones, K latents.
"""

from typing import Any

from torch import Tensor

from vaestro.evaluation.judge import evenly
from vaestro.evaluation.judge_data import Seen
from vaestro.evaluation.references import References
from vaestro.metrics.probe import Probe, label_probe, value_probe

MOST_ROWS = 4000
MOST_LATENTS = 1024


def probes(learn: Seen, held: Seen, references: References) -> dict[str, Any]:
    """{"labels": {"accuracy", "standard_error", "chance"} or None, "covariates": {name: {"r2",
    "standard_error"} or None}, "reason"}: `reason` says why nothing could be probed, else null.

    Posterior means are seen, whether or not the model was told the labels; logistic regression for
    labels, ridge regression for covariates.
    """
    if held.z.shape[1] > MOST_LATENTS:
        beyond = f"{held.z.shape[1]} latent dimensions, and at most {MOST_LATENTS} are probed"
        return {"labels": None, "covariates": {}, "reason": beyond}
    known, tried = (seen.at(evenly(len(seen.x), MOST_ROWS)) for seen in (learn, held))
    by_name = {}
    for name, values in references.covariates.items():
        columns = (values[known.number], values[tried.number])
        by_name[name] = _plain(value_probe(known.z, columns[0], tried.z, columns[1]), "r2")
    labels = _of_labels(known, tried, known.given.label, tried.given.label)
    nothing = labels is None and not by_name
    reason = "the samples have neither labels nor covariates" if nothing else None
    return {"labels": labels, "covariates": by_name, "reason": reason}


def _of_labels(
    known: Seen, tried: Seen, labels: Tensor | None, truth: Tensor | None
) -> dict[str, Any] | None:
    if labels is None or truth is None:
        return None
    return _plain(label_probe(known.z, labels, tried.z, truth), "accuracy")


def _plain(found: Probe | None, name: str) -> dict[str, Any] | None:
    if found is None:
        return None
    chance = {"chance": found.chance} if name == "accuracy" else {}
    return {name: found.score, "standard_error": found.standard_error, **chance}
