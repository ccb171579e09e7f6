"""The classifier two-sample test: can a judge tell draws of q(z) from draws of the prior?

Shape letters: N draws of each, K latents.
"""

import math
from typing import Any

import torch
from torch import Tensor

from vaestro.evaluation.judge import View


def told_apart(one: Tensor, other: Tensor) -> dict[str, Any]:
    """{"accuracy", "standard_error", "chance", "n"} of a judge of both (N, K) (Lopez-Paz and Oquab
    2017): it learns from every other row and is tried on the rest, equally many of each.

    Half right: it sees no difference. The standard error is sqrt(a (1 - a) / n). The judge is the
    kernel regression that judges conditions, deterministic, and sees means, spreads and shapes, in
    no more than 64 directions.
    """
    learn = torch.cat([one[::2], other[::2]])
    first = torch.zeros(len(learn), 1, dtype=torch.bool)
    first[: len(one[::2])] = True
    judge = View(learn, own_units=True).judge(first)
    sides = [
        (judge(rows[1::2])[:, 0] > 0.5) == side for rows, side in ((one, True), (other, False))
    ]
    right = torch.cat(sides).double()
    share, count = float(right.mean()), len(right)
    error = math.sqrt(max(share * (1 - share), 1 / count) / count)
    return {"accuracy": share, "standard_error": error, "chance": 0.5, "n": count}
