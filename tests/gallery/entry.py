"""One piece of the gallery: how it is made, what the doctor is given, what it should say."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Case = dict[str, Any]
"""The arguments of `vaestro.diagnose`, by name."""


@dataclass(frozen=True)
class Facts:
    """What is true of a model, measured by tests/gallery/measure.py; nats per sample.

    `prior`, `data`, `constant`: the prior term, the data term with its constants, and that of the
    best constant output; `held_data` on held-out samples. `gap`: held-out minus training loss.
    `live`: latents with a KL above 0.01. `two_sample`: how often nearest neighbours tell codes of
    the data from draws of the prior, 0.5 where they cannot. `falling`: what the last tenth of the
    epochs gained over the one before, as the history has it. `largest`: of all log-variances.
    `spread`: the least and the largest variance of the codes along a live latent.
    """

    prior: float
    data: float
    constant: float
    held_data: float
    gap: float
    live: int
    two_sample: float
    falling: float
    largest: float
    spread: tuple[float, float]


Effect = Callable[[Case, Facts], bool]


@dataclass(frozen=True)
class Entry:
    """A trained model and the names that are right for it.

    `kinds` are the kinds accepted for the first finding; a healthy entry has none. `verdicts` are
    the accepted words. `effect` is the measured claim that makes the entry what it says it is;
    tests/test_gallery.py holds it true.
    """

    name: str
    build: Callable[[], Case]
    effect: Effect
    kinds: frozenset[str] = frozenset()
    verdicts: frozenset[str] = frozenset({"healthy"})

    def made(self) -> Case:
        """The arguments of `diagnose`, the same at every call; the caller's randomness is kept."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(sum(self.name.encode()))
            return self.build()

    def right(self, verdict: str, first: str | None) -> bool:
        """Whether a verdict word and the kind of the first finding (None: no finding) are right."""
        if not self.kinds:
            return verdict == "healthy" and first is None
        return verdict in self.verdicts and first in self.kinds


def bug(
    name: str,
    build: Callable[[], Case],
    effect: Effect,
    kinds: set[str],
    effects: frozenset[str] | set[str] = frozenset(),
) -> Entry:
    """A planted bug. As a verdict its own kinds, `effects` and "at_risk" are right: a fault in the
    code that has not (yet) spoilt the model is a risk. "healthy" is not, unless `effects` say so.
    """
    return Entry(name, build, effect, frozenset(kinds), frozenset(kinds | effects | {"at_risk"}))


def sound(case: Case, facts: Facts) -> bool:
    """Alive; better than the best constant by a nat, on held-out samples too; settled; the codes
    look like draws of the prior."""
    gain = facts.constant - facts.data
    return (
        facts.live > 0
        and gain > 1
        and facts.constant - facts.held_data > 0.85 * gain
        and not facts.falling / abs(case.get("history", [1.0])[-1]) > 0.02
        and facts.two_sample < 0.67
        and 0.7 < facts.spread[0] < facts.spread[1] < 1.35
    )
