"""Log 001 as a study."""

from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.log_001.annealing import annealing
from vaestro.studies.logs.log_001.autoencoder import autoencoder
from vaestro.studies.logs.log_001.epsilon import epsilon
from vaestro.studies.logs.log_001.exponents import exponents
from vaestro.studies.logs.log_001.first_pass import first_pass
from vaestro.studies.logs.log_001.remedies import remedies

LOG = Log(
    name="log-001",
    title="Log 001: a VAE of streamlines",
    question="Why did the log-variances explode, and which remedy was one?",
    source="Weeks 7 and 8 of a summer's work on a VAE of the FiberCup's streamlines, 256 points "
    "each in millimetres, with the FINTA network of six convolutions. Here on drawn bundles of "
    "that size or, with `--data`, on a tractogram of yours: the FiberCup's where you have it.",
    steps=(
        Step("exponents", "A clip behind exp", exponents, 0.1),
        Step("first-pass", "Where the large values come from", first_pass, 0.3),
        Step("remedies", "Which remedy did what", remedies, 4),
        Step("autoencoder", "Autoencoder and VAE with the same training", autoencoder, 8),
        Step("epsilon", "The spread of epsilon", epsilon, 2),
        Step("annealing", "Annealing the KL", annealing, 3),
    ),
)
