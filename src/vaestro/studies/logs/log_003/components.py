"""Principal components: how many are enough, and whether a tanh or a cross-entropy suits them.

Shape letters: N views, n components.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.data.source import load_data
from vaestro.data.split import split
from vaestro.experiments.material import Material, prepare
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_003.measures import greys
from vaestro.studies.logs.log_003.views import SIZE_FOR_PCA, one_of_each, source
from vaestro.training import plan as planning

COUNTS = (100, 500, 1000, 2000)
WORTH = 0.5
"""A plain sum of squared errors is a Gaussian of this variance: a component of less is noise."""


class Kept(NamedTuple):
    """What n components keep: a share of the training variance; errors in greys, by part."""

    number: int
    share: float
    errors: tuple[float, float, float]


def components(bench: Bench) -> Chapter:
    """The chapter."""
    material = views_in_components(bench)
    counts = [count for count in COUNTS if count <= material.spec.elements]
    kept = [_kept(material, count) for count in counts]
    return Chapter(
        name="components",
        title="Principal components",
        text=(
            f"{len(material.samples['train']):,} training views of {_size(material)} pixels, PCA "
            "fitted on them alone. Validation and test views are of other toys.",
        ),
        claims=(_enough(material, kept), _tanh(material), _cross_entropy(material)),
        tables=(_table(kept),),
        pictures=(_picture(bench, material, counts),),
    )


def views_in_components(bench: Bench) -> Material:
    """The views and as many principal components as the log tried, or as there can be."""
    recipe = bench.recipe("norb-pca-small", (source(bench, SIZE_FOR_PCA),))
    data = load_data(recipe.data)
    train = len(split(data, recipe.split).train)
    most = min(max(COUNTS), data.spec.elements, train - 1)
    recipe = bench.recipe(recipe, (f"transform.components={most}",))
    return prepare(recipe, planning.choose(recipe.training))


def _size(material: Material) -> str:
    return " x ".join(map(str, material.data.spec.shape[1:]))


def _of(material: Material, name: str) -> tuple[Tensor, Tensor]:
    """Components (N, n) and views (N, *) of a split."""
    batches = list(material.batches(name)())
    return torch.cat([b.x for b in batches]), torch.cat([b.truth for b in batches])


def _rebuilt(material: Material, z: Tensor, count: int) -> Tensor:
    """Views from the first `count` of their components."""
    first = torch.zeros_like(z)
    first[:, :count] = z[:, :count]
    return material.transform.invert(first)


def _error(material: Material, name: str, count: int) -> float:
    z, truth = _of(material, name)
    rest = _rebuilt(material, z, count) - truth
    return greys(float(rest.square().mean(dtype=torch.float64)))


def _kept(material: Material, count: int) -> Kept:
    names = ("train", "validation", "test")
    train, validation, test = (_error(material, name, count) for name in names)
    facts = material.transform.facts()
    share = sum(facts["eigenvalues"][:count]) / facts["total_variance"]
    return Kept(count, share, (train, validation, test))


def _table(kept: list[Kept]) -> Table:
    head = ("components", "training variance kept", "train", "validation", "test")
    rows = [(f"{k.number:,}", f"{k.share:.2%}", *(f"{e:.2f}" for e in k.errors)) for k in kept]
    return Table("Errors in greys of what components keep", head, tuple(rows))


def _enough(material: Material, kept: list[Kept]) -> Claim:
    logs = next((k for k in kept if k.number == 500), kept[-1])
    values = material.transform.facts()["eigenvalues"]
    worth = sum(value > WORTH for value in values)
    return Claim(
        said="'Is 500 components an alright number to start off assuming?'",
        measured=f"{logs.number} keep {logs.share:.1%} of the training variance; the error is "
        f"{logs.errors[0]:.1f} greys on training views and {logs.errors[1]:.1f} on toys that PCA "
        f"has not seen. {worth} of them have a variance above 1/2",
        cause="To look at, yes. A sum of squared errors pays for components above its variance of "
        "1/2 alone, so that a VAE is given noise with the others; and what is missing on unseen "
        "toys is missing because they are unseen.",
        holds=worth < logs.number and logs.errors[1] > 1.2 * logs.errors[0],
    )


def _tanh(material: Material) -> Claim:
    z, _ = _of(material, "train")
    z = z[:, :500]
    beyond = (z.abs() - 1).clamp(min=0)
    lost = float(beyond.square().sum() / z.square().sum())
    leaving = int((z.abs().amax(0) > 1).sum())
    return Claim(
        said="'if pca components are all -1 to 1 then maybe tanh makes sense?'",
        measured=f"{leaving} of {z.shape[1]} components leave that range, the first goes to "
        f"{float(z[:, 0].abs().max()):.1f}; a tanh could not give {lost:.0%} of the variance",
        cause="Components are rotated pixels: only their sum of squares is that of the picture, "
        "and the leading ones hold most of it.",
        holds=leaving > 0 and lost > 0.05,
    )


def _cross_entropy(material: Material) -> Claim:
    z, _ = _of(material, "train")
    outside = float(((z[:, :500] < 0) | (z[:, :500] > 1)).double().mean())
    sure, surer = (_bernoulli(z[:, :500], logit) for logit in (10.0, 100.0))
    return Claim(
        said="'Error: MSE, not sure that BXE makes sense for the PCA components'",
        measured=f"{outside:.0%} of all components lie outside 0 to 1; outputs that are sure of "
        f"the sign alone have a cross-entropy of {sure:,.0f} at a logit of 10 and of {surer:,.0f} "
        "at 100",
        cause="Cross-entropy is a likelihood of numbers from 0 to 1. Outside it has no least "
        "value: it falls for ever with outputs that are ever more sure, whatever they show.",
        holds=outside > 0 and surer < sure < 0,
    )


def _bernoulli(z: Tensor, size: float) -> float:
    """Nats per view of components (N, n) under logits of this size and their sign."""
    logits = size * torch.sign(z - 0.5)
    nats = torch.nn.functional.softplus(logits) - z * logits
    return float(nats.sum(1).mean(dtype=torch.float64))


def _picture(bench: Bench, material: Material, counts: list[int]) -> Picture:
    from vaestro.studies.logs.log_003.atlas import atlas

    rows: dict[str, list[object]] = {}
    parts = [_some(material, name) for name in ("train", "validation", "test")]
    rows["the views"] = [truth.numpy() for _, truth in parts]
    for count in counts:
        name = f"{count:,} components"
        rows[name] = [_rebuilt(material, z, count).numpy() for z, _ in parts]
    figure = atlas(rows, ("training views", "validation toys", "test toys"))  # type: ignore[arg-type]
    return bench.picture("components", figure, "Views, and what their components keep of them.")


def _some(material: Material, name: str) -> tuple[Tensor, Tensor]:
    z, truth = _of(material, name)
    chosen = torch.from_numpy(one_of_each(len(z)))
    return z[chosen], truth[chosen]
