"""The conditioning effect: do samples carry what was asked for, and does z repeat it?

Judges that have learned labels and covariates from real training samples in natural units look at
samples that the model was asked for, and at z.

Shape letters: N real samples, Q values asked for.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from vaestro.evaluation.agreement import mean_square, monotone, r_squared, share
from vaestro.evaluation.judge import evenly
from vaestro.evaluation.judge_data import Judged, Seen, judged
from vaestro.foundation.randomness import Stream
from vaestro.foundation.samples import Batch, Given
from vaestro.generation.sampling import sample
from vaestro.models.vae import VAE
from vaestro.probability.priors.regression import Regression

OF_A_LABEL, OF_LABELS = 100, 1000
"""Samples drawn for one label, and for all of them together."""
VALUES, OF_A_VALUE = 20, 32
"""Values of a covariate that are asked for, and samples drawn for each."""


@torch.inference_mode()
def conditioning(
    vae: VAE, learn: Iterable[Batch], held: Iterable[Batch] | None, seed: int
) -> dict[str, Any] | None:
    """{"of": names, "labels": {...} or None, "covariates": {name: {...}}}; None for a model that is
    told nothing and predicts nothing. `of` is "labels", if they are told, and the covariates.

    `learn` are training samples; `held` those of another split, or None to hold out a fifth of
    `learn`. Samples are means of p(x|z) with z from the prior. Labels, equally often:

    sample_accuracy   share of samples that the judge gives the label asked for
    sample_chance     the same of samples that know nothing of it: 1 / labels
    judge_accuracy    share of held-out real samples that it gives their own label: the ceiling
    latent_leak       the same of a judge that sees z alone (posterior means)
    chance            share of the commonest label among held-out samples, to compare both with

    A covariate, asked for at 20 evenly spaced quantiles, with its other conditions those of
    training samples near the quantile:

    covariate_r2      R^2 of what the judge measures in samples, as a prediction of what was asked
    monotone          Spearman's rank correlation of the values and their mean measurements
    judge_r2          R^2 of the judge on held-out real samples: the ceiling
    latent_leak_r2    the same of a judge that sees z alone
    predictor_r2, predictor_mse   of the model's own predictor, if it reads this covariate

    R^2 = 1 - sum (true - said)^2 / sum (true - mean)^2, at most 1, and None where nothing varies.
    The first two are None of a covariate that is read but told to nothing.
    """
    if vae.memory is None and vae.predictor is None:
        return None
    judges = judged(vae, learn, held)
    by_label = vae.condition is not None and vae.condition.by_label
    return {
        "of": [*(["labels"] if by_label else []), *vae.told],
        "labels": _labels(vae, judges, seed) if by_label else None,
        "covariates": {name: _covariate(vae, judges, name, seed) for name in vae.told},
    }


def _labels(vae: VAE, judges: Judged, seed: int) -> dict[str, float | int | None]:
    labels, truth = judges.learn.given.label, judges.held.given.label
    assert labels is not None and truth is not None, "a model told labels is given them"
    known = labels.unique()
    one_hot = labels[:, None] == known
    of_x, of_z = judges.of_x.judge(one_hot), judges.of_z.judge(one_hot)
    each = max(1, min(OF_A_LABEL, OF_LABELS // len(known)))
    rows = torch.cat([_some(torch.nonzero(labels == label)[:, 0], each) for label in known])
    drawn = _drawn(vae, judges.learn.given.part(rows), seed)
    return {
        "sample_accuracy": share(known[of_x(drawn).argmax(1)] == labels[rows]),
        "sample_chance": 1 / len(known),
        "judge_accuracy": share(known[of_x(judges.held.x).argmax(1)] == truth),
        "latent_leak": share(known[of_z(judges.held.z).argmax(1)] == truth),
        "chance": int(truth.unique(return_counts=True)[1].max()) / len(truth),
        "samples": len(rows),
    }


def _covariate(vae: VAE, judges: Judged, name: str, seed: int) -> dict[str, float | int | None]:
    column = vae.told.index(name)
    values, truth = _column(judges.learn, column), _column(judges.held, column)
    of_x, of_z = (view.judge(values[:, None]) for view in (judges.of_x, judges.of_z))
    predicts = vae.predictor is not None and vae.predictor.covariate == name
    said = judges.held.predicted if predicts else None
    figures: dict[str, float | int | None] = {"covariate_r2": None, "monotone": None, "samples": 0}
    if name in told_to_samples(vae):
        asked, given = _quantiles(judges.learn.given, column)
        measured = of_x(_drawn(vae, given, seed))[:, 0]
        groups = measured.unflatten(0, (-1, OF_A_VALUE)).mean(1)
        figures = {
            "covariate_r2": r_squared(asked, measured),
            "monotone": monotone(asked[::OF_A_VALUE], groups),
            "samples": len(asked),
        }
    return {
        **figures,
        "judge_r2": r_squared(truth, of_x(judges.held.x)[:, 0]),
        "latent_leak_r2": r_squared(truth, of_z(judges.held.z)[:, 0]),
        "predictor_r2": None if said is None else r_squared(truth, said),
        "predictor_mse": None if said is None else mean_square(truth - said),
    }


def told_to_samples(vae: VAE) -> tuple[str, ...]:
    """The covariates that a new sample can depend on: the condition's and the prior's."""
    standard = None if vae.condition is None else vae.condition.standard
    names = vae.told[: len(standard.mean)] if standard is not None else ()
    return (*names, vae.prior.covariate) if isinstance(vae.prior, Regression) else names


def _quantiles(given: Given, column: int) -> tuple[Tensor, Given]:
    """VALUES evenly spaced quantiles of a covariate, each OF_A_VALUE times over: (Q,) and the
    conditions in which training samples near each of them have its exact value."""
    assert given.covariates is not None
    ranked = given.covariates[:, column].argsort(stable=True)
    middle = (torch.arange(VALUES) + 0.5) / VALUES
    asked = torch.quantile(given.covariates[:, column].double(), middle.double())
    groups = (part if len(part) else ranked for part in ranked.tensor_split(VALUES))
    rows = torch.cat([_some(part, OF_A_VALUE) for part in groups])
    asked = asked.repeat_interleave(OF_A_VALUE)
    told = given.part(rows)
    assert told.covariates is not None
    columns = told.covariates.clone()
    columns[:, column] = asked.to(columns.dtype)
    return asked, told._replace(covariates=columns)


def _some(rows: Tensor, count: int) -> Tensor:
    """`count` of the rows (N,), evenly spread, with repetition where there are fewer."""
    spread = evenly(len(rows), count)
    return rows[spread[torch.arange(count) % len(spread)]]


def _drawn(vae: VAE, given: Given, seed: int) -> Tensor:
    count = len(next(column for column in given if column is not None))
    return sample(vae, count, seed, stream=Stream.EVALUATION, given=given)


def _column(seen: Seen, column: int) -> Tensor:
    assert seen.given.covariates is not None, "covariates stand beside every sample of a split"
    return seen.given.covariates[:, column].double()
