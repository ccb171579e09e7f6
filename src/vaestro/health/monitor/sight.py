"""What the monitor knows when it looks: baselines, the newest records, how the loss has fallen."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from vaestro.metrics.live import LIVE_NATS
from vaestro.probability.objective import Terms


class Known(NamedTuple):
    """What is known before the first step, in nats per sample and natural units.

    constant: the data term of the best constant output; ppca: the loss of probabilistic PCA with as
    many latents, where it compares (`foreseen`); eigenvalue: the forecast's largest one, relative
    to the effective beta; dropped: what held-out samples cost beside the model, for what the
    transform drops of them.
    """

    constant: float
    ppca: float | None = None
    eigenvalue: float | None = None
    dropped: float = 0.0


@dataclass(frozen=True)
class Sight:
    """One look at a run. `effective`: the weight of the prior term against the data term at this
    step; `full`: it has its final value; `lasting`: and keeps it; `train`: the newest training
    record, {} before the first; `validation`: the figures of this validation, without what is
    `dropped`; `progress`: how the validation loss has fallen."""

    step: int
    remaining: int
    stochastic: bool
    effective: float
    full: bool
    lasting: bool
    known: Known
    train: dict[str, Any]
    validation: dict[str, Any]
    progress: dict[str, Any]

    @property
    def margin(self) -> float:
        """Nats below which a data term is no different from the constant's."""
        return max(0.01 * abs(self.known.constant), 0.05)


def trained(terms: Terms, step: int) -> dict[str, Any]:
    """What is remembered of a training record: both terms, the largest KL of a dimension, and how
    many are live."""
    kl = terms.kl_per_dimension
    return {
        "step": step,
        "data_term": float(terms.data_term),
        "prior_term": float(terms.prior_term),
        "largest_kl": float(kl.max()),
        "live_dimensions": int((kl > LIVE_NATS).sum()),
    }


FLAT = 1e-3
"""A loss falls as long as it gains this share of all it has gained so far."""


def total(figures: dict[str, Any], effective: float) -> float:
    """Data term plus weighted prior term, in summed nats whatever the reduction."""
    return float(figures["data_term"] + effective * figures["prior_term"])


def progressed(past: dict[str, Any], sight: Sight) -> None:
    """Take a validation at full beta into `past`: the first and the best loss, at which step and
    beside which training loss the best was, when the loss last fell clearly and how many
    validations ago, and how often in a row it has been above the best."""
    loss = total(sight.validation, sight.effective)
    train_loss = total(sight.train, sight.effective) if sight.train else None
    if not past:
        past |= {"first": loss, "best": loss, "at": sight.step, "train": train_loss}
        past |= {"fell_at": sight.step, "looks": 0, "above": 0}
        return
    clear = FLAT * max(past["first"] - past["best"], 0.0)
    past["looks"] += 1
    if loss < past["best"] - clear:
        past |= {"fell_at": sight.step, "looks": 0}
    if loss < past["best"]:
        past |= {"best": loss, "at": sight.step, "train": train_loss, "above": 0}
    else:
        past["above"] += 1
