"""A run that goes on: with the log's head, which no file kept, and with one that is kept."""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from vaestro.experiments.recipe import Recipe
from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_003.architectures import ADAM, FITTED, LOG_FAULTS, on_layers
from vaestro.studies.logs.log_003.measures import Numbers, data_term, over_epochs
from vaestro.studies.logs.log_003.views import on_components

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EPOCHS = ((8, 12), (10, 20))
"""Before and after the stop."""
CONSTANT = "objective.beta=1"
"""Beta does not depend on how long the run is to be, so that a longer run is the same run."""


class Course(NamedTuple):
    """The data term by the epoch, held out, of a run that was stopped after `stopped` epochs and
    went on; `read_back`: of the model that its files give, before another step."""

    epochs: Numbers
    nats: Numbers
    stopped: int
    read_back: float

    @property
    def before(self) -> float:
        """At the end of the last epoch before the stop."""
        return float(self.nats[self.epochs == self.stopped][-1])

    @property
    def jump(self) -> float:
        """What reading it back costs."""
        return self.read_back - self.before


def resumed(bench: Bench) -> Chapter:
    """The chapter."""
    epochs = bench.pick(*EPOCHS)
    theirs, _ = _course(bench, "log-head", epochs, LOG_FAULTS)
    ours, again = _course(bench, "kept-head", epochs, ())
    straight = bench.train("kept-straight", _asked(bench, epochs[1]))
    return Chapter(
        name="resumed",
        title="Training that is resumed",
        text=(
            "One layer of 2048, 10 latents, a fitted variance, Adam. Each run ends after "
            f"{epochs[0]} epochs, is read back from its files and goes on to {epochs[1]}. The log "
            "kept weights alone; here a checkpoint is everything, and what is not in it is what "
            "the fault keeps out.",
        ),
        claims=(_lost(theirs), _kept(ours, again, straight)),
        tables=(_table({"the log's head": theirs, "a head in the model": ours}),),
        pictures=(_picture(bench, theirs, ours),),
    )


def _asked(bench: Bench, epochs: int) -> Recipe:
    layers = on_layers((2048,), 10, FITTED)(bench)
    return on_components(bench, *layers, CONSTANT, ADAM, f"training.epochs={epochs}")


def _course(
    bench: Bench, name: str, epochs: tuple[int, int], faults: tuple[str, ...]
) -> tuple[Course, Run]:
    """What the run did, and the run at its end."""
    first = bench.train(name, _asked(bench, epochs[0]), (), faults)
    read_back = data_term(first)
    run = bench.continued(name, f"{name}-resumed", epochs[1], faults)
    places, nats = over_epochs(Path(run.folder.root), "data_term")
    return Course(places, nats, epochs[0], read_back), run


def _lost(found: Course) -> Claim:
    return Claim(
        said="'WHEN I TRY TO RESUME TRAINING WITH THE OLD WEIGHTS, IT SEEMS LIKE ALL TRAINING "
        "PROGRESS IS LOST'",
        measured=f"{found.before:,.0f} nats held out after {found.stopped} epochs; the same "
        f"weights, read back, {found.read_back:,.0f}; the run as a whole began at "
        f"{found.nats[0]:,.0f}",
        cause="The head of the variance is in no file. Another one is drawn, and the decoder has "
        "learnt to be exact where the old one wanted it.",
        holds=found.jump > 0.5 * abs(float(found.nats[0]) - found.before),
    )


def _kept(found: Course, again: Run, straight: Run) -> Claim:
    pairs = zip(again.vae.state_dict().values(), straight.vae.state_dict().values(), strict=True)
    same = all(bool((a == b).all()) for a, b in pairs)
    return Claim(
        said="Ours: a run that is resumed is the run that was never stopped.",
        measured=f"read back it has {found.read_back:,.0f} nats where it had {found.before:,.0f}; "
        f"at the end all its weights are {'equal' if same else 'not equal'}, to the last bit, to "
        "those of a run without a stop",
        cause="A parameter that the loss reaches is in the model, the optimiser and the file; the "
        "optimiser's own state, the schedules and the random numbers are in the checkpoint.",
        holds=same and abs(found.jump) < 1e-3 * abs(found.before),
    )


def _table(found: dict[str, Course]) -> Table:
    head = ("variance", "before the stop", "read back", "one epoch later", "at the end")
    rows = []
    for name, one in found.items():
        later = one.nats[np.searchsorted(one.epochs, one.stopped + 1)]
        figures = (one.before, one.read_back, later, one.nats[-1])
        rows.append((name, *(f"{figure:,.0f}" for figure in figures)))
    return Table("Data term in nats per view, held out", head, tuple(rows))


def _picture(bench: Bench, theirs: Course, ours: Course) -> Picture:
    return bench.picture(
        "resumed",
        _drawn(theirs, ours),
        "The data term by the epoch, held out. The ring is the model as its files give it, before "
        "another step.",
    )


def _drawn(theirs: Course, ours: Course) -> "Figure":
    from vaestro.reports.figures import style

    sheet = style.Sheet(style.WIDE, 260)
    for place, (name, one) in enumerate({"the log's head": theirs, "ours": ours}.items()):
        axes = sheet.axes(70 + place * 380, 34, 290, 170)
        colour = style.WARNING if place == 0 else style.HELD_OUT
        axes.plot(one.epochs, one.nats, color=colour, linewidth=1.6)
        axes.axvline(one.stopped, color=style.QUIET, linewidth=0.8, linestyle=(0, (5, 3)))
        axes.plot([one.stopped], [one.read_back], "o", mfc="none", mec=colour, ms=8)
        axes.yaxis.set_major_formatter(style.plain_ticks())
        style.title(axes, name, "nats per view")
        style.label_x(axes, "epoch")
    return sheet.figure
