"""U-net connections: how much goes around the bottleneck, and that the prior can be sampled.

Shape letters: N views, K latents in all, k of them of the bottleneck.
"""

from math import prod

import numpy as np

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture
from vaestro.studies.logs.log_003.measures import greys
from vaestro.studies.logs.log_003.table import on_pictures
from vaestro.studies.logs.log_003.views import GREYS, one_of_each

UNET, CONVOLUTIONS = "U-net, skips as latents", "convolutions, 100, one variance"
SHOWN = 10


def skips(bench: Bench) -> Chapter:
    """The chapter."""
    runs = on_pictures(bench)
    run, plain = runs[UNET], runs[CONVOLUTIONS]
    z = run.encode("validation").mean.numpy()
    views, copies = run.reconstruct("validation")
    first = prod(run.vae.head.latents[0])
    without_skips, without_first = z.copy(), z.copy()
    without_skips[:, first:] = _others(z[:, first:])
    without_first[:, :first] = _others(z[:, :first])
    decoded = {
        "bottleneck kept, skips of other views": run.decode(without_skips),
        "skips kept, bottleneck of other views": run.decode(without_first),
    }
    return Chapter(
        name="skips",
        title="U-net connections",
        text=(
            "A plain U-net hands the encoder's volumes to the decoder: without a picture the "
            "decoder lacks half its input, and there is nothing to sample. Here each skip is a "
            "part of the posterior with a prior of its own, and its nats are counted.",
        ),
        claims=(
            _around(run, _error(views, copies), {n: _error(views, x) for n, x in decoded.items()}),
            _sampled(run, plain),
        ),
        pictures=(_picture(bench, run, views, copies, decoded),),
    )


def _others(z: np.ndarray) -> np.ndarray:
    """(N, k): each view is given the latents of another."""
    return np.roll(z, len(z) // 2, axis=0)


def _error(views: np.ndarray, copies: np.ndarray) -> float:
    mean = np.square(views - copies).mean(dtype=np.float64)
    return greys(float(mean))


def _around(run: Run, error: float, swapped: dict[str, float]) -> Claim:
    told = run.summary["validation"]
    share = told["skip_term"] / told["prior_term"]
    parts = "; ".join(f"{name}: {value:.1f}" for name, value in swapped.items())
    kept, lost = swapped.values()
    return Claim(
        said="'append the convolutional volumes from the contraction phase to the relevant volumes "
        "from the expansion phase'",
        measured=f"{share:.0%} of {told['prior_term']:.3g} nats go around the bottleneck. The "
        f"error is {error:.1f} greys; {parts}",
        cause="What a skip carries the bottleneck need not: the shorter way is learnt first. That "
        "is why its nats are counted and shown.",
        holds=0 < share < 1 and error < min(kept, lost),
    )


def _sampled(run: Run, plain: Run) -> Claim:
    drawn = run.sample(200)
    spread = GREYS * float(drawn.std(0).mean())
    ours, theirs = (one.summary["validation"]["loss"] for one in (run, plain))
    return Claim(
        said="Ours: a U-net whose prior can be sampled.",
        measured=f"200 samples differ among themselves by {spread:.1f} greys; its loss is "
        f"{ours:,.0f} nats held out, that of the convolutions without skips {theirs:,.0f}",
        cause="The skips are drawn from their prior, as in a hierarchical VAE; no input is needed.",
        holds=bool(np.isfinite(drawn).all()) and spread > 1,
    )


def _picture(
    bench: Bench, run: Run, views: np.ndarray, copies: np.ndarray, decoded: dict[str, np.ndarray]
) -> Picture:
    from vaestro.studies.logs.log_003.atlas import atlas

    chosen = one_of_each(len(views), SHOWN)
    rows = {"views of unseen toys": [views[chosen]], "reconstructed": [copies[chosen]]}
    rows |= {name: [pictures[chosen]] for name, pictures in decoded.items()}
    rows["samples of the prior"] = [run.sample(SHOWN)]
    caption = "A U-net's reconstructions, with half of its latents taken from another view."
    return bench.picture("skips", atlas(rows, ("",)), caption)
