"""The best constant of a family without a closed form: Newton's method, for each element.

Given constant outputs the elements of a sample are independent, so that each has a small problem of
its own: its P outputs. All are solved side by side, each with the length of its own steps; what a
spread shares between elements moves in between, along the profile of all of them.

Shape letters: N samples, D elements, P outputs per element, K values, * the sample's axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from vaestro.probability.likelihoods.likelihood import Likelihood

ROUNDS = 100
"""More are never taken; an element that is always at the edge of its range needs about thirty."""

PRECISE = 1e-8
"""Solved is what a further round is expected to gain this share of, or this many nats, from."""

AT_ONCE = 1 << 17
"""So many numbers are looked at together: they and what is computed of them stay in the cache."""

REACH = 1.0
"""A shared spread's logarithm changes by at most this in the first round."""

TINY = 1e-12


@dataclass
class Elements:
    """Some elements: the values (K, D) that samples have there and their shares (K, D), or a
    scalar; the outputs (P, D) so far; by how much the step of each is shortened, (D,)."""

    values: Tensor
    shares: Tensor
    outputs: Tensor
    damping: Tensor

    def nats(self, likelihood: Likelihood, outputs: Tensor) -> Tensor:
        """The mean of -log p at constant outputs (P, D), for each element: (D,)."""
        count, width = self.values.shape
        same = outputs.T.expand(count, width, len(outputs)).reshape(-1, len(outputs), 1)
        nats = -likelihood.log_prob(self.values.reshape(-1, 1), same)
        return (self.shares * nats.reshape(count, width)).sum(0)


class Local(NamedTuple):
    """What is known at a place: the derivatives by the outputs of each element, first (P, D) and
    second as the inverse of their absolute value (D, P, P); by a shared number, first and second,
    and by both (P, D)."""

    first: Tensor
    inverse: Tensor
    shared: tuple[Tensor, Tensor, Tensor] | None = None

    def newton(self, of: Tensor) -> Tensor:
        """The inverse times a vector (P, D) for each element."""
        return torch.einsum("dpq,qd->pd", self.inverse, of)


def solved(likelihood: Likelihood, x: Tensor, starts: Sequence[Tensor]) -> Tensor:
    """The outputs (P, *) at which the samples x: (N, *) are likeliest, from whichever of `starts`
    (P, *) is better for an element. `likelihood` is in 64 bits, as x is; its one parameter, where
    it has one, is left at its best value."""
    parts = _begun(likelihood, x.flatten(1), torch.stack([one.flatten(1) for one in starts]))
    parameters = list(likelihood.parameters())
    reach = REACH
    for _ in range(ROUNDS):
        gain = sum(_improved(likelihood, part) for part in parts)
        for parameter in parameters:
            more, reach = _shared_moved(likelihood, parts, parameter, reach)
            gain += more
        if gain < PRECISE * max(1.0, abs(_total(likelihood, parts))):
            break
    return torch.cat([part.outputs for part in parts], 1).reshape(starts[0].shape)


