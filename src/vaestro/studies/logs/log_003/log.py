"""The study of log 003, step by step."""

from vaestro.studies.logs.log import Log, Step
from vaestro.studies.logs.log_003.capacity import capacity
from vaestro.studies.logs.log_003.components import components
from vaestro.studies.logs.log_003.epsilon import epsilon
from vaestro.studies.logs.log_003.explosion import explosion
from vaestro.studies.logs.log_003.initialiser import initialiser
from vaestro.studies.logs.log_003.rebuilt import rebuilt
from vaestro.studies.logs.log_003.resumed import resumed
from vaestro.studies.logs.log_003.skips import skips
from vaestro.studies.logs.log_003.table import table
from vaestro.studies.logs.log_003.variance import variance

LOG = Log(
    name="log-003",
    title="Log 003: a dozen VAEs on small NORB",
    question="Why is a fitted variance worse, why is progress lost on resume, whence the NaN, and "
    "which of a dozen networks is best?",
    source="A log of attempts to improve a VAE on small NORB, 2018. Without NORB's files toys are "
    "drawn after it: five kinds of ten objects on a turntable.",
    steps=(
        Step("components", "Principal components", components, 2.0),
        Step("table", "A dozen architectures", table, 9.0),
        Step("variance", "Fitted against fixed variance", variance, 4.0),
        Step("resumed", "Training that is resumed", resumed, 1.5),
        Step("explosion", "The explosion near -650", explosion, 2.0),
        Step("epsilon", "The KL divergence epsilon trick", epsilon, 1.5),
        Step("rebuilt", "A decoder that was built twice", rebuilt, 1.0),
        Step("initialiser", "Initialiser and batch normalisation", initialiser, 5.0),
        Step("capacity", "Capacity and time", capacity, 4.0),
        Step("skips", "U-net connections", skips, 0.5),
    ),
)
