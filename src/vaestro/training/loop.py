"""The training loop: steps, records, validations, early stopping, checkpoints, events.

What enters history and events depends on the state alone; the clock decides only when a checkpoint
is written.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from torch import Tensor

from vaestro.foundation.errors import DivergedError
from vaestro.foundation.samples import Batch
from vaestro.foundation.schedules import Horizon
from vaestro.runs.history import History
from vaestro.training import checkpoints
from vaestro.training.allocator import freed_memory_kept, give_back
from vaestro.training.config import EarlyStoppingConfig, TrainingConfig
from vaestro.training.distribution.company import Company
from vaestro.training.distribution.ranks import ALONE, Ranks
from vaestro.training.interruption import interruption
from vaestro.training.plan import Plan
from vaestro.training.record import figures_of
from vaestro.training.state import TrainState
from vaestro.training.step import Stepper
from vaestro.training.task import Task
from vaestro.training.watching import Judge, Monitor, Notice, Watcher

Status = Literal["finished", "stopped_early", "interrupted", "remedied"]
"""`remedied`: the monitor asked for the run to begin again with a remedy applied."""

GOOD = "good"
"""The folder beside the checkpoints that keeps states from which a remedied run may go on."""


class Batches(Protocol):
    """Where training batches come from: a pure function of the step."""

    steps_per_epoch: int

    def batch(self, step: int) -> Batch:
        """The batch of `step`."""


@dataclass
class Loop:
    """One run's engine. `validation` yields the validation batches anew at each call; `judge` knows
    the run as number 0; `ranks`: the processes that train together, of which the first alone writes
    checkpoints."""

    task: Task
    batches: Batches
    validation: Callable[[], Iterable[Batch]]
    config: TrainingConfig
    plan: Plan
    horizon: Horizon
    seed: int
    folder: Path
    history: History
    events: History
    watcher: Watcher
    monitor: Monitor | None = None
    judge: Judge | None = None
    ranks: Ranks = ALONE
    ending: Notice | None = field(default=None, init=False)
    _saved_at: float = field(default=0.0, init=False)
    _saved_step: int | None = field(default=None, init=False)

    def run(self, state: TrainState) -> Status:
        """Train from `state` to the end of the horizon, or until the monitor asks for another: its
        notice is then in `ending`, with all the fields of its event.

        Raises DivergedError (after saving the last good state) and StorageError.
        """
        company = Company(self.ranks, self.task.module, self.config.batch_size)
        stepper = Stepper(self.task, self.config, self.horizon, self.seed, company)
        give_back()
        with interruption() as asked, freed_memory_kept():
            self.begin(state)
            while self.goes_on(state):
                if company.stops(asked.is_set()):
                    self.save(state)
                    return "interrupted"
                self._step(stepper, state)
        return self.end(state)

    def begin(self, state: TrainState) -> None:
        """What comes before the first step from `state`."""
        self.task.module.train()
        self._saved_at = time.monotonic()
        if state.history_bytes == 0:  # a run that was stopped before its first step has its record
            self._validate(state)

    def goes_on(self, state: TrainState) -> bool:
        """Whether there is a step to take."""
        return state.step < self.horizon.steps and not state.stopped and not self.ending

    def end(self, state: TrainState) -> Status:
        """What comes after the last step, and how the run ended."""
        if self.ending and self.ending.act == "remedy":
            return "remedied"
        self.save(state)
        return "stopped_early" if state.stopped else "finished"

    def _step(self, stepper: Stepper, state: TrainState) -> None:
        batch = self.batches.batch(state.step)
        try:
            stepper.take(state, batch)
        except DivergedError:
            self.save(state)  # untouched by the refused step
            raise
        self.stepped(state)
        if self._checkpoint_due(state):
            self.save(state)

    def stepped(
        self, state: TrainState, figures: dict[str, Any] | None = None
    ) -> dict[str, Any] | None:
        """What comes after a step was taken: records and validations that are due; the figures of
        the validation, if there was one. `figures`: where they were computed already."""
        self.watcher.stepped(state.step)
        within = state.step % self.horizon.steps_per_epoch
        if within == 0 or (self.config.log_steps and state.step % self.config.log_steps == 0):
            self._record_training(state)
        return self._validate(state, figures) if self.validates(state) else None

    def validates(self, state: TrainState) -> bool:
        """Whether the step just taken is one after which the run is validated."""
        epoch, within = divmod(state.step, self.horizon.steps_per_epoch)
        return within == 0 and epoch % self.config.validate_epochs == 0

    def _record_training(self, state: TrainState) -> None:
        if state.meter.count == 0:
            return
        at = state.step - 1  # the step whose settings produced the newest terms
        terms = state.meter.take()
        self._record(
            state,
            {
                "split": "train",
                **figures_of(terms),
                "beta": float(self.task.weight(state.control, at)),
                "learning_rate": self.config.learning_rate.at(at, self.horizon),
            },
        )
        if self.monitor:
            self._notice(state, self.monitor.trained(state, terms))

    def _validate(self, state: TrainState, figures: dict[str, Any] | None = None) -> dict[str, Any]:
        with evaluation_weights(state):
            self.task.module.eval()
            if figures is None:
                figures = self.task.validate(self.validation(), state.control)
            self._record(state, {"split": "validation", **figures})
            if self.config.early_stopping and state.step > 0:
                watch_best(state, self.config.early_stopping, figures)
            if self.monitor:
                self._notice(state, self.monitor.validated(state, figures))
            self._judged(state, figures)
            self.watcher.validated(state, state.step // self.horizon.steps_per_epoch)
            self.task.module.train()
        if self.monitor and self.monitor.good(state):
            self._checkpoint(self.folder / GOOD, state)
        return figures

    def _judged(self, state: TrainState, figures: dict[str, Any]) -> None:
        """End the run where its judge says so."""
        epoch = state.step // self.horizon.steps_per_epoch
        if self.judge and state.step > 0 and self.judge.leaving(epoch, {0: figures}):
            state.stopped = True

    def _record(self, state: TrainState, figures: dict[str, Any]) -> None:
        epoch = -(-state.step // self.horizon.steps_per_epoch)
        record = {"step": state.step, "epoch": epoch, **figures}
        self.history.append(record)
        state.history_bytes = self.history.length
        self.watcher.recorded(record)

    def _notice(self, state: TrainState, notices: list[Notice]) -> None:
        """Write the events and do what they ask for; the first that ends the run is the last."""
        for fields, act in notices:
            epoch = -(-state.step // self.horizon.steps_per_epoch)
            event = {"step": state.step, "epoch": epoch, **fields}
            self.events.append(event)
            state.events_bytes = self.events.length
            self.watcher.noticed(event)
            if act == "stop":
                state.stopped, state.best = True, {}  # the verdict is about what it ended as
                state.watched["ending"] = event
            if act != "warn":
                self.ending = Notice(event, act)
                return

    def _checkpoint(self, folder: Path, state: TrainState) -> None:
        """Write a checkpoint into `folder`; first history and events to the disk, since it counts
        no bytes that are not there."""
        if self.ranks.first:
            self.history.sync()
            self.events.sync()
            checkpoints.save(folder, state, self.plan.describe())

    def _checkpoint_due(self, state: TrainState) -> bool:
        every = self.config.checkpoint_steps
        by_steps = every is not None and state.step % every == 0
        return by_steps or time.monotonic() - self._saved_at >= self.config.checkpoint_seconds

    def save(self, state: TrainState) -> None:
        """Write a checkpoint, unless that of this step is there."""
        if state.step == self._saved_step:
            return  # nothing changed since: a whole checkpoint is never put at risk
        self._checkpoint(self.folder, state)
        self._saved_at, self._saved_step = time.monotonic(), state.step


def watch_best(state: TrainState, config: EarlyStoppingConfig, figures: dict[str, Any]) -> None:
    """Keep the weights of the best validation; mark the run stopped when patience is used up."""
    value = float(figures[config.monitor])
    if state.best_value is None or value < state.best_value - config.margin:
        state.best_value, state.waited = value, 0
        state.best = {n: t.detach().clone() for n, t in state.module.state_dict().items()}
        return
    state.waited += 1
    state.stopped = state.waited >= config.patience


@contextmanager
def evaluation_weights(state: TrainState) -> Iterator[None]:
    """The module holds the averaged weights, if there are any, and then its own again."""
    own: dict[str, Tensor] = {}
    if state.average:
        for name, parameter in state.module.named_parameters():
            own[name] = parameter.detach().clone()
            parameter.data.copy_(state.average[name])
    try:
        yield
    finally:
        for name, parameter in state.module.named_parameters():
            if name in own:
                parameter.data.copy_(own[name])


def adopt_final_weights(state: TrainState) -> None:
    """Give the module the weights that the run ends with: best, else average, else its own."""
    if state.best:
        state.module.load_state_dict(state.best)
    elif state.average:
        for name, parameter in state.module.named_parameters():
            parameter.data.copy_(state.average[name])
