"""What is wrong with the numbers of a run's first step, each remedy tried before it is told."""

from dataclasses import replace

import torch

from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.remedies import chosen_of, edited
from vaestro.foundation.errors import UserError
from vaestro.health.finding import Finding, Kind
from vaestro.health.forecast.numerics import numerical_forecast

RANGED, MOST_RANGED = 2048, 20_000_000
"""The ranges of the data are read from so many training samples, of so many numbers in all."""


def numbers_of(assembly: Assembly) -> tuple[Finding, ...]:
    """What is wrong with the numbers of the run's first step, with remedies that put it right: the
    step is looked at again with each of them. Where none does alone, all are told as they come."""
    found = _found(assembly)
    kinds = [finding.kind for finding in found]
    return tuple(_tried(one, {*kinds} - {one.kind}, assembly) for one in found)


def _found(assembly: Assembly) -> tuple[Finding, ...]:
    batch = assembly.stream.batch(0)
    most = max(len(batch.x), min(RANGED, MOST_RANGED // assembly.material.spec.elements))
    more = torch.cat([part.x for part in assembly.material.some("train", most)])
    return numerical_forecast(assembly.vae, batch, chosen_of(assembly), more)


def _tried(finding: Finding, others: set[Kind], assembly: Assembly) -> Finding:
    if len(finding.remedies) < 2:
        return finding
    good = tuple(edit for edit in finding.remedies if _leaves(others, assembly, edit))
    return replace(finding, remedies=good or finding.remedies)


def _leaves(others: set[Kind], assembly: Assembly, edit: str) -> bool:
    """Whether no kind of finding but the others is left once the recipe has the edit. False where
    the recipe does not take it, or needs modules from Python beside it."""
    recipe = edited(assembly.recipe, edit)
    if recipe is None:
        return False
    try:
        changed = assemble(recipe, assembly.plan, assembly.material.data)
    except UserError:
        return False
    try:
        return {one.kind for one in _found(changed)} <= others
    finally:
        changed.stream.close()
