"""More parameters, or more time: the questions that the log asked of its first network and of the
first one that sees components."""

from typing import NamedTuple

import numpy as np

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_003.measures import Errors, Numbers, errors, spread_over
from vaestro.studies.logs.log_003.networks import convolutions, dense, stages
from vaestro.studies.logs.log_003.views import edge, on_components, on_pixels, widths

SIZE, MOST_FILTERS = (16, 32), (16, 512)
EPOCHS, LONGER = (3, 4), 3
SEEDS, DEEP = 3, (512,) * 4
PLAIN, WIDE, LONG = "as it was", "twice as wide", f"{LONGER} times the epochs"


class Seeds(NamedTuple):
    """Errors in greys over the seeds, (S,) each."""

    train: Numbers
    validation: Numbers
    test: Numbers


def capacity(bench: Bench) -> Chapter:
    """The chapter."""
    found, deep = _trained(bench), _of_components(bench)
    rows = [(name, *(f"{error:.1f}" for error in one)) for name, one in found.items()]
    of_components = [(name, *map(spread_over, one)) for name, one in deep.items()]
    head = ("network", "train", "validation", "test")
    return Chapter(
        name="capacity",
        title="Capacity and time",
        text=(
            "The log's convolutions under cross-entropy, 10 latents; and four layers of 512 on "
            f"components, 128 latents, {SEEDS} seeds each.",
        ),
        claims=(_more(found), _higher(deep)),
        tables=(
            Table("Errors in greys of convolutions", head, tuple(rows)),
            Table(
                "Errors in greys of dense layers on components, mean and spread",
                head,
                tuple(of_components),
            ),
        ),
    )


def _trained(bench: Bench) -> dict[str, Errors]:
    epochs, width = bench.pick(*EPOCHS), bench.pick(64, 256)
    filters, grid = stages(edge(bench, SIZE), bench.pick(*MOST_FILTERS))
    wider = [2 * count for count in filters]
    members = {
        PLAIN: convolutions(filters, width, grid, narrow=True),
        WIDE: convolutions(wider, 2 * width, grid, narrow=True),
        LONG: convolutions(filters, width, grid, narrow=True),
    }
    lengths = {PLAIN: epochs, WIDE: epochs, LONG: LONGER * epochs}
    edits = [(*e, f"training.epochs={lengths[name]}") for name, e in members.items()]
    bench.population("capacities", on_pixels(bench, size=SIZE), edits, width=1)
    return {name: errors(bench.member("capacities", n)) for n, name in enumerate(members)}


def _of_components(bench: Bench) -> dict[str, Seeds]:
    recipe = on_components(bench, "model.latent=128")
    epochs, layers = recipe.training.epochs, widths(bench, DEEP)
    wider = [2 * width for width in layers]
    members = {
        PLAIN: (*dense(layers), f"training.epochs={epochs}"),
        WIDE: (*dense(wider), f"training.epochs={epochs}"),
        LONG: (*dense(layers), f"training.epochs={LONGER * epochs}"),
    }
    edits = [(*one, f"seed={seed}") for one in members.values() for seed in range(SEEDS)]
    bench.population("component-capacities", recipe, edits, width=1)
    every = [errors(bench.member("component-capacities", n)) for n in range(len(edits))]
    return {
        name: Seeds(*np.array(every[place * SEEDS : (place + 1) * SEEDS]).T)
        for place, name in enumerate(members)
    }


def _more(found: dict[str, Errors]) -> Claim:
    plain, wide, long = (found[name] for name in (PLAIN, WIDE, LONG))
    return Claim(
        said="'Perhaps adding more paramaters may help ... perhaps training for more time could "
        "help'",
        measured=f"on training views {plain.train:.1f} greys, twice as wide {wide.train:.1f}, "
        f"{LONGER} times as long {long.train:.1f}; on unseen toys {plain.validation:.1f}, "
        f"{wide.validation:.1f} and {long.validation:.1f}",
        cause="The first network was not at its end, and either brings it nearer. Where unseen "
        "toys gain less than seen ones, the rest is memory of seven objects a kind.",
        holds=min(wide.train, long.train) < plain.train,
    )


def _higher(found: dict[str, Seeds]) -> Claim:
    plain, wide, long = (found[name] for name in (PLAIN, WIDE, LONG))
    return Claim(
        said="'Maybe training for more epochs? Maybe a higher capacity network?'",
        measured=f"on components, on training views {plain.train.mean():.1f} greys, twice as wide "
        f"{wide.train.mean():.1f}, {LONGER} times as long {long.train.mean():.1f}; on unseen toys "
        f"{plain.validation.mean():.1f}, {wide.validation.mean():.1f} and "
        f"{long.validation.mean():.1f}",
        cause="Four layers are slow to let anything through to the latents: time mends that, and "
        "width makes each step count for more. What unseen toys lack more than seen ones, neither "
        "gives.",
        holds=bool(long.train.mean() < plain.train.mean()),
    )
