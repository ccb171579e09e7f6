"""One attempt at a run: from a state to its end, an interruption, or a call for a remedy."""

from typing import Any, NamedTuple

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.circumstances import PLAIN, Circumstances
from vaestro.experiments.forecasting.foreseen import foreseen
from vaestro.experiments.remedies import chosen_of
from vaestro.experiments.watch import Display, Keeper, Quiet, monitor_of
from vaestro.foundation.errors import DivergedError
from vaestro.health.monitor.causes import words
from vaestro.health.monitor.checks import refused_step
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import History
from vaestro.training.loop import Loop, Status
from vaestro.training.state import TrainState


class Ended(NamedTuple):
    """How an attempt ended: `event` is what a remedy is asked for, None where nothing is."""

    status: str
    event: dict[str, Any] | None
    diverged: bool


def attempt(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    display: Display,
    given: Circumstances = PLAIN,
) -> Ended:
    """Train until the run ends, is interrupted, diverges, or a remedy is asked for."""
    loop = engine(folder, assembly, state, display, given)
    display.started(assembly, state.step)
    try:
        return ended(loop, loop.run(state))
    except DivergedError as fault:
        return diverged(loop, assembly, state, fault, display)
    finally:
        close(loop, assembly)


def engine(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    display: Display,
    given: Circumstances = PLAIN,
) -> Loop:
    """The loop of the run in `folder`, its history and events open where `state` left them; those
    of processes after the first write nothing."""
    ranks = given.ranks
    history, events = (folder.history, folder.events) if ranks.first else (None, None)
    if ranks.count > 1:
        assembly.stream.rows = ranks.rows(assembly.stream.batch_size)
    return Loop(
        task=assembly.task,
        batches=assembly.stream,
        validation=assembly.material.batches("validation"),
        config=assembly.recipe.training,
        plan=assembly.plan,
        horizon=assembly.horizon,
        seed=assembly.recipe.seed,
        folder=folder.checkpoints,
        history=History(history, state.history_bytes),
        events=History(events, state.events_bytes),
        watcher=Keeper(folder, assembly, display) if ranks.first else Quiet(),
        monitor=monitor_of(assembly, foreseen(folder, assembly)),
        judge=given.judge,
        ranks=ranks,
    )


def close(loop: Loop, assembly: Assembly) -> None:
    """Let go of the files and of the thread that reads ahead."""
    loop.history.close()
    loop.events.close()
    assembly.stream.close()


def ended(loop: Loop, status: Status) -> Ended:
    """How an attempt ended whose loop came to an end with `status`."""
    asked = loop.ending.fields if loop.ending and status == "remedied" else None
    return Ended(status, asked, False)


def diverged(
    loop: Loop, assembly: Assembly, state: TrainState, fault: DivergedError, display: Display
) -> Ended:
    """How an attempt ended whose last step was refused; its event is written."""
    epoch = -(-state.step // assembly.horizon.steps_per_epoch)
    told = refused_step(str(fault), chosen_of(assembly))
    event = {"step": state.step, "epoch": epoch, "cause": "refused-step", **told.as_json()}
    loop.events.append(event)
    display.say(words(event))
    return Ended("diverged", event, True)
