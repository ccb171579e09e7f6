"""The table of a dozen architectures: errors on the three parts, reconstructions and samples."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_003.architectures import (
    AS_THE_LOG_FITTED,
    COMPONENTS,
    PIXELS,
    Architecture,
)
from vaestro.studies.logs.log_003.measures import Errors, errors
from vaestro.studies.logs.log_003.views import (
    components,
    edge,
    on_components,
    on_pixels,
    one_of_each,
)

SAMPLES = 14
SPLITS = ("train", "validation", "test")
HEADS = ("training views", "validation toys", "test toys")


class Entry(NamedTuple):
    """A trained architecture."""

    architecture: Architecture
    run: Run
    errors: Errors


def trained(bench: Bench) -> dict[str, Entry]:
    """Every architecture, trained, by its name."""
    log = AS_THE_LOG_FITTED
    found = _members(bench, "components", on_components(bench), COMPONENTS)
    found |= on_pictures(bench)
    found[log.name] = bench.train("log-variance", on_pixels(bench), log.edits(bench), log.faults)
    every = (*COMPONENTS, PIXELS[0], log, *PIXELS[1:])
    return {one.name: Entry(one, found[one.name], errors(found[one.name])) for one in every}


def on_pictures(bench: Bench) -> dict[str, Run]:
    """The networks that see pictures, trained, by their names."""
    return _members(bench, "pixels", on_pixels(bench), PIXELS)


def _members(
    bench: Bench, name: str, recipe: Recipe, architectures: Sequence[Architecture]
) -> dict[str, Run]:
    bench.population(name, recipe, [one.edits(bench) for one in architectures], width=1)
    return {one.name: bench.member(name, number) for number, one in enumerate(architectures)}


def table(bench: Bench) -> Chapter:
    """The chapter."""
    entries, side = trained(bench), edge(bench)
    return Chapter(
        name="table",
        title="A dozen architectures",
        text=(
            "Each network of the log, trained once by the log's optimiser: those of components "
            "for as many steps as each other, and so are those of pictures. The last convolutions "
            "alone are trained by Adam: RMSprop brought their KL to thousands of nats. Validation "
            "and test views are of toys that no network was trained on. The errors are of one "
            f"pixel, in greys of 255, of pictures of {side} x {side} where a network sees pictures "
            f"and of {components(bench)} components where not; nats are per picture, and those of "
            "cross-entropy are of another kind than densities.",
        ),
        claims=_claims({name: entry.errors for name, entry in entries.items()}),
        tables=(_table(entries),),
        pictures=_pictures(bench, entries),
    )


def _claims(found: dict[str, Errors]) -> tuple[Claim, ...]:
    large, small = found["PCA, 5 x 1024, 512 latents"], found["PCA, 1 x 2048, 128 latents"]
    first = found["PCA, 4 x 512, 128 latents"]
    deepest, tiny = found["PCA, 10 x 1024, 512 latents"], found["PCA, 1 x 2048, 10 latents"]
    bad, right = found[AS_THE_LOG_FITTED.name], found["convolutions, 100, one variance"]
    return (
        Claim(
            said="PCA VAE: 'Train images look better than before, but test are pretty bad'",
            measured=f"one layer, 128 latents: {small.train:.1f} greys on training views, "
            f"{small.test:.1f} on a toy that was never seen; the log's four layers of 512: "
            f"{first.train:.1f} and {first.test:.1f}",
            cause="Seven toys of each kind are few. No network was shown what makes an eighth, "
            "whatever its size.",
            holds=small.train < small.validation and small.train < small.test,
        ),
        Claim(
            said="one layer of 2048: 'Results not too different to PCA VAE'",
            measured=f"held out, {small.validation:.1f} greys with one layer of 2048 and "
            f"{first.validation:.1f} with four of 512",
            cause="One layer learns the leading directions in the first epochs; four are still at "
            "it, and the log took far more steps.",
            holds=small.validation < first.validation < 1.5 * small.validation,
        ),
        Claim(
            said="five layers of 1024: 'If anything results are worse'",
            measured=f"held out, {small.validation:.1f} greys with one layer, "
            f"{large.validation:.1f} with five and {deepest.validation:.1f} with ten",
            cause="The loss pays for a few dozen directions whatever the network is; depth only "
            "makes them slower to find.",
            holds=small.validation < large.validation < deepest.validation,
        ),
        Claim(
            said="ten latents: 'Results perhaps slightly worse than for 128 latent dimensions'",
            measured=f"held out, {tiny.validation:.1f} greys with 10 latents and "
            f"{small.validation:.1f} with 128: {_compared(tiny.validation, small.validation)}",
            cause="The leading directions are what is worth its price, and ten latents hold most "
            "of them; further ones change little either way.",
            holds=0.8 < tiny.validation / small.validation < 1.25,
        ),
        Claim(
            said="convolutions with a fitted variance: 'Results are pretty bad all round'",
            measured=f"the log's {bad.validation:.1f} greys held out, with one variance for all "
            f"{right.validation:.1f}",
            cause="Its variance was a random function that nothing trained, and its likelihood was "
            "summed over one axis of the picture and averaged over the other: a beta as large as "
            "the picture is high.",
            holds=right.validation < bad.validation,
        ),
    )


def _compared(few: float, many: float) -> str:
    return "so it is" if few > many else "a little better, not worse"


def _table(entries: dict[str, Entry]) -> Table:
    head = ("network", "the log", "train", "validation", "test", "live", "KL", "data term")
    return Table(
        "Errors in greys; KL and data term in nats, held out",
        head,
        tuple(_row(entry) for entry in entries.values()),
    )


def _row(entry: Entry) -> tuple[str, ...]:
    told = entry.run.summary["validation"]
    kind = " (discrete)" if entry.run.recipe.model.likelihood.kind == "bernoulli" else ""
    return (
        entry.architecture.name,
        entry.architecture.words,
        *(f"{error:.1f}" for error in entry.errors),
        _number(told["live_dimensions"], ",.0f"),
        _number(told["prior_term"], ".3g"),
        _number(told["data_term"], ",.0f") + kind,
    )


def _number(value: float | None, form: str) -> str:
    return "not finite" if value is None else format(value, form)


def _pictures(bench: Bench, entries: dict[str, Entry]) -> tuple[Picture, ...]:
    from vaestro.studies.logs.log_003.atlas import atlas

    drawn = {name: [entry.run.sample(SAMPLES)] for name, entry in entries.items()}
    sheets = [
        bench.picture(f"reconstructions-{kind}", atlas(_rows(entries, pixels), HEADS), words)
        for kind, pixels, words in (
            ("components", False, "What each network of components makes of views."),
            ("pictures", True, "What each network of pictures makes of views."),
        )
    ]
    samples = bench.picture(
        "samples", atlas(drawn, ("samples",)), "What each network draws from its prior."
    )
    return (*sheets, samples)


def _rows(entries: dict[str, Entry], pixels: bool) -> dict[str, list[np.ndarray]]:
    """Views of toys it was trained on and of those it has never seen, and what each network of
    pictures, or of components, makes of them."""
    shown = {n: entry.run for n, entry in entries.items() if entry.architecture.pixels == pixels}
    first = next(iter(shown.values()))
    rows = {"the views": [_spread(first, split)[0] for split in SPLITS]}
    for name, run in shown.items():
        rows[name] = [_spread(run, split)[1] for split in SPLITS]
    return rows


def _spread(run: Run, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Views from everywhere in a split, and their reconstructions."""
    originals, copies = run.reconstruct(split)
    chosen = one_of_each(len(originals))
    return originals[chosen], copies[chosen]
