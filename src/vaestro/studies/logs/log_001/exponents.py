"""What a guard of exp is worth: the prior term and its slope at log-variances that are too large.

Letters: l log-variance of a latent dimension with mean 0; KL = (exp(l) - 1 - l) / 2.
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from vaestro.probability.log_bounds import compress
from vaestro.probability.normal import kl_to_standard
from vaestro.studies.faults.scales import clipped_exp
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table

LEVELS = (0.0, 20.0, 50.0, 80.0, 100.0, 5000.0)
ZERO = torch.zeros(())


def _with(exponential: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The prior term with that function in the place of exp."""
    return lambda level: -0.5 * (1 + level - exponential(level))


GUARDS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "exp(l), no guard": _with(torch.exp),
    "clip(exp(l)), the log's": _with(clipped_exp),
    "exp(clip(l, -30, 20))": lambda level: kl_to_standard(ZERO, level.clamp(-30, 20)),
    "ours: exp(l) inside, logarithmic tails": lambda level: kl_to_standard(
        ZERO, compress(level, -20, 20)
    ),
}


def slope(guard: Callable[[Tensor], Tensor], level: float) -> tuple[float, float]:
    """The prior term in nats at l = `level`, 32 bits, and its derivative there."""
    at = torch.tensor(level, requires_grad=True)
    nats = guard(at)
    (found,) = torch.autograd.grad(nats, at)
    return float(nats.detach()) + 0.0, float(found)


def exponents(bench: Bench) -> Chapter:
    """The chapter; nothing is trained."""
    theirs = {level: slope(GUARDS["clip(exp(l)), the log's"], level) for level in LEVELS}
    ours = [slope(GUARDS["ours: exp(l) inside, logarithmic tails"], level) for level in LEVELS]
    return Chapter(
        name="exponents",
        title="A clip behind exp",
        text=(
            "The log's first measure clips the result of every exp. Below, the prior term of one "
            "latent dimension in 32 bits, and what matters to training, its slope: a positive "
            "slope brings a log-variance that is too large down again.",
        ),
        claims=(_theirs(theirs), _ours(ours)),
        tables=(_table(),),
    )


def _theirs(found: Mapping[float, tuple[float, float]]) -> Claim:
    beyond, between = found[100.0][1], found[50.0][1]
    return Claim(
        said="'clipping the values of the exponential operations to the [-1e10, 1e10] range'",
        measured=f"at l = 100 the prior term is finite ({found[100.0][0]:.3g} nats) and its slope "
        f"is {_word(beyond)}; at l = 50 the slope is {between:g}",
        cause="Behind the clip the gradient is 0, times an exp that is infinite: not a number. "
        "From l = 23 to 88 only the -1/2 of the other terms is left, which drives l up. "
        "The lower bound is never met, as exp is positive.",
        holds=beyond != beyond and between == -0.5,
    )


def _ours(found: list[tuple[float, float]]) -> Claim:
    slopes = [one for _, one in found[1:]]
    return Claim(
        said="Here the log-variance is bounded before exp, by logarithmic tails.",
        measured=f"slopes of {min(slopes):.3g} to {max(slopes):.3g} for l of 20 and above",
        cause="exp of a logarithmic tail is a straight line, whose slope is that at the bound. A "
        "clip before exp has no slope behind it, so that nothing brings the value back.",
        holds=all(0 < one < float("inf") for one in slopes),
    )


def _table() -> Table:
    rows = tuple(
        (name, *(_cell(*slope(guard, level)) for level in LEVELS)) for name, guard in GUARDS.items()
    )
    head = ("guard", *(f"l = {level:,.0f}" for level in LEVELS))
    return Table("The prior term in nats, and its slope", head, rows)


def _cell(nats: float, found: float) -> str:
    return f"{nats:.3g}; {_word(found)}"


def _word(number: float) -> str:
    return "NaN" if number != number else f"{number:.3g}"
