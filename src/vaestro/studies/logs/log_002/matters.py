"""The four things that are said not to matter: learning rate, size, structure, epochs."""

from typing import Any

from vaestro.foundation.edits import as_text
from vaestro.reports.run_files import read_validations
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_002 import variance
from vaestro.studies.logs.log_002.figures import Dots, dots
from vaestro.studies.logs.log_002.rows import bound, of_variance, shown
from vaestro.studies.logs.log_002.setting import edge, own, recipe, small

RATES = (1e-4, 3e-4, 3e-3, 1e-2)
STRUCTURES, OWN = ("dense", "residual"), "the log's own"
SIZES = ((4, 16), (64, 1024))
"""Channels and width; 16 and 128 are those of the other chapters."""


SAID = {
    "learning rate": (
        "Learning rate doesn't matter.",
        "A small rate has not arrived when the run ends, a large one loses dimensions on the way: "
        "it decides when the picture is there, and not whether.",
    ),
    "channels x width": (
        "Network Size doesn't matter (as it is reasonable).",
        "A network that is too small costs many nats, and a larger one still gains some.",
    ),
    "structure": (
        "Network Structure doesn't matter.",
        "Which one is best depends on the pictures: on few small ones a dense network is ahead of "
        "transposed convolutions with one output channel.",
    ),
    "epochs": (
        "Don't need train too much epochs.",
        "A digit can be recognised early and the nats come late: four times the epochs still pay.",
    ),
}
"""What is changed, with the log's claim about it and the cause of what is found."""
Changed = dict[str, dict[str, float]]
"""Minus ELBO, nats, of each setting of what is changed."""


def chapter(bench: Bench) -> Chapter:
    """Change one thing at a time and compare with what another seed changes."""
    plain = [bound(row) for row in variance.of(bench, variance.rows(bench), 0.1)]
    changed = _changed(bench)
    seeds = max(plain) - min(plain)
    return Chapter(
        "matters",
        "What is said not to matter",
        (
            "At x_var 0.1, in minus ELBO on held-out digits: nats that a sample costs, comparable "
            f"between all of these. Other seeds alone change it by {shown(seeds)} nats.",
        ),
        tuple(_claim(what, values, plain) for what, values in changed.items()),
        (_table(changed, plain),),
        (_picture(bench, changed, plain),),
    )


def _changed(bench: Bench) -> Changed:
    edits, names = _settings(bench)
    rows = bench.population("matters", recipe(bench), edits)
    found = dict(zip(names, map(bound, rows), strict=True))
    return {
        "learning rate": {f"{r:g}": found[f"rate {r:g}"] for r in RATES},
        "channels x width": {f"{c} x {w}": found[f"size {c} x {w}"] for c, w in SIZES},
        "structure": {name: found[name] for name in (*STRUCTURES, OWN) if name in found},
        "epochs": _longer(bench),
    }


def _table(changed: Changed, plain: list[float]) -> Table:
    mean = sum(plain) / len(plain)
    rows = tuple(
        (f"{what} {name}", shown(value, 4), shown(value - mean))
        for what, values in changed.items()
        for name, value in values.items()
    )
    head = ("changed", "minus ELBO", "beside the mean of other seeds")
    return Table("Minus ELBO, nats", head, rows)


def _picture(bench: Bench, changed: Changed, plain: list[float]) -> Picture:
    groups = [Dots("other seeds", plain, [False] * len(plain))] + [
        Dots(what, list(values.values()), [False] * len(values), list(values))
        for what, values in changed.items()
    ]
    caption = "Each dot is a run that differs from the others in one thing; to the left is better."
    return bench.picture("matters", dots(groups, "minus ELBO, nats per sample", None), caption)


def _claim(what: str, values: dict[str, float], plain: list[float]) -> Claim:
    """That it matters: the worst is further from the other seeds than they are from each other."""
    said, cause = SAID[what]
    seeds = max(plain) - min(plain)
    most = max(max(plain) - min(values.values()), max(values.values()) - min(plain))
    told = ", ".join(f"{name}: {shown(value, 4)}" for name, value in values.items())
    return Claim(
        said,
        f"{what} {told} nats, beside {shown(min(plain), 4)} to {shown(max(plain), 4)} of other "
        "seeds.",
        cause,
        most > 2 * seeds,
    )


def _settings(bench: Bench) -> tuple[list[tuple[str, ...]], list[str]]:
    usual = of_variance(0.1)
    edits: list[tuple[str, ...]] = [(usual, f"training.learning_rate={rate:g}") for rate in RATES]
    names = [f"rate {rate:g}" for rate in RATES]
    for channels, width in SIZES:
        edits.append((usual, *_networks(small(edge(bench), channels, width))))
        names.append(f"size {channels} x {width}")
    dense = {"kind": "dense", "widths": [256, 256]}
    residual = {"kind": "convolution", "channels": [16, 32], "kernel": 4, "residual": True}
    backwards = {**residual, "channels": [32, 16]}
    edits.append((usual, *_networks({"encoder": dense, "decoder": dense})))
    edits.append((usual, *_networks({"encoder": residual, "decoder": backwards})))
    names += STRUCTURES
    if not bench.quick:
        published = own(bench).model
        sides = {"encoder": published.encoder.plain(), "decoder": published.decoder.plain()}
        edits.append((usual, *_networks(sides)))
        names.append(OWN)
    return edits, names


def _networks(networks: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"model.{side}={as_text(network)}" for side, network in networks.items())


def _longer(bench: Bench) -> dict[str, float]:
    """Minus ELBO after so many epochs of one long run."""
    epochs = bench.pick((5, 20, 80), (5, 10, 40))
    edits = [of_variance(0.1), f"training.epochs={epochs[-1]}", "training.validate_epochs=5"]
    run = bench.train("epochs", recipe(bench), edits)
    rows = read_validations(run.folder.history)
    return {str(row["epoch"]): bound(row) for row in rows if row["epoch"] in epochs}
