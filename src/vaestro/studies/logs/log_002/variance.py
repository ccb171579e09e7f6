"""x_var: what it does to copies, samples and both terms, and which beta it means."""

from vaestro.experiments.run import Run
from vaestro.foundation.files import read_json
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_002.figures import Strip, strips
from vaestro.studies.logs.log_002.rows import (
    Row,
    control,
    copies,
    of_variance,
    one_of_each,
    printed_rec,
    shown,
    spread,
)
from vaestro.studies.logs.log_002.setting import LATENT, recipe

VALUES = (10.0, 1.0, 0.1, 0.01)
MISSING = LATENT / 2
"""Nats that the log's formula has too many."""
SILENT = (
    " Where the doctor is silent it has looked at pixels too: among pictures as various as these a "
    "blend of digits is no further from the next copy than copies are from each other."
)
"""Why a control that is lost and a doctor who is content go together."""
SHORT = " At x_var 1 some directions would pay: so short a run has not found them."
PAIRS = ((1.0, 0.01), (1.0, 10.0))
"""x_var and beta of two further runs."""


def seeds(bench: Bench) -> int:
    """How many runs each x_var has."""
    return bench.pick(3, 10)


def rows(bench: Bench) -> list[Row]:
    """The runs of every x_var, seed after seed, and then those of PAIRS."""
    every = range(seeds(bench))
    members = [(of_variance(v), f"seed={seed}") for v in VALUES for seed in every]
    pairs = [(of_variance(v), "seed=0", f"objective.beta={beta:g}") for v, beta in PAIRS]
    return bench.population("x-var", recipe(bench), [*members, *pairs])


def of(bench: Bench, found: list[Row], variance: float) -> list[Row]:
    """The runs of one x_var."""
    first = VALUES.index(variance) * seeds(bench)
    return found[first : first + seeds(bench)]


def chapter(bench: Bench) -> Chapter:
    """Train every x_var and compare."""
    found = rows(bench)
    firsts = {v: bench.member("x-var", VALUES.index(v) * seeds(bench)) for v in VALUES}
    elements = firsts[1.0].spec.elements
    controls = {v: control(run) for v, run in firsts.items()}
    recs = {v: [printed_rec(r, v, elements) for r in of(bench, found, v)] for v in VALUES}
    return Chapter(
        "x-var",
        "x_var is a weight, and the weight is beta",
        (
            "x_var is the variance of p(x|z, y). Squared error over 2 x_var plus KL is, times "
            "x_var, the loss at variance 1 with beta = x_var: a large one squeezes the code until "
            "nothing is left in it, a small one lets the codes go where the prior never draws.",
        ),
        (
            _beta(bench, found),
            _mismatch(bench, found, controls),
            _fluffy(bench, found, firsts),
            _between(bench, found, recs),
        ),
        (_table(bench, found, recs, controls),),
        (_picture(bench, firsts),),
    )


def _beta(bench: Bench, found: list[Row]) -> Claim:
    small, same, ten = of(bench, found, 0.01)[0], *found[-2:]
    apart = abs(small["mse"] - same["mse"]) / small["mse"]
    return Claim(
        "x_var = 0.01 corresponds to beta-VAE with beta = 10.",
        f"x_var 0.01 and x_var 1 with beta 0.01 end with a mean squared error of "
        f"{shown(small['mse'])} and {shown(same['mse'])} and a KL of "
        f"{shown(small['prior_term'])} and {shown(same['prior_term'])} nats; x_var 1 with beta 10 "
        f"has {shown(ten['mse'])} and {shown(ten['prior_term'])} nats.",
        "beta is x_var, 0.01: the prior counts a hundredth, not ten times. 10 is 1 / sqrt(0.01), "
        "from when the constant was a standard deviation.",
        apart < 0.1 and ten["prior_term"] < 1 < small["prior_term"],
    )


