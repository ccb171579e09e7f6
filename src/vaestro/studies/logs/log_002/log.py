"""Log 002 as steps."""

from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.log_002 import birth, deaths, labels, losses, matters, minimum, variance

LOG = Log(
    "log-002",
    "Log 002: digits on demand",
    "Which x_var for a label-conditional VAE, why does it die, and what does not matter?",
    "A course project's notes on a label-conditional VAE of MNIST, with 100 latents. Here: the "
    "digits that come with scikit-learn, enlarged, or MNIST with --data.",
    (
        Step("x-var", "x_var 10, 1, 0.1 and 0.01", variance.chapter, 2.0),
        Step("kl", "The KL's least value", minimum.chapter, 0.5),
        Step("birth", "The log's own network, drawn 100 times", birth.chapter, 0.3),
        Step("deaths", "Ten seeds with a ReLU and without", deaths.chapter, 4.0),
        Step("labels", "Labels in encoder, decoder and both", labels.chapter, 2.0),
        Step("matters", "Learning rate, size, structure, epochs", matters.chapter, 3.0),
        Step("losses", "When nothing works", losses.chapter, 1.0),
    ),
)
