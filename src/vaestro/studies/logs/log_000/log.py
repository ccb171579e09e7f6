"""The study of log 000, step by step."""

from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.log_000.averaged import averaged
from vaestro.studies.logs.log_000.decoders import decoders
from vaestro.studies.logs.log_000.diffused import diffused
from vaestro.studies.logs.log_000.summed import summed
from vaestro.studies.logs.log_000.weighed import weighed

LOG = Log(
    name="log-000",
    title="Log 000: a VAE of macromolecules",
    question="Why did it give zeros, and do its two uses work: trying decoders, and diffusion in "
    "its latent space?",
    source="The notes on a variational autoencoder for voxel images of macromolecules, October to "
    "December 2024.",
    steps=(
        Step("averaged", "Squared errors averaged", averaged, 1.0),
        Step("summed", "Squared errors summed", summed, 1.0),
        Step("weighed", "Six weights of the KL", weighed, 3.0),
        Step("decoders", "64 decoders on one encoder", decoders, 10.0),
        Step("diffused", "Diffusion in the latent space", diffused, 4.0),
    ),
)
