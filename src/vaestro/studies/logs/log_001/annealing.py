"""Kinds of annealing: at the log's weight, and near the largest beta at which a dimension lives."""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any, NamedTuple

from vaestro.experiments.forecasting.face import forecast
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.streamlines import epochs, lines, network, theirs

KINDS: Mapping[str, str] = {
    "none": "{end}",
    "linear": "{{kind: linear, start: 0, end: {end}, length: 0.5 of run}}",
    "cosine": "{{kind: cosine, start: 0, end: {end}, length: 0.5 of run}}",
    "cyclical": "{{kind: cyclical, start: 0, end: {end}, cycles: 4, length: 0.8 of run}}",
    "up and down again, the log's": "{{kind: rise-and-fall, start: 0, peak: {peak}, end: {end}, "
    "rise: 0.3 of run, fall: 0.3 of run}}",
}
"""objective.beta of each kind; the log's rises to twice its end."""
LOGS = "up and down again, the log's"
NEAR = 0.6
"""A beta near the largest at which a dimension lives, as a share of it."""


class Cell(NamedTuple):
    """A kind of annealing at one final beta, a number for each seed: live dimensions, error in mm,
    KL in nats."""

    live: tuple[float, ...]
    error: tuple[float, ...]
    kl: tuple[float, ...]


Found = Mapping[tuple[str, float], Cell]


def annealing(bench: Bench) -> Chapter:
    """The chapter: one population, every kind at two final betas with seeds."""
    base = bench.recipe("streamline-vae", _edits(bench))
    largest = forecast(base).largest_beta_one_lives
    assert largest is not None, "the likelihood is a Gaussian of fixed variance"
    betas = (1.0, float(f"{NEAR * largest:.3g}"))
    seeds = range(bench.pick(2, 3))
    members = [
        (f"objective.beta={text.format(end=beta, peak=2 * beta)}", f"seed={seed}")
        for beta in betas
        for text in KINDS.values()
        for seed in seeds
    ]
    rows = bench.population("annealing", base, members)
    found = _cells(rows, betas, len(seeds))
    return Chapter(
        name="annealing",
        title="Annealing the KL",
        text=(
            "The log plans to raise the weight of the KL during the first epochs and to lower it "
            "again, 'to avoid the model getting stuck in a local minimum'. The forecast has the "
            f"largest beta at which a dimension lives at {largest:,.0f} mm²: the log's 1 lies far "
            f"below, {betas[1]:,.0f} near it.",
        ),
        claims=_claims(found, betas),
        tables=(_table(found),),
    )


def _edits(bench: Bench) -> tuple[str, ...]:
    length = epochs(bench.pick(30, 20))
    return (*lines(bench), *network(bench), *theirs(bench), length)


def _cells(
    rows: Sequence[Mapping[str, Any]], betas: Sequence[float], seeds: int
) -> dict[tuple[str, float], Cell]:
    """The rows of the population by kind and final beta; they come in the order of the members."""
    names = [(kind, beta) for beta in betas for kind in KINDS]
    return {
        name: _cell(rows[place * seeds : (place + 1) * seeds]) for place, name in enumerate(names)
    }


def _cell(rows: Sequence[Mapping[str, Any]]) -> Cell:
    return Cell(
        tuple(float(row["live_dimensions"]) for row in rows),
        tuple(float(row["mse"]) ** 0.5 for row in rows),
        tuple(float(row["prior_term"]) for row in rows),
    )


def _claims(found: Found, betas: Sequence[float]) -> tuple[Claim, ...]:
    far, near = ({kind: found[kind, beta] for kind in KINDS} for beta in betas)
    errors = {kind: mean(cell.error) for kind, cell in far.items()}
    none, rising, falling = (near[kind] for kind in ("none", "linear", LOGS))
    return (
        Claim(
            said="'This is done to avoid the model getting stuck in a local minimum'",
            measured=f"at beta {betas[0]:g} no kind loses a dimension, none included; errors "
            f"{min(errors.values()):.2f} to {max(errors.values()):.2f} mm, without annealing "
            f"{errors['none']:.2f}",
            cause="Far below the threshold collapse is no minimum: every direction grows from "
            "the start, and there is nothing to avoid.",
            holds=len({min(cell.live) for cell in far.values()}) == 1 and min(far["none"].live) > 0,
        ),
        Claim(
            said="The same near the threshold.",
            measured=f"at beta {betas[1]:,.0f} {_fate(none)} without annealing, {_fate(rising)} "
            "with a linear rise",
            cause="Below the threshold collapse is a saddle: directions grow, if slowly, at full "
            "weight too.",
            holds=min(none.live) > 0 and mean(none.error) < 1.1 * mean(rising.error),
        ),
        Claim(
            said="'increasing the KL loss weight during the first epochs of training and then "
            "decreasing it'",
            measured=f"at beta {betas[1]:,.0f} {_fate(falling)}, without annealing {_fate(none)}; "
            f"errors {_range(falling.error)} and {_range(none.error)} mm",
            cause="On its way it passes weights at which nothing can live, and what has grown "
            "dies there.",
            holds=_every(falling.error, none.error) and _every(none.kl, falling.kl),
        ),
    )


def _fate(cell: Cell) -> str:
    return f"{mean(cell.live):.1f} live dimensions, {mean(cell.error):.1f} mm"


def _every(more: Sequence[float], less: Sequence[float]) -> bool:
    """Whether the first is larger than the second with every seed."""
    return all(one > other for one, other in zip(more, less, strict=True))


def _table(found: Found) -> Table:
    rows = tuple(
        (kind, f"{beta:,.0f}", _range(cell.live), _range(cell.error), _range(cell.kl))
        for (kind, beta), cell in found.items()
    )
    head = ("annealing", "beta at the end, mm²", "live dimensions", "error, mm", "KL, nats")
    seeds = len(next(iter(found.values())).live)
    return Table(f"The least and the most of {seeds} seeds, the validation split", head, rows)


def _range(values: Sequence[float]) -> str:
    least, most = f"{min(values):.3g}", f"{max(values):.3g}"
    return least if least == most else f"{least} to {most}"
