"""The four things that are said not to matter: learning rate, size, structure, epochs."""

from typing import Any

from vaestro.foundation.edit_text import as_text
from vaestro.reports.run_files import read_rows
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_002 import variance
from vaestro.studies.logs.log_002.figures import Dots, dots
from vaestro.studies.logs.log_002.rows import bound, of_variance, shown
from vaestro.studies.logs.log_002.setting import edge, recipe, small

RATES = (1e-4, 3e-4, 3e-3, 1e-2)
SIZES = ((4, 16), (64, 1024))
"""Channels and width; 16 and 128 are those of the other chapters."""


def chapter(bench: Bench) -> Chapter:
    """Change one thing at a time and compare with what another seed changes."""
    plain = [bound(row) for row in variance.of(bench, variance.rows(bench), 0.1)]
    usual = recipe(bench)
    edits, names = _settings(bench)
    rows = bench.population("matters", usual, edits)
    found = dict(zip(names, map(bound, rows), strict=True))
    longer = _longer(bench)
    rate = {f"{r:g}": found[f"rate {r:g}"] for r in RATES}
    size = {f"{c} x {w}": found[f"size {c} x {w}"] for c, w in SIZES}
    structure = {name: found[name] for name in ("dense", "residual")}
    seeds = max(plain) - min(plain)
    groups = [
        Dots("other seeds", plain, [False] * len(plain)),
        *(
            Dots(name, list(values.values()), [False] * len(values), list(values))
            for name, values in (
                ("learning rates", rate),
                ("sizes", size),
                ("structures", structure),
                ("epochs", longer),
            )
        ),
    ]
    caption = "Each dot is a run that differs from the others in one thing; to the left is better."
    return Chapter(
        "matters",
        "What is said not to matter",
        (
            "At x_var 0.1, in minus ELBO on held-out digits: nats that a sample costs, comparable "
            f"between all of these. Other seeds alone change it by {shown(seeds)} nats.",
        ),
        (
            _claim(
                "Learning rate doesn't matter.",
                "learning rates",
                rate,
                plain,
                "A small rate has not arrived when the run ends, a large one loses dimensions on "
                "the way: it decides when the picture is there, and not whether.",
            ),
            _claim(
                "Network Size doesn't matter (as it is reasonable).",
                "channels x width",
                size,
                plain,
                "A network that is too small costs many nats, and a larger one still gains some.",
            ),
            _claim(
                "Network Structure doesn't matter.",
                "structures",
                structure,
                plain,
                "Which one is best depends on the pictures: on few small ones a dense network is "
                "ahead of transposed convolutions with one output channel.",
            ),
            _claim(
                "Don't need train too much epochs.",
                "epochs",
                longer,
                plain,
                "A digit can be recognised early and the nats come late: four times the epochs "
                "still pay.",
            ),
        ),
        (
            Table(
                "Minus ELBO, nats",
                ("changed", "minus ELBO", "beside the mean of other seeds"),
                tuple(
                    (f"{kind} {name}", shown(value, 4), shown(value - sum(plain) / len(plain)))
                    for kind, values in (
                        ("learning rate", rate),
                        ("channels x width", size),
                        ("structure", structure),
                        ("epochs", longer),
                    )
                    for name, value in values.items()
                ),
            ),
        ),
        (bench.picture("matters", dots(groups, "minus ELBO, nats per sample", None), caption),),
    )


def _claim(said: str, what: str, values: dict[str, float], plain: list[float], cause: str) -> Claim:
    """That it matters: the worst is further from the other seeds than they are from each other."""
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
    return edits, [*names, "dense", "residual"]


def _networks(networks: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"model.{side}={as_text(network)}" for side, network in networks.items())


def _longer(bench: Bench) -> dict[str, float]:
    """Minus ELBO after so many epochs of one long run."""
    epochs = bench.pick((5, 20, 80), (10, 100, 200))
    edits = [of_variance(0.1), f"training.epochs={epochs[-1]}", "training.validate_epochs=5"]
    run = bench.train("epochs", recipe(bench), edits)
    rows = [row for row in read_rows(run.folder.history) if row.get("split") == "validation"]
    return {str(row["epoch"]): bound(row) for row in rows if row["epoch"] in epochs}
