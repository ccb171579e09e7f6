"""The decoder that was built twice: why random sampling led to nonsense.

Shape letters: S samples, N views, D pixels.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaestro.experiments.run import Run, load
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture
from vaestro.studies.logs.log_003.architectures import ADAM, ONE_FOR_ALL, on_layers
from vaestro.studies.logs.log_003.measures import Numbers, greys
from vaestro.studies.logs.log_003.views import GREYS, on_components, one_of_each

if TYPE_CHECKING:
    from vaestro.studies.logs.log_003.atlas import Pictures

TWICE = "recreated-decoder"
EPOCHS = (30, 40)
SAMPLES, SHOWN = 200, 10


class Decoder(NamedTuple):
    """What a decoder makes of the codes of the training views, its error there in greys, and what
    it makes of draws from the prior."""

    copies: "Pictures"
    error: float
    samples: "Pictures"


def rebuilt(bench: Bench) -> Chapter:
    """The chapter."""
    epochs = f"training.epochs={bench.pick(*EPOCHS)}"
    recipe = on_components(bench, *on_layers((2048,), 10, ONE_FOR_ALL)(bench), ADAM, epochs)
    run = bench.train("built-twice", recipe, (), (TWICE,))
    views, _ = run.reconstruct("train")
    theirs, ours = _decoder(run), _decoder(load(run.folder.root))
    return Chapter(
        name="rebuilt",
        title="A decoder that was built twice",
        text=(
            "One run, one layer of 2048, 10 latents. The log called the function that makes the "
            "layers twice: once for the autoencoder and once for the decoder that draws samples, "
            "whose hidden layers were new and untrained and whose last one was shared.",
        ),
        claims=(_nonsense(theirs, ours), _structure(ours, run, views)),
        pictures=(_picture(bench, theirs, ours, views),),
    )


def _decoder(run: Run) -> Decoder:
    views, copies = run.reconstruct("train")
    error = greys(float(np.square(views - copies).mean(dtype=np.float64)))
    return Decoder(copies, error, run.sample(SAMPLES))


def _nearest(samples: np.ndarray, views: np.ndarray) -> Numbers:
    """How far each sample is from the nearest view: (S,) greys."""
    a, b = (x.reshape(len(x), -1).astype(np.float64) for x in (samples, views))
    squares = (a**2).sum(1)[:, None] - 2 * a @ b.T + (b**2).sum(1)
    away: Numbers = GREYS * np.sqrt(np.maximum(squares.min(1), 0) / a.shape[1])
    return away


def _nonsense(theirs: Decoder, ours: Decoder) -> Claim:
    return Claim(
        said="'random sampling leads to nonsense because of a mistake I made in the code'",
        measured=f"the codes of the training views come back with an error of {theirs.error:.1f} "
        f"greys through the decoder that was built for sampling, and of {ours.error:.1f} through "
        "the one that was trained",
        cause="Same codes, same file; only the hidden layers are others. What is trained, what is "
        "saved and what draws have to be one object.",
        holds=theirs.error > 1.3 * ours.error,
    )


def _structure(ours: Decoder, run: Run, views: np.ndarray) -> Claim:
    held, _ = run.reconstruct("validation")
    real = float(_nearest(held, views).mean())
    near = float(_nearest(ours.samples, views).mean())
    variety = [float(x.std(0).mean()) for x in (ours.samples, views)]
    return Claim(
        said="'Random sampling in reality gives some structure but not a very nice structure'",
        measured=f"samples are {near:.1f} greys from the nearest training view, real views of "
        f"unseen toys {real:.1f}; samples differ among themselves by {variety[0] / variety[1]:.0%} "
        "of what views do",
        cause="A sample is the mean of what its code could be: near to the views, smoother, and "
        "less various than they are.",
        holds=near < 1.5 * real and variety[0] < variety[1],
    )


def _picture(bench: Bench, theirs: Decoder, ours: Decoder, views: np.ndarray) -> Picture:
    from vaestro.studies.logs.log_003.atlas import atlas

    chosen = one_of_each(len(views), SHOWN)
    rows = {
        "training views": [views[chosen]],
        "their codes, decoder built twice": [theirs.copies[chosen]],
        "their codes, the trained decoder": [ours.copies[chosen]],
        "samples, decoder built twice": [theirs.samples[:SHOWN]],
        "samples, the trained decoder": [ours.samples[:SHOWN]],
    }
    return bench.picture("rebuilt", atlas(rows, ("",)), "The same codes through both decoders.")
