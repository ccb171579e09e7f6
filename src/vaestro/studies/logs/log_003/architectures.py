"""The dozen architectures of log 003, and what we would take in their place."""

from collections.abc import Callable
from typing import NamedTuple

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.log_003.networks import convolutions, dense, stages
from vaestro.studies.logs.log_003.views import edge, widths

Edits = tuple[str, ...]

FITTED = "model.likelihood.variance=fitted"
ONE_FOR_ALL = "model.likelihood={kind: gaussian, variance: optimal}"
ADAM = "training.optimiser=adam"
MOST_FILTERS = (32, 512)
LOG_FAULTS = ("relu-variance", "unregistered-head")
"""How the log fitted a variance."""
LOG_IMAGE_FAULTS = (*LOG_FAULTS, "one-image-axis")


class Architecture(NamedTuple):
    """`words`: what the log says of it. `pixels`: whether it sees pictures or components."""

    name: str
    words: str
    edits: Callable[[Bench], Edits]
    pixels: bool = False
    faults: tuple[str, ...] = ()


def on_layers(full: tuple[int, ...], latent: int, *more: str) -> Callable[[Bench], Edits]:
    """Dense layers of the log's widths and so many latents."""
    return lambda bench: (f"model.latent={latent}", *dense(widths(bench, full)), *more)


def on_grid(latent: int, *more: str, narrow: bool = False) -> Callable[[Bench], Edits]:
    """The log's convolutions and so many latents."""

    def edits(bench: Bench) -> Edits:
        filters, grid = stages(edge(bench), bench.pick(*MOST_FILTERS))
        made = convolutions(filters, bench.pick(64, 256), grid, narrow=narrow)
        return (f"model.latent={latent}", *made, *more)

    return edits


def unet(bench: Bench) -> Edits:
    """Skips that are latents of their own."""
    channels = list(bench.pick((8, 16, 32), (16, 32, 64, 128)))
    skip = len(channels) - 1
    stages = f"normalisation: batch, skips: [{skip}], skip_channels: 1, dense: [64]"
    return (
        "model.latent=32",
        f"model.encoder={{kind: unet, channels: {channels}, {stages}}}",
        f"model.decoder={{kind: unet, channels: {channels[::-1]}, {stages}}}",
        ONE_FOR_ALL,
    )


COMPONENTS = (
    Architecture("PCA, 4 x 512, 128 latents", "test are pretty bad", on_layers((512,) * 4, 128)),
    Architecture("PCA, 5 x 1024, 512 latents", "if anything worse", on_layers((1024,) * 5, 512)),
    Architecture("PCA, 10 x 1024, 512 latents", "also tried", on_layers((1024,) * 10, 512)),
    Architecture("PCA, 1 x 2048, 128 latents", "not too different", on_layers((2048,), 128)),
    Architecture("PCA, 1 x 2048, 10 latents", "perhaps slightly worse", on_layers((2048,), 10)),
    Architecture("PCA, 4 x 512, 128, fitted", "not tried", on_layers((512,) * 4, 128, FITTED)),
    Architecture(
        "PCA, 5 x 1024, 128, fitted",
        "slightly worse all around",
        on_layers((1024,) * 5, 128, FITTED),
    ),
    Architecture("PCA, 1 x 2048, 10, fitted", "not great at all", on_layers((2048,), 10, FITTED)),
    Architecture("PCA, 1 x 2048, 64, fitted", "NaN problems", on_layers((2048,), 64, FITTED)),
    Architecture("PCA, 1 x 2048, 10, one variance", "ours", on_layers((2048,), 10, ONE_FOR_ALL)),
)

PIXELS = (
    Architecture(
        "convolutions, 10 latents, cross-entropy",
        "some all right, many not very good",
        on_grid(10, narrow=True),
        pixels=True,
    ),
    Architecture(
        "convolutions, 100, fitted",
        "not tried: the log's was not fitted",
        on_grid(100, "model.likelihood={kind: gaussian, variance: fitted}"),
        pixels=True,
    ),
    Architecture(
        "convolutions, 100, one variance", "ours", on_grid(100, ONE_FOR_ALL, ADAM), pixels=True
    ),
    Architecture("U-net, skips as latents", "an idea for improvement", unet, pixels=True),
)

AS_THE_LOG_FITTED = Architecture(
    "convolutions, 100, the log's variance",
    "pretty bad all round",
    on_grid(100, "model.likelihood={kind: gaussian, variance: fitted}"),
    pixels=True,
    faults=LOG_IMAGE_FAULTS,
)