def _mismatch(bench: Bench, found: list[Row], controls: dict[float, float]) -> Claim:
    low, mid = (of(bench, found, v) for v in (0.01, 0.1))
    nats = [float(row["prior_term"]) for row in low]
    words = sum(row["verdict"] == "prior_mismatch" for row in low)
    return Claim(
        "The KL divergence is around 170 ... the reconstruction image is successful ... the "
        "generated images are not good.",
        f"At x_var 0.01 the log would print a KL of {spread([n + MISSING for n in nats])} nats; it "
        f"is {spread(nats)}. The error is the smallest ({shown(low[0]['mse'])} beside "
        f"{shown(mid[0]['mse'])} at 0.1), the doctor says prior mismatch of {words} of {len(low)} "
        f"runs, and {controls[0.01]:.0%} of samples show the digit that was asked for, beside "
        f"{controls[0.1]:.0%}.",
        "A prior that counts a hundredth does not keep the codes where it draws: what it draws, "
        f"the decoder has never seen.{'' if words == len(low) else SILENT}",
        words == len(low) and low[0]["mse"] < mid[0]["mse"] and controls[0.01] < controls[0.1],
    )


def _fluffy(bench: Bench, found: list[Row], firsts: dict[float, Run]) -> Claim:
    told = [int(read_json(firsts[v].folder.forecast)["live_dimensions"]) for v in VALUES]
    ends = {v: of(bench, found, v) for v in VALUES}
    live = [max(int(row["live_dimensions"]) for row in ends[v]) for v in VALUES]
    errors = [sum(row["mse"] for row in ends[v]) / len(ends[v]) for v in VALUES]
    return Claim(
        'Increasing it leads to a more "fluffy" image.',
        f"Live dimensions at x_var {', '.join(f'{v:g}' for v in VALUES)}: "
        f"{', '.join(map(str, live))}, foretold for a linear model {', '.join(map(str, told))}; "
        f"mean squared error {', '.join(map(shown, errors))}.",
        "At the fluffy end nothing is in the code: the picture is the mean of its digit, which the "
        f"label alone tells.{SHORT if told[1] > 1 > live[1] else ''}",
        live[0] == 0 and min(errors[:2]) > errors[2] > errors[3],
    )


def _between(bench: Bench, found: list[Row], recs: dict[float, list[float]]) -> Claim:
    kls = {v: [float(r["prior_term"]) + MISSING for r in of(bench, found, v)] for v in VALUES}
    every = [x for some in (recs, kls) for values in some.values() for x in values]
    said = "; ".join(f"{v:g}: {spread(recs[v])} and {spread(kls[v])}" for v in VALUES)
    return Claim(
        "No matter how large x_var is, the final reconstruction loss and KL divergence are all "
        "between 10 and 100.",
        f"As the log prints them, at x_var {said} nats.",
        "The reconstruction loss is in another unit at each x_var, so that its numbers say nothing "
        "about each other, and 50 of the KL are not there. Compare the mean squared error.",
        not all(10 <= value <= 100 for value in every),
    )


def _table(
    bench: Bench,
    found: list[Row],
    recs: dict[float, list[float]],
    controls: dict[float, float],
) -> Table:
    lines = []
    for v in VALUES:
        some = of(bench, found, v)
        nats = [float(row["prior_term"]) for row in some]
        live = [float(row["live_dimensions"]) for row in some]
        words = ", ".join(sorted({str(row["verdict"]) for row in some}))
        lines.append(
            (
                f"{v:g}",
                spread(recs[v]),
                spread([n + MISSING for n in nats]),
                f"{sum(nats) / len(nats):.2f}",
                shown(sum(row["mse"] for row in some) / len(some)),
                spread(live),
                f"{controls[v]:.0%}",
                words,
            )
        )
    head = ("x_var", "rec of the log", "KL of the log", "KL, nats", "error", "live", "control")
    return Table(f"{seeds(bench)} seeds each", (*head, "doctor"), tuple(lines))


def _picture(bench: Bench, firsts: dict[float, Run]) -> Picture:
    real, _ = copies(firsts[1.0])
    made = [Strip("held-out digits", real)]
    made += [Strip(f"copies, x_var {v:g}", copies(run)[1]) for v, run in firsts.items()]
    made += [Strip(f"samples, x_var {v:g}", one_of_each(run)) for v, run in firsts.items()]
    caption = (
        "Held-out digits, their copies, and samples from the prior for the labels 0 to 9. From 10 "
        "down to 0.01 copies become sharp, and samples fall apart."
    )
    return bench.picture("x-var", strips(made), caption)
