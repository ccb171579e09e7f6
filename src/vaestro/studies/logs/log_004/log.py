"""Log 004 as a study."""

from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.log_004.betas import betas
from vaestro.studies.logs.log_004.lengths import lengths
from vaestro.studies.logs.log_004.meanings import meanings

LOG = Log(
    name="log-004",
    title="Log 004: a larger beta, and a length that is chosen",
    question="Which beta above 1, what do the latent dimensions then mean, and can streamlines be "
    "drawn for a chosen length?",
    source="Week 8 of a summer's work on a VAE of the FiberCup's streamlines: the beta-VAE is "
    "thought through, and a VAE conditioned on a continuous variable is begun. Here on drawn "
    "bundles of that size or, with `--data`, on a tractogram of yours: the FiberCup's where you "
    "have it.",
    steps=(
        Step("betas", "A beta above 1, and the search for it", betas, 4),
        Step("meanings", "Latent dimensions with a meaning", meanings, 0.5),
        Step("lengths", "Streamlines of a chosen length", lengths, 4),
    ),
)
