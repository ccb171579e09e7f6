"""One attempt at a run: from a state to its end, an interruption, or a call for a remedy."""

from typing import Any, NamedTuple

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.watch import Display, Keeper, forecast_eigenvalue, monitor_of
from vaestro.foundation.errors import DivergedError
from vaestro.health.monitor.causes import words
from vaestro.health.monitor.checks import refused_step
from vaestro.health.monitor.monitor import RunMonitor
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import History
from vaestro.training.loop import Loop
from vaestro.training.state import TrainState


class Ended(NamedTuple):
    """How an attempt ended: `event` is what a remedy is asked for, None where nothing is."""

    status: str
    event: dict[str, Any] | None
    diverged: bool


def attempt(folder: RunFolder, assembly: Assembly, state: TrainState, display: Display) -> Ended:
    """Train until the run ends, is interrupted, diverges, or a remedy is asked for."""
    recipe, monitor = assembly.recipe, _monitor(folder, assembly)
    history = History(folder.history, state.history_bytes)
    events = History(folder.events, state.events_bytes)
    loop = Loop(
        task=assembly.task,
        batches=assembly.stream,
        validation=assembly.material.batches("validation"),
        config=recipe.training,
        plan=assembly.plan,
        horizon=assembly.horizon,
        seed=recipe.seed,
        folder=folder.checkpoints,
        history=history,
        events=events,
        watcher=Keeper(folder, assembly, display),
        monitor=monitor,
    )
    display.started(assembly, state.step)
    try:
        status = loop.run(state)
        asked = loop.ending.fields if loop.ending and status == "remedied" else None
        return Ended(status, asked, False)
    except DivergedError as caught:
        epoch = -(-state.step // assembly.horizon.steps_per_epoch)
        told = refused_step(str(caught), recipe.training)
        event = {"step": state.step, "epoch": epoch, "cause": "refused-step", **told.as_json()}
        events.append(event)
        display.say(words(event))
        return Ended("diverged", event, True)
    finally:
        history.close()
        events.close()
        assembly.stream.close()


def _monitor(folder: RunFolder, assembly: Assembly) -> RunMonitor | None:
    return monitor_of(assembly, eigenvalue=forecast_eigenvalue(folder, assembly))
