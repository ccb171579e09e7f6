"""Runs that die: a ReLU behind the last layer, and a code that nothing pays for."""

from typing import NamedTuple

import numpy as np

from vaestro.experiments.recipe import Recipe, apply
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_002.figures import Dots, dots
from vaestro.studies.logs.log_002.rows import Row, of_variance, shown
from vaestro.studies.logs.log_002.setting import edge, recipe

VALUES = (1.0, 0.1, 0.01)
SEEDS = 10
RATE = "training.learning_rate=1e-2"
"""Ten times the log's, so that deaths come within ten seeds."""
SHAPES = "data={kind: sprites, size: %d, scales: 3, orientations: 4, positions: 6}"
"""White on black, as most of MNIST is."""
NEARLY = 1e-3


class Deaths(NamedTuple):
    """The runs with the log's decoder and with ours, ten seeds for each x_var, and the mean squared
    error of a black picture."""

    theirs: list[Row]
    ours: list[Row]
    black: float

    @property
    def dead(self) -> tuple[list[bool], list[bool]]:
        """Which of the runs of either decoder have dead outputs."""
        theirs, ours = ([dead(r, self.black) for r in rows] for rows in (self.theirs, self.ours))
        return theirs, ours


def deaths(bench: Bench) -> Deaths:
    """Train every x_var with ten seeds, as one population with each decoder."""
    made = _recipe(bench)
    members = [(of_variance(v), f"seed={seed}") for v in VALUES for seed in range(SEEDS)]
    theirs = bench.population("relu", made, members, ("dead-relu-output",))
    ours = bench.population("linear", made, members)
    squares = [b.truth.square().mean() for b in bench.member("linear", 0).batches("validation")()]
    return Deaths(theirs, ours, float(np.mean(squares)))


def _recipe(bench: Bench) -> Recipe:
    shapes = (SHAPES % edge(bench), "model.condition=none") if bench.data is None else ()
    return apply(
        recipe(bench), [*shapes, RATE, "training.epochs=3", "training.validate_epochs=100"]
    )


def dead(row: Row, black: float) -> bool:
    """Whether outputs are dead: all of them, or as many as the doctor needs to say so."""
    return bool(row["verdict"] == "dead_output") or prints_black(row, black)


def prints_black(row: Row, black: float) -> bool:
    """Whether the run prints black pictures alone."""
    return bool(abs(row["mse"] / black - 1) < NEARLY)


def chapter(bench: Bench) -> Chapter:
    """Count who dies, and of what."""
    found, epochs = deaths(bench), _recipe(bench).training.epochs
    shapes = "White shapes on black, as most of MNIST is" if bench.data is None else "MNIST"
    return Chapter(
        "deaths",
        "Who dies, and of what",
        (
            f"{shapes}, ten seeds for each x_var, {epochs} epochs at ten times the log's learning "
            "rate. A decoder of the log's kind, drawn as torch draws it, with a ReLU behind its "
            "last layer, beside ours: linear, and begun at the mean picture.",
        ),
        (_dying(found, edge(bench)), _collapsing(found)),
        (_table(found),),
        (_picture(bench, found),),
    )


def _dying(found: Deaths, edge: int) -> Claim:
    theirs, ours = found.dead
    whole = sum(prints_black(row, found.black) for row in found.theirs)
    cost = 0.5 * found.black * edge**2
    return Claim(
        "There is a certain probability for the training process to die! ... completely dark image "
        "(value<0).",
        f"{sum(theirs)} of {len(theirs)} runs with the ReLU end with dead outputs, {whole} of them "
        f"with nothing but black pictures; without it {sum(ours)} of {len(ours)}. Half the squared "
        f"error of black is {shown(cost)} here; for MNIST it is 43.9, the log's 'around 40'.",
        "Where a ReLU gives 0 for every sample it has no gradient, and a step that is too long "
        "takes the only output channel there for ever. The loss is innocent.",
        sum(theirs) > 0 and not any(ours),
    )


def _collapsing(found: Deaths) -> Claim:
    empty = [row["live_dimensions"] == 0 for row in found.ours]
    emptied = [row["mse"] for row, none in zip(found.ours, empty, strict=True) if none]
    return Claim(
        "However, if the process doesn't die, the final image is like below. (Collapsed is not "
        "dead.)",
        f"Without the ReLU {sum(empty[:SEEDS])} of {SEEDS} runs have no live dimension at x_var 1 "
        f"and {sum(empty[2 * SEEDS :])} of {SEEDS} at 0.01. They print the mean picture, at "
        f"{min(emptied, default=0) / found.black:.0%} to "
        f"{max(emptied, default=0) / found.black:.0%} of black's error.",
        "The code is empty, because the weight asks for it or the start was cold; the gradients "
        "are all there, and with a smaller x_var it fills.",
        any(empty[:SEEDS]) and not any(empty[2 * SEEDS :]),
    )


def _picture(bench: Bench, found: Deaths) -> Picture:
    theirs, ours = found.dead
    groups = [
        Dots(
            f"{name}, x_var {v:g}",
            [row["mse"] / found.black for row in rows[place * SEEDS : (place + 1) * SEEDS]],
            gone[place * SEEDS : (place + 1) * SEEDS],
        )
        for place, v in enumerate(VALUES)
        for name, rows, gone in (("ReLU", found.theirs, theirs), ("linear", found.ours, ours))
    ]
    measure, line = "error, as a share of a black picture's", (1.0, "black")
    figure = dots(groups, measure, line, "the output is dead")
    caption = "Each mark is a run. Those on the line print nothing but black."
    return bench.picture("deaths", figure, caption)


def _table(found: Deaths) -> Table:
    (theirs, ours), lines = found.dead, []
    for name, rows, gone in (("ReLU", found.theirs, theirs), ("linear", found.ours, ours)):
        for place, v in enumerate(VALUES):
            part = slice(place * SEEDS, (place + 1) * SEEDS)
            empty = sum(
                row["live_dimensions"] == 0 and not over
                for row, over in zip(rows[part], gone[part], strict=True)
            )
            worst = max(row["mse"] for row in rows[part]) / found.black
            lines.append((f"{name}, x_var {v:g}", str(sum(gone[part])), str(empty), f"{worst:.0%}"))
    head = ("decoder", f"dead of {SEEDS}", "no live dimension", "worst error, of black's")
    return Table("Deaths and collapses", head, tuple(lines))
