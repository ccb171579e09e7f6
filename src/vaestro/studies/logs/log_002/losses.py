"""Whether a model that does not work at all has a wrong loss."""

from vaestro.experiments.run import Run
from vaestro.reports.numerals import counted
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture
from vaestro.studies.logs.log_002 import deaths, variance
from vaestro.studies.logs.log_002.figures import Strip, strips
from vaestro.studies.logs.log_002.rows import copies, of_variance, shown
from vaestro.studies.logs.log_002.setting import recipe


def chapter(bench: Bench) -> Chapter:
    """A wrong loss that fails, one that does not, and a right one that fails."""
    edits = [of_variance(0.1), f"training.epochs={bench.pick(4, 10)}"]
    crossed = bench.train("broadcast", recipe(bench), edits, ("broadcast-over-batch",))
    right = bench.member("x-var", variance.VALUES.index(0.1) * variance.seeds(bench))
    found = deaths.deaths(bench)
    gone = sum(deaths.dead(row, found.black) for row in found.theirs)
    wrong = crossed.summary["validation"]
    return Chapter(
        "losses",
        "When nothing works, is it the loss?",
        (),
        (
            Claim(
                "Always: Shape issue when calculating reconstruction loss. The bug comes from "
                "distribution.sample.",
                f"With every digit compared with the outputs of its whole batch, the error is "
                f"{shown(wrong['mse'])} and {wrong['live_dimensions']} dimensions live; with its "
                f"own outputs {shown(right.summary['validation']['mse'])}.",
                "A sample with an axis too many broadcasts without a word. The best output is then "
                "the mean of all digits. Shapes that would broadcast are refused here.",
                wrong["mse"] > 1.5 * right.summary["validation"]["mse"],
            ),
            Claim(
                "The hyperparameters don't matter when dealing with 'work or not' problem. When "
                "the model don't work at all, the loss must be wrong.",
                f"{counted(gone, 'run')} of another chapter ended with dead outputs and a loss "
                "that is right; with the log's wrong KL the runs ended the same; and x_var, a "
                "hyperparameter, decides alone whether anything lives.",
                "Three causes look alike: the weight between the terms, an output that has no "
                "gradient, and a formula. vaestro doctor tells them apart.",
                gone > 0,
            ),
        ),
        (),
        (_picture(bench, crossed, right),),
    )


def _picture(bench: Bench, crossed: Run, right: Run) -> Picture:
    real, whole = copies(right)
    rows = [
        Strip("held-out digits", real),
        Strip("copies", whole),
        Strip("with the shape bug", copies(crossed)[1]),
    ]
    caption = "Copies of held-out digits, with the right shapes and with those of the log's bug 1."
    return bench.picture("losses", strips(rows), caption)
