"""The regression VAE: streamlines of a length that somebody chose, by the form of its prior."""

from collections.abc import Mapping

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_004.asked import (
    BUNDLE,
    CURVE,
    EACH,
    FORMS,
    LINE,
    QUANTILES,
    Asked,
    Found,
    found_of,
    labelled,
    trained,
)
from vaestro.studies.logs.streamline_figures import Plot, Series, plots, side_by_side
from vaestro.studies.logs.streamlines import away, natural

SHOWN = 100
"""Streamlines in a picture."""


def lengths(bench: Bench) -> Chapter:
    """The chapter."""
    forms = [form for form in FORMS if form != BUNDLE or labelled(bench)]
    found = {form: found_of(trained(bench, form)) for form in forms}
    best = found[forms[-1]]
    near = float(away(best.run, natural(best.run, "validation")).mean())
    return Chapter(
        name="lengths",
        title="Streamlines of a chosen length",
        text=(
            "The log's next step, the VAE after Zhao et al. (2019): the encoder reads a length r "
            "from the streamline, and the prior is p(z | r). Its later report tells that "
            "streamlines drawn for a length were one shape, scaled. Three priors, the same network "
            "and training.",
        ),
        claims=_claims(found, near),
        tables=(_table(found, near),),
        pictures=(_curves(bench, found), _shapes(bench, found)),
    )


def _claims(found: Mapping[str, Found], near: float) -> tuple[Claim, ...]:
    line, curve = found[LINE], found[CURVE]
    best = found.get(BUNDLE, curve)
    return (
        Claim(
            said="'generate new streamlines by conditioning the latent space with a specific "
            "continuous variable', as published: the prior's mean on a line, one variance",
            measured=f"lengths asked for and made: rank correlation {line.rank:.2f}, "
            f"{line.off:.0f} mm apart on average; draws lie {line.apart:.1f} mm from the data, "
            f"held-out streamlines {near:.1f}",
            cause="Streamlines of one length are of several bundles. One Gaussian for all of them "
            "also covers what lies between, and its middle is the mean shape.",
            holds=line.apart > 1.5 * near and line.off > best.off,
        ),
        Claim(
            said="A curve in the place of the line, and a curve for each bundle that is told.",
            measured=f"{_told(CURVE, curve)}; {_told(BUNDLE, best)}, {_rising(best.asked)}",
            cause="Within a bundle a length is nearly a place on one curve.",
            holds=best.rank > max(line.rank, curve.rank)
            and best.off < 0.7 * line.off
            and best.apart < 0.7 * line.apart,
        ),
        Claim(
            said="Its encoder reads the length of a streamline it has not seen (the log's later "
            "report: R squared 0.94).",
            measured=", ".join(f"{form} {one.read:.3f}" for form, one in found.items()),
            cause="The length is a smooth function of the points; the hard part is the way back.",
            holds=max(one.read for one in found.values()) > 0.9,
        ),
    )


def _rising(asked: Asked) -> str:
    """In how many kinds the longest that was asked for came out longer than the shortest."""
    count = sum(one.y[-1] > one.y[0] for one in _made(asked))
    return f"the length made rises with that asked for in {count} of {len(asked.kinds)}"


def _told(form: str, one: Found) -> str:
    return f"{form}: rank correlation {one.rank:.2f}, {one.off:.0f} mm apart, draws {one.apart:.1f}"


def _table(found: Mapping[str, Found], near: float) -> Table:
    rows = [
        (form, f"{one.read:.3f}", f"{one.rank:.2f}", f"{one.off:.1f}", f"{one.apart:.1f}")
        for form, one in found.items()
    ]
    rows.append(("held-out streamlines themselves", "", "", "", f"{near:.1f}"))
    head = ("prior's means", "R squared, read", "rank correlation", "apart, mm", "draws, mm away")
    title = (
        "How well a length is read, lengths asked for and made, and how far draws lie from the "
        "nearest training streamline"
    )
    return Table(title, head, tuple(rows))


def _curves(bench: Bench, found: Mapping[str, Found]) -> Picture:
    drawn = [
        Plot(form, "length asked for, mm", (_same(one.asked), *_made(one.asked)))
        for form, one in found.items()
    ]
    return bench.picture("lengths", plots(drawn), "The mean length made for each asked for, mm.")


def _made(asked: Asked) -> list[Series]:
    """The mean length for each that was asked for, a line for each kind."""
    shape = (len(asked.kinds), len(QUANTILES), EACH)
    wanted, made = (lengths.reshape(shape).mean(2) for lengths in (asked.wanted, asked.made))
    return [Series(*one) for one in zip(asked.kinds, list(wanted), list(made), strict=True)]


def _same(asked: Asked) -> Series:
    ends = [float(asked.wanted.min()), float(asked.wanted.max())]
    return Series("as asked", ends, ends)


def _shapes(bench: Bench, found: Mapping[str, Found]) -> Picture:
    first = next(iter(found.values())).run
    panels = {"training streamlines": natural(first, "train").numpy()}
    panels |= {form: one.asked.drawn for form, one in found.items()}
    return bench.picture(
        "length-shapes",
        side_by_side(panels, 2, SHOWN),
        "Training streamlines, and what each prior draws for the lengths that are asked for.",
    )
