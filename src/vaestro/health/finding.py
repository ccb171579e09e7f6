"""A finding: what is wrong with a run or a model, the numbers that show it, and what to change."""

from dataclasses import dataclass, field
from typing import Any, Literal

from vaestro.foundation.plain import plain

Verdict = Literal[
    "healthy",
    "at_risk",
    "collapsed",
    "exploding",
    "stalled",
    "undertrained",
    "overfitted",
    "prior_mismatch",
    "dead_output",
]
"""How a run or a model is."""

Kind = Literal[
    Verdict,
    "wrong_reduction",
    "scale_mismatch",
    "unsaved_parameter",
    "untrained_parameter",
    "decoder_differs",
    "condition_ignored",
    "unbounded_variance",
]
"""Every kind of finding; the first nine are verdicts too."""

Evidence = dict[str, Any]
"""Numbers by name, in nats per sample unless the name says otherwise."""


@dataclass(frozen=True)
class Finding:
    """One fault: `sentence` tells it in words, `evidence` in numbers.

    `remedies` are ready to paste: `field.path=value` edits of a recipe (what `--set` takes), or for
    a model that is not ours one line of advice each; the first is the best.
    """

    kind: Kind
    sentence: str
    evidence: Evidence = field(default_factory=dict)
    remedies: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `vaestro doctor --json` prints it."""
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "evidence": plain(self.evidence),
            "remedies": list(self.remedies),
        }
