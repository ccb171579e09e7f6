"""Runs of the regression VAE, and the streamlines that they draw for chosen lengths.

Letters: N streamlines.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch

from vaestro.data.source import load_data
from vaestro.experiments.run import Run
from vaestro.generation.geometry import geometry
from vaestro.metrics.association import spearman
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.streamlines import FEW, MANY, away, epochs, lines, network

ALONE = ("model.condition=none",)
FORMS: Mapping[str, tuple[str, ...]] = {
    "a line": (*ALONE, "model.prior={kind: regression, covariate: length, form: line}"),
    "a curve": (
        *ALONE,
        "model.prior={kind: regression, covariate: length, form: {kind: curve, width: 64}}",
    ),
    "a curve for each bundle": (),
}
"""The prior's means as length grows; the last is the built-in recipe, told the bundle too."""
LINE, CURVE, BUNDLE = FORMS
QUANTILES = (0.1, 0.3, 0.5, 0.7, 0.9)
"""Lengths that are asked for, of those that a bundle (or all streamlines) has."""
POINTS = 64
"""Those of a streamline in the full form, as in the built-in recipe: this network needs steps more
than it needs points."""
EACH = 40
"""Streamlines drawn for each length."""


class Asked(NamedTuple):
    """Lengths that were asked for and those that came, (N,) mm each, and the streamlines: of each
    of `kinds` in turn, EACH for each of QUANTILES."""

    kinds: tuple[str, ...]
    wanted: np.ndarray
    made: np.ndarray
    drawn: np.ndarray


class Found(NamedTuple):
    """Of a form: R squared of the length that is read from a held-out streamline, the rank
    correlation and the mean difference in mm of lengths asked for and made, how far in mm draws lie
    from the nearest training streamline."""

    run: Run
    read: float
    rank: float
    off: float
    apart: float
    asked: Asked


def _lines(bench: Bench) -> tuple[str, ...]:
    return lines(bench, bench.pick(FEW, MANY), most=POINTS)


def labelled(bench: Bench) -> bool:
    """Whether the streamlines have bundles to tell."""
    recipe = bench.recipe("streamlines", _lines(bench))
    return load_data(recipe.data).labels is not None


def trained(bench: Bench, form: str) -> Run:
    length = epochs(bench.pick(60, 120))
    edits = (*_lines(bench), *network(bench), length, *FORMS[form])
    return bench.train("-".join(form.split()), "streamline-regression", edits)


def found_of(run: Run) -> Found:
    asked = _asked(run)
    wanted, made = (torch.from_numpy(x)[:, None] for x in (asked.wanted, asked.made))
    return Found(
        run,
        _read(run),
        float(spearman(wanted, made)[0, 0]),
        float(np.abs(asked.wanted - asked.made).mean()),
        float(away(run, torch.from_numpy(asked.drawn)).mean()),
        asked,
    )


@torch.no_grad()
def _read(run: Run) -> float:
    """1 - the mean squared error of the length that is read, over its variance."""
    read = [run.vae.predict(batch.x, batch.given)[0] for batch in run.batches("validation")()]
    true = run.covariates("validation")["length"]
    left = torch.cat(read).double().numpy() - true
    return float(1 - (left**2).mean() / true.var())


def _asked(run: Run) -> Asked:
    """Draws for lengths that the training data have, of each bundle where it can be told."""
    wanted: list[np.ndarray] = []
    parts: list[np.ndarray] = []
    kinds = _kinds(run)
    for label, lengths in kinds:
        for length in np.quantile(lengths, QUANTILES):
            told = {"length": float(length)}
            parts.append(run.sample(EACH, seed=len(parts), label=label, covariates=told))
            wanted.append(np.full(EACH, length))
    drawn = np.concatenate(parts)
    made = geometry(drawn, run.spec)["length"]
    return Asked(tuple(_name(run, one) for one, _ in kinds), np.concatenate(wanted), made, drawn)


def _name(run: Run, label: int | None) -> str:
    if label is None:
        return "made"
    names = run.spec.label_names
    return names[label].replace("_", " ") if names else str(label)


def _kinds(run: Run) -> list[tuple[int | None, np.ndarray]]:
    """The lengths in mm of each bundle that the model is told, or of all streamlines."""
    lengths = run.covariates("train")["length"]
    if run.vae.condition is None:
        return [(None, lengths)]
    labels = np.concatenate([batch.given.label for batch in run.batches("train")()])
    return [(int(label), lengths[labels == label]) for label in np.unique(labels)]
