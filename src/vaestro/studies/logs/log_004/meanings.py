"""What the latent dimensions do, at beta 1 and at the beta that the search with a limit takes."""

from statistics import mean
from typing import NamedTuple

import numpy as np

from vaestro.data.tiles.look import look_at
from vaestro.experiments.traversal import Walked, walked
from vaestro.generation.meanings import CLEAR, Meaning
from vaestro.reports.figures import style
from vaestro.reports.figures.traversal import Walks, draw_walks
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_004.trials import Tried, accepted, shown, tried

MOST = 0.95
SHORT = {"centroid": "centre", "straightness": "straight", "mean curvature": "curvature"}
"""Words that are too long for a margin."""
ROWS = 6
"""Dimensions in a picture."""


class Known(NamedTuple):
    """A run's carriers, the fewest dimensions with 95 % of the KL, largest first. `strongest`: the
    mean over them of the largest rank correlation with a quantity; `gap`: the mean over quantities
    of how much more the first carrier goes with it than the second."""

    tried: Tried
    walk: Walked
    carriers: tuple[Meaning, ...]
    strongest: float
    gap: float


def meanings(bench: Bench) -> Chapter:
    """The chapter; it trains nothing that the one on beta has not."""
    found = tried(bench)
    plain, heavy = _known(found[0]), _known(accepted(found))
    return Chapter(
        name="meanings",
        title="Latent dimensions with a meaning",
        text=(
            "Each latent dimension is walked from -3 to 3 with the others at 0, and every one is "
            "asked over held-out streamlines which quantities rise with it: rank correlations "
            f"with length, place, end point, straightness and curvature; {CLEAR:g} counts as "
            "clear.",
        ),
        claims=(_aligned(plain, heavy), _named(heavy)),
        tables=(_table(heavy), _both(plain, heavy)),
        pictures=(_picture(bench, plain, "beta-1"), _picture(bench, heavy, "beta-chosen")),
    )


def _known(one: Tried) -> Known:
    walk = walked(one.run, list(range(one.run.vae.latent)))
    carriers = _carriers(walk.meanings)
    sizes = [[abs(rho) for rho in correlations(meaning).values()] for meaning in carriers]
    columns = [[0.0, *sorted(column)] for column in zip(*sizes, strict=True)]
    gaps = [column[-1] - column[-2] for column in columns]
    return Known(one, walk, carriers, mean(max(size) for size in sizes), mean(gaps))


def _carriers(found: list[Meaning]) -> tuple[Meaning, ...]:
    """The fewest dimensions that carry MOST of the KL, the largest first."""
    ordered = sorted(found, key=lambda meaning: -(meaning.kl or 0.0))
    carried = np.cumsum([meaning.kl or 0.0 for meaning in ordered])
    return tuple(ordered[: int(np.searchsorted(carried, MOST * carried[-1])) + 1])


def correlations(meaning: Meaning) -> dict[str, float]:
    """Rank correlations of a dimension with every quantity that is measured of a streamline."""
    shapes = {name: change.correlation for name, change in meaning.geometry.items()}
    return {**shapes, **meaning.covariates}


def _aligned(plain: Known, heavy: Known) -> Claim:
    return Claim(
        said="'encourages the model to learn a version of the latent space where features that "
        "can be perceived in the data space are aligned with the latent space dimensions'",
        measured=f"{len(plain.carriers)} dimensions carry 95 % of the KL at beta 1, "
        f"{len(heavy.carriers)} at {shown(heavy.tried.beta)}; a quantity goes with the first of "
        f"them more than with the second by {plain.gap:.2f} and {heavy.gap:.2f} of a rank "
        "correlation",
        cause="A larger beta leaves the directions that are worth most, here where a bundle lies "
        "and how it runs. That is fewer numbers to look at; which quantity each follows is the "
        "data's choice and not the user's.",
        holds=len(heavy.carriers) < len(plain.carriers),
    )


def _named(heavy: Known) -> Claim:
    named = [one for one in heavy.carriers if quantities(one)]
    told = ", ".join(f"z{one.dimension} {quantities(one)[0]}" for one in named[:4])
    return Claim(
        said="'once they are identified and located in the latent space'",
        measured=f"{len(named)} of these {len(heavy.carriers)} dimensions have a name: {told}",
        cause="Names are read from held-out streamlines, so that a dimension on which nothing "
        "depends has none.",
        holds=len(named) > 0.5 * len(heavy.carriers),
    )


def quantities(meaning: Meaning) -> list[str]:
    """The names of a dimension that are measured of a streamline; its bundle is none."""
    return [name for name in meaning.names if not name.startswith("label ")]


def _table(heavy: Known) -> Table:
    rows = tuple(
        (
            f"z{one.dimension}",
            f"{one.kl or 0.0:.2f}",
            ", ".join(quantities(one)[:3]) or "nothing clear",
            _change(one),
        )
        for one in heavy.carriers[:ROWS]
    )
    head = ("dimension", "KL, nats", "goes with", "length, mm")
    return Table(
        f"Beta {shown(heavy.tried.beta)}: what its dimensions do, and the length from -3 to 3",
        head,
        rows,
    )


def _change(one: Meaning) -> str:
    change = one.geometry["length"]
    return f"{change.first:.0f} to {change.last:.0f}"


def _both(plain: Known, heavy: Known) -> Table:
    rows = tuple(
        (
            shown(one.tried.beta),
            f"{one.tried.quality.kl:.1f}",
            str(len(one.carriers)),
            str(sum(bool(quantities(meaning)) for meaning in one.carriers)),
            f"{one.strongest:.2f}",
            f"{one.gap:.2f}",
        )
        for one in (plain, heavy)
    )
    head = (
        "beta, mm²",
        "KL, nats",
        "carriers",
        "named",
        "correlation",
        "gap",
    )
    title = (
        "Carriers of 95 % of the KL, their largest rank correlation, and how much more a quantity "
        "goes with the first of them than with the second; means"
    )
    return Table(title, head, rows)


def _picture(bench: Bench, known: Known, file: str) -> Picture:
    numbers = [one.dimension for one in known.carriers[:ROWS]]
    rows = np.array([known.walk.walk.dimensions.index(number) for number in numbers])
    samples = known.walk.walk.samples.numpy()[rows]
    names = tuple(f"z{one.dimension}\n{_short(one)}" for one in known.carriers[:ROWS])
    values = tuple(map(float, known.walk.walk.values))
    originals, _ = known.tried.run.reconstruct("validation")
    figure = draw_walks(Walks(samples, names, values), look_at(originals, None), style.WIDE)
    return bench.picture(
        f"walks-{file}",
        figure,
        f"Beta {shown(known.tried.beta)}: the dimensions with the largest KL, each walked alone, "
        "with what goes with it most clearly.",
    )


def _short(one: Meaning) -> str:
    """The first name in two lines of a narrow margin: centre y, +0.97."""
    named = quantities(one)
    if not named:
        return "no name"
    name, number = named[0].replace("_", " ").rsplit(" ", 1)
    for long, short in SHORT.items():
        name = name.replace(long, short)
    return f"{name}\n{number}".replace("-", "\u2212")
