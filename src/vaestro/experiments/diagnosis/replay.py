"""Replay of a diverged run from its checkpoints: which number broke, in which layer, and why."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.guests import located, unfilled
from vaestro.experiments.recipe import read_recipe
from vaestro.experiments.remedies import chosen_of
from vaestro.foundation.errors import CheckpointError, DivergedError, RunFolderError
from vaestro.health.forensics import Forensics, examine
from vaestro.health.growth import KEPT, Growing
from vaestro.health.remedies.divergence import for_divergence
from vaestro.models.build import NOBODY, Guests
from vaestro.runs.folder import RunFolder
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.state import TrainState, starting
from vaestro.training.step import Stepper

MOST_REPLAYED = 2000
"""No more steps than this are taken again for the path of growth."""

Checkpoint = tuple[dict[str, Any], dict[str, Any]]


def replay(
    root: Path | str,
    guests: Guests = NOBODY,
    say: Callable[[str], None] = lambda text: None,
) -> Forensics:
    """Why the run in the folder `root` diverged.

    Its newest checkpoint is the state before the refused step. The steps up to it are taken again
    from the checkpoint before, or from the start, when those are at most MOST_REPLAYED, and must
    give that state bit for bit on the machine of the run. Nothing in the folder changes; `guests`
    are a user's own modules as `vaestro.train` was given them, in the weights they began with.
    Raises RunFolderError for a run that did not diverge, CheckpointError without a checkpoint.
    """
    folder = RunFolder(Path(root))
    _require_diverged(folder)
    recipe = located(read_recipe(folder.recipe), folder.root)
    found = _every_checkpoint(folder, say)
    plan, warnings = planning.resumed(found[0][1]["plan"], recipe.training)
    for warning in warnings:
        say(warning)
    with planning.in_force(plan), torch.random.fork_rng():
        kept = starting("module/transform.", found[0][0])
        assembly = assemble(unfilled(recipe), plan, kept=kept, guests=guests)
        try:
            seen = _explained(replace(assembly, recipe=recipe), found)
        finally:
            assembly.stream.close()
    return replace(seen, remedies=for_divergence(chosen_of(assembly), seen))


def _require_diverged(folder: RunFolder) -> None:
    folder.require_run()
    summary = folder.read_summary() or {}
    if summary.get("status") != "diverged":
        raise RunFolderError(
            f"{folder.root} did not diverge (its status is "
            f"{summary.get('status', 'unknown: it has not ended')}); a replay needs a run whose "
            "loss was not finite"
        )


def _every_checkpoint(folder: RunFolder, say: Callable[[str], None]) -> list[Checkpoint]:
    """The undamaged checkpoints, newest first."""
    found = []
    for path in sorted(folder.checkpoints.glob("step-????????"), reverse=True):
        try:
            found.append(checkpoints.read(path))
        except CheckpointError as fault:
            say(str(fault))
    if not found:
        raise CheckpointError(f"{folder.checkpoints} holds no checkpoint to replay from")
    return found


class _Path(NamedTuple):
    growing: Growing
    reproduced: bool | None


def _explained(assembly: Assembly, found: list[Checkpoint]) -> Forensics:
    """The forensics of the step behind the newest of the checkpoints."""
    path = _walked(assembly, found)
    state = assembly.fresh_state()
    state.load(found[0][0], found[0][1]["numbers"])
    batch = assembly.stream.batch(state.step)
    with path.growing.watching(assembly.vae):
        _refused(assembly, state)
    path.growing.end(state.step + 1)
    state.load(found[0][0], found[0][1]["numbers"])
    rate = assembly.recipe.training.learning_rate.at(state.step, assembly.horizon)
    return examine(
        assembly.task,
        batch,
        state.control,
        state.step,
        path.growing.growth(),
        rate,
        path.reproduced,
        assembly.stream.batch(state.step - 1) if state.step else None,
    )


def _walked(assembly: Assembly, found: list[Checkpoint]) -> _Path:
    """Take the steps before the refused one again, from as near as the last KEPT of them allow."""
    growing, end = Growing(), int(found[0][1]["numbers"]["step"])
    state = assembly.fresh_state()
    starts = [c for c in found[1:] if int(c[1]["numbers"]["step"]) <= max(0, end - KEPT)]
    if starts:
        state.load(starts[0][0], starts[0][1]["numbers"])
    if end - state.step > MOST_REPLAYED or end == state.step:
        return _Path(growing, None)
    stepper = _stepper(assembly)
    assembly.vae.train()
    try:
        with growing.watching(assembly.vae):
            while state.step < end:
                stepper.take(state, assembly.stream.batch(state.step))
                growing.end(state.step)
    except DivergedError:
        return _Path(growing, False)
    return _Path(growing, _same(state, found[0]))


def _same(state: TrainState, kept: Checkpoint) -> bool:
    weights = starting("module/", kept[0])
    return all(
        torch.equal(value.cpu(), weights[name]) for name, value in state.module.state_dict().items()
    )


def _stepper(assembly: Assembly) -> Stepper:
    recipe = assembly.recipe
    return Stepper(assembly.task, recipe.training, assembly.horizon, recipe.seed)


def _refused(assembly: Assembly, state: TrainState) -> None:
    """Run the forward pass of the step once more, for the size of its layers' outputs."""
    assembly.vae.train()
    with torch.no_grad():
        assembly.task.terms(assembly.stream.batch(state.step), state.control, state.step)