def _begun(likelihood: Likelihood, x: Tensor, starts: Tensor) -> list[Elements]:
    """The elements of x: (N, D), a stretch at a time, each at its best one of `starts` (S, P, D).
    Samples with few distinct values are counted."""
    count, known = len(x), x.unique()
    counted = len(known) <= count // 2
    size = max(1, AT_ONCE // (len(known) if counted else count))
    parts = []
    for some, begin in zip(x.split(size, 1), starts.split(size, 2), strict=True):
        values, shares = _counted(some, known) if counted else (some, some.new_tensor(1 / count))
        part = Elements(values, shares, begin[0], x.new_zeros(some.shape[1]))
        nats = torch.stack([part.nats(likelihood, one) for one in begin])
        best = nats.nan_to_num(nan=torch.inf).argmin(0)
        part.outputs = begin.gather(0, best.expand(1, *begin[0].shape))[0]
        parts.append(part)
    return parts


def _counted(x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """The known values and the share of each in x: (N, D), both (K, D)."""
    shares = x.new_zeros(len(known), x.shape[1])
    shares.scatter_add_(0, torch.searchsorted(known, x.contiguous()), torch.ones_like(x))
    return known[:, None].expand_as(shares), shares / len(x)


def _improved(likelihood: Likelihood, part: Elements) -> float:
    """Each element goes a step where that is better, and else tries a shorter one next; what whole
    steps were expected to gain, in nats."""
    here = _local(likelihood, part)
    step = here.newton(here.first)
    tried = part.outputs - step / (1 + part.damping)
    better = part.nats(likelihood, tried) < part.nats(likelihood, part.outputs)
    expected = 0.5 * (here.first * step).sum(0)
    done = expected <= TINY  # rounding decides there what is better
    part.outputs = torch.where(better, tried, part.outputs)
    shorter = (4 * part.damping + 3).clamp(max=1e6)
    part.damping = torch.where(better | done, (part.damping / 4 - 0.1).clamp(min=0), shorter)
    return float(expected.sum())


def _local(likelihood: Likelihood, part: Elements, shared: Tensor | None = None) -> Local:
    outputs = part.outputs.clone().requires_grad_()
    by = [outputs] if shared is None else [outputs, shared]
    with torch.enable_grad():
        total = part.nats(likelihood, outputs).sum()
        first, *rest = torch.autograd.grad(total, by, create_graph=True)
        columns = [_second(first[p].sum(), outputs) for p in range(len(outputs))]
        inverse = _inverse(torch.stack(columns))
        if shared is None:
            return Local(first.detach(), inverse)
        (own,) = rest
        by_both = _second(own, outputs)
        return Local(first.detach(), inverse, (own.detach(), _second(own, shared), by_both))


def _second(first: Tensor, by: Tensor) -> Tensor:
    """Its derivative by a tensor; 0 where it does not depend on it."""
    if not first.requires_grad:
        return torch.zeros_like(by)
    (found,) = torch.autograd.grad(first, by, retain_graph=True, allow_unused=True)
    return torch.zeros_like(by) if found is None else found.detach()


def _inverse(second: Tensor) -> Tensor:
    """Of the absolute value of the blocks (P, P, D), as (D, P, P): what goes down also where a
    block is not positive."""
    blocks = second.permute(2, 0, 1).nan_to_num()
    values, vectors = torch.linalg.eigh(0.5 * (blocks + blocks.mT))
    scale = values.abs().clamp(min=TINY)
    inverse: Tensor = (vectors / scale[:, None, :]) @ vectors.mT
    return inverse


class Profile(NamedTuple):
    """How the sum over all elements changes with a shared number while their outputs stay best: the
    first and second derivative; and minus how the outputs of each part (P, D) move with it."""

    slope: float
    bend: float
    follow: list[Tensor]


def _profile(likelihood: Likelihood, parts: Sequence[Elements], shared: Tensor) -> Profile:
    shared.requires_grad_()
    found = [_local(likelihood, part, shared) for part in parts]
    shared.requires_grad_(False)
    slope, bend, follow = 0.0, 0.0, []
    for here in found:
        assert here.shared is not None
        own, own_second, by_both = here.shared
        follow.append(here.newton(by_both))
        slope += float(own - (follow[-1] * here.first).sum())
        bend += float(own_second - (follow[-1] * by_both).sum())
    return Profile(slope, bend, follow)


def _shared_moved(
    likelihood: Likelihood, parts: Sequence[Elements], shared: Tensor, reach: float
) -> tuple[float, float]:
    """A Newton step of a shared number, with which the outputs go along, where that is better; what
    it was expected to gain, and how far it may go the next time."""
    profile = _profile(likelihood, parts, shared)
    step = profile.slope / max(abs(profile.bend), TINY)
    step = max(-reach, min(reach, step))
    expected = 0.5 * abs(profile.slope * step)
    before, kept = _total(likelihood, parts), [part.outputs for part in parts]
    shared -= step
    for part, follow in zip(parts, profile.follow, strict=True):
        part.outputs = part.outputs + follow * step
    if _total(likelihood, parts) <= before or expected <= TINY:
        return expected, 2 * reach
    shared += step
    for part, outputs in zip(parts, kept, strict=True):
        part.outputs = outputs
    return expected, reach / 4


def _total(likelihood: Likelihood, parts: Sequence[Elements]) -> float:
    return sum(float(part.nats(likelihood, part.outputs).sum()) for part in parts)
