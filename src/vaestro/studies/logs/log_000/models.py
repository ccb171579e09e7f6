"""The networks and the length of training of log 000's study."""

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.log_000.boxes import boxes

MEAN, SUM = "voxel-mean-mse", "voxel-sum-mse"
"""The recipes: squared errors averaged, as the log failed, and summed."""
SMALL = (
    "model.latent=8",
    "model.encoder.channels=[16, 32]",
    "model.decoder.channels=[32, 16]",
    "model.encoder.blocks=0",
    "model.decoder.blocks=0",
)
"""A smaller network of the same kind, for the quick form."""
QUICK_EPOCHS, EPOCHS = 20, 20
RATE = "training.learning_rate={{kind: cosine, start: {start}, end: 1e-4, length: 1 of run}}"
QUICK_START, START = "1e-2", "3e-3"
"""Large at first: there are few steps, a thousand in the full form."""


def edits(bench: Bench, epochs: tuple[int, int] = (QUICK_EPOCHS, EPOCHS)) -> tuple[str, ...]:
    """What the study changes in a recipe; `epochs` of the quick form and of the full one."""
    count = bench.pick(*epochs)
    return (
        *boxes(bench),
        *bench.pick(SMALL, ()),
        f"training.epochs={count}",
        f"training.snapshot_epochs={count}",
        RATE.format(start=bench.pick(QUICK_START, START)),
    )
