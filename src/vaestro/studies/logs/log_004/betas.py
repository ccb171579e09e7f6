"""Betas above 1 in the logs' unit, and what a search that puts the error first makes of them."""

from collections.abc import Sequence

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_004.trials import (
    PRICE,
    STANDARDISED,
    Tried,
    chosen,
    shown,
    thresholds,
    trial,
    tried,
)
from vaestro.studies.logs.streamline_figures import Plot, Series, plots, side_by_side
from vaestro.studies.logs.streamlines import NEAR, about

LESS = 2 / 3
"""The KL that is left where twice the error is allowed: less than this share of that at beta 1."""

SHOWN = 150
"""Streamlines in a picture."""


def betas(bench: Bench) -> Chapter:
    """The chapter."""
    largest, unit = thresholds(bench)
    found = tried(bench)
    first_run = found[0].run
    first, limited = chosen(found)
    return Chapter(
        name="betas",
        title="A beta above 1, and the search for it",
        text=(
            "The log's loss, the mean squared error of a coordinate plus beta times the KL, on "
            f"millimetres. There beta is in mm². The forecast: some dimension lives up to "
            f"{largest:,.0f} mm², and up to {unit:.2f} where points are standardised. "
            f"{about(first_run.recipe, first_run.material)} One run each.",
        ),
        claims=(
            _price(found),
            _search(found, first),
            _asked(found, limited),
            _unit(bench, found, unit),
            _reached(found),
        ),
        tables=(_table(found, first, limited),),
        pictures=(_curves(bench, found), _samples(bench, found, limited)),
    )


def _price(found: Sequence[Tried]) -> Claim:
    first, last = found[0], found[-1]
    errors = [one.quality.error for one in found]
    return Claim(
        said="'increasing the beta weight compromises the reconstruction quality'",
        measured=f"error {first.quality.error:.2f} mm at beta {first.beta:g}, "
        f"{last.quality.error:.2f} mm at {last.beta:,.0f}; {first.quality.live} and "
        f"{last.quality.live} live dimensions",
        cause="The loss is that of a Gaussian with variance 384 beta mm² (256 points of 3 "
        "coordinates, halved): finer detail than its noise is worth no nats.",
        holds=errors[-1] == max(errors) and last.quality.live < first.quality.live,
    )


def _search(found: Sequence[Tried], place: int) -> Claim:
    return Claim(
        said="'a hyperparameter search while constraining the parameter to be higher than one, "
        "and to try to prioritize the MSE'",
        measured=f"of {', '.join(shown(one.beta) for one in found)} it takes "
        f"{shown(found[place].beta)}",
        cause="The error falls with every smaller beta, so that the bound is what decides, and "
        "the search is none.",
        holds=place <= 1,
    )


def _asked(found: Sequence[Tried], place: int) -> Claim:
    best, first = found[place], found[0]
    return Claim(
        said=f"A search that takes the error as a limit, {PRICE:g} times the least, and the KL as "
        "the figure.",
        measured=f"it takes {shown(best.beta)}: error {best.quality.error:.2f} mm, KL "
        f"{best.quality.kl:.1f} nats instead of {first.quality.kl:.1f}; the doctor says "
        f"{best.verdict} instead of {first.verdict}",
        cause="What beta is for, a plain code that the prior knows, has to be asked for.",
        holds=best.beta > first.beta and best.quality.kl < LESS * first.quality.kl,
    )


def _unit(bench: Bench, found: Sequence[Tried], unit: float) -> Claim:
    same = found[1]
    scaled = trial(bench, same.beta, STANDARDISED)
    return Claim(
        said="Such a beta carries over to other data.",
        measured=f"beta {same.beta:g} on millimetres: {same.quality.live} live dimensions; on the "
        f"same points standardised {scaled.quality.live}, and a KL of {scaled.quality.kl:.2g} nats",
        cause=f"It is a variance in the unit of the data, and there {unit:.2f} is the most at "
        "which a dimension lives.",
        holds=same.beta > unit and scaled.quality.live == 0 < same.quality.live,
    )


def _reached(found: Sequence[Tried]) -> Claim:
    ratios = [one.effective / one.beta for one in found]
    kl = [one.quality.kl for one in found]
    return Claim(
        said="'just adding the beta weight in the loss equation and storing the parameter': in "
        "the log's program it was stored and not handed on, every run had beta 1.",
        measured=f"effective beta over beta: {min(ratios):.4g} to {max(ratios):.4g} in all runs; "
        f"KL from {kl[-1]:.2g} to {kl[0]:.3g} nats",
        cause="Here the recipe is what the loss is built from; nothing else holds a beta.",
        holds=max(ratios) - min(ratios) < 1e-6 * max(ratios) and kl[-1] < 0.5 * kl[0],
    )


def _table(found: Sequence[Tried], first: int, asked: int) -> Table:
    marks = {first: "error first", asked: "error as a limit"}
    rows = tuple(
        (
            shown(one.beta),
            f"{(one.run.spec.elements / 2 * one.beta) ** 0.5:,.1f}",
            f"{one.quality.error:.2f}",
            f"{one.quality.kl:.3g}",
            str(one.quality.live),
            f"{one.quality.near:.0%}",
            one.verdict,
            marks.get(place, ""),
        )
        for place, one in enumerate(found)
    )
    head = (
        "beta, mm²",
        "sigma, mm",
        "error, mm",
        "KL, nats",
        "live",
        f"draws in {NEAR:g} mm",
        "doctor",
        "taken by",
    )
    title = (
        "The validation split, the sigma that the loss means, and the share of draws from the "
        f"prior within {NEAR:g} mm of a training streamline"
    )
    return Table(title, head, rows)


def _curves(bench: Bench, found: Sequence[Tried]) -> Picture:
    across = [one.beta for one in found]
    errors = Series("held-out copies", across, [one.quality.error for one in found])
    kl = Series("KL", across, [one.quality.kl for one in found])
    both = [
        Plot("Error of held-out copies, mm", "beta, mm²", [errors], logs="x"),
        Plot("KL in nats", "beta, mm²", [kl], logs="xy"),
    ]
    return bench.picture("betas", plots(both), "What a beta costs, and what it saves.")


def _samples(bench: Bench, found: Sequence[Tried], asked: int) -> Picture:
    originals, _ = found[0].run.reconstruct("validation")
    panels = {"held-out streamlines": originals}
    for place in sorted({0, asked, len(found) - 1}):
        one = found[place]
        panels[f"draws, beta {shown(one.beta)} mm²"] = one.run.sample(SHOWN)
    return bench.picture(
        "beta-samples",
        side_by_side(panels, 2, SHOWN),
        "Held-out streamlines, and draws from the prior at three betas: apart "
        "from the data, spread between the bundles, and all of them the mean.",
    )
