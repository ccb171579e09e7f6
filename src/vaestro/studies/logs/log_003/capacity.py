"""More parameters, or more time: the questions that the log asked of its first network."""

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_003.measures import Errors, errors
from vaestro.studies.logs.log_003.networks import convolutions
from vaestro.studies.logs.log_003.views import on_pixels

SIZE, GRID = 16, (4, 3)
FILTERS = ((4, 8, 16), (16, 32, 64, 128, 256, 512))
EPOCHS, LONGER = (3, 50), 3
PLAIN, WIDE, LONG = "as it was", "twice as wide", f"{LONGER} times the epochs"


def capacity(bench: Bench) -> Chapter:
    """The chapter."""
    found = _trained(bench)
    rows = [(name, *(f"{error:.1f}" for error in one)) for name, one in found.items()]
    return Chapter(
        name="capacity",
        title="Capacity and time",
        text=("The log's convolutions under cross-entropy, 10 latents.",),
        claims=(_more(found),),
        tables=(Table("Errors in greys", ("network", "train", "validation", "test"), tuple(rows)),),
    )


def _trained(bench: Bench) -> dict[str, Errors]:
    epochs, filters, width = bench.pick(*EPOCHS), bench.pick(*FILTERS), bench.pick(64, 256)
    grid = bench.pick(*GRID)
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
