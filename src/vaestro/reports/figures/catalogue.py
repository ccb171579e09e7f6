"""Which figures a run can show, each with its words and a way to draw it at a given width."""

from collections.abc import Iterator
from functools import partial

from vaestro.data.tiles.look import Look
from vaestro.metrics.live import LIVE_NATS
from vaestro.reports.facts import RunFacts
from vaestro.reports.figures import (
    components,
    curves,
    kl,
    latent,
    neighbours,
    pairs,
    priors,
    samples,
    spectrum,
    traversal,
)
from vaestro.reports.figures.drawing import Drawing
from vaestro.reports.figures.mosaic import run_look, samples_in
from vaestro.reports.numerals import counted, number

SPECTRUM = "spectrum"
"""The figure that belongs to the forecast."""


def drawings(facts: RunFacts) -> Iterator[Drawing]:
    """The figures of the run in the order of the page; what its folder lacks is left out."""
    foreseen = spectrum.spectrum(facts)
    if foreseen is not None:
        yield _spectrum(foreseen)
    if curves.has_curves(facts):
        yield _curves(facts)
    yield from _tiles(facts)
    kept = components.components(facts)
    if kept is not None:
        yield _components(kept)
    found = latent.latent_map(facts)
    if found is not None:
        yield _latent(facts, found)
    carried = kl.sorted_kl(facts)
    if carried is not None:
        yield _kl(carried)
    yield from _walks(facts)


def _spectrum(found: spectrum.Spectrum) -> Drawing:
    return Drawing(
        SPECTRUM,
        "Which directions of the data can live",
        spectrum.alternative(found),
        spectrum.words(found),
        partial(spectrum.draw_spectrum, found),
    )


def _curves(facts: RunFacts) -> Drawing:
    last = facts.figures("validation")
    dashed = ""
    if facts.baseline is not None:
        dashed = " The dashed line is the best constant output, which a model must beat."
    return Drawing(
        "curves",
        "How training went",
        f"Line charts over {counted(facts.steps, 'step')}: the held-out data term ends at "
        f"{number(last.get('data_term'))} and the prior term at {number(last.get('prior_term'))} "
        "nats per sample.",
        "Grey is training, measured while the weights move; blue is held-out data, never trained "
        f"on. Unevenly spaced ticks mean a logarithmic scale.{dashed}"
        f"{' A red line marks an event in the run.' if facts.events else ''}",
        partial(curves.draw_curves, facts),
    )


def _tiles(facts: RunFacts) -> Iterator[Drawing]:
    look = run_look(facts)
    if look is None:
        return
    found = pairs.pairs(facts, look)
    note = NOTES.get(look.kind, "")
    if found:
        kinds = " and ".join(each.title.lower() for each in found)
        yield Drawing(
            "pairs",
            "Reconstructions",
            f"{kinds[0].upper()}{kinds[1:]}: rows of originals, each over the row of its "
            "reconstructions.",
            "x is the original and x̂ below it what the decoder makes of the mean of its code. "
            f"Held-out pairs worse than training pairs mean overfitting.{note}",
            partial(pairs.draw_pairs, found, look),
        )
    drawn = samples_in(facts, "samples")
    if drawn is not None:
        yield Drawing(
            "samples",
            "New samples",
            f"{min(len(drawn), samples.MOST[look.kind])} samples decoded from the prior.",
            "Latents drawn from the prior and decoded; no data went in. If these are worse than "
            "the reconstructions, the codes of real data do not fill the prior."
            f"{note}",
            partial(samples.draw_samples, drawn, look),
        )
    rows = priors.rows(facts, look)
    if rows:
        yield _priors(rows, look)
    near = neighbours.neighbours(facts, look)
    if near:
        yield Drawing(
            "neighbours",
            "Samples and the training samples nearest to them",
            "Rows of samples, each over the row of its nearest training samples.",
            "s is a sample of the evaluation and t below it the training sample that lies nearest "
            "to it; the nearest pairs of all are shown. Pairs that are the same mean that training "
            f"samples are repeated.{note}",
            partial(pairs.draw_pairs, near, look),
        )


def _priors(rows: list[priors.Row], look: Look) -> Drawing:
    fitted = ", ".join(row.name for row in rows if row.name != priors.OWN)
    return Drawing(
        "priors",
        "Priors beside each other",
        f"Rows of samples: of the model's own prior, and of those fitted after it: {fitted}.",
        "Only the source of the latents differs from row to row; the decoder is the same. A fitted "
        "prior has learnt where the codes of training data lie. The log density that it gives "
        f"held-out latents is greater where it fits better.{NOTES.get(look.kind, '')}",
        partial(priors.draw_rows, rows, look),
    )


def _components(kept: components.Components) -> Drawing:
    return Drawing(
        "components",
        "Principal components",
        f"A rising line: the share of the variance that 1 to {kept.kept} components keep.",
        components.words(kept),
        partial(components.draw_components, kept),
    )


NOTES = {
    "volume": " Volumes are shown as their middle across each axis, channels in colours.",
    "curves": " Streamlines are coloured by direction: red along x, green along y, blue along z.",
}


def _latent(facts: RunFacts, found: latent.LatentMap) -> Drawing:
    coloured = " Colours and names are the data's labels." * bool(found.names)
    coloured += f" Colours are the data's {found.shaded_by}." * bool(found.shaded_by)
    rings = facts.stochastic and not found.axes[1].startswith("share")
    ringed = " Dashed rings lie one and two standard deviations from the prior's centre." * rings
    return Drawing(
        "latent",
        "Latent space",
        f"Scatter of {counted(len(found.points), 'held-out sample')} by posterior mean, "
        f"{found.axes[0]} against {found.axes[1]}.",
        f"Each dot is the posterior mean of one held-out sample.{coloured}{ringed}",
        partial(latent.draw_latent, found, rings),
    )


def _kl(carried: kl.SortedKl) -> Drawing:
    return Drawing(
        "kl",
        "What each dimension carries",
        f"Bar chart: {carried.live} of {len(carried.nats)} latent dimensions are above "
        f"{LIVE_NATS} nats; the largest carries {number(float(carried.nats[0]))} nats.",
        "Means over held-out data. Blue dimensions are live: they tell something about the sample. "
        "Grey ones are left at the prior and cost nothing. The scale is linear up to the dashed "
        "line and logarithmic above.",
        partial(kl.draw_kl, carried),
    )


def _walks(facts: RunFacts) -> Iterator[Drawing]:
    look = run_look(facts)
    found = traversal.walks(facts, look) if look is not None else None
    if look is None or found is None:
        return
    yield Drawing(
        "traversal",
        "What each dimension does",
        f"A grid of decoded samples: {counted(len(found.rows), 'row')} for latent dimensions, "
        f"{counted(len(found.values), 'column')} for values from {number(found.values[0])} to "
        f"{number(found.values[-1])}.",
        "Each row moves one latent dimension through the values on top while the others stay at 0. "
        "A row that does not change belongs to a dimension that the decoder ignores.",
        partial(traversal.draw_walks, found, look),
    )
