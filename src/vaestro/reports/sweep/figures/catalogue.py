"""Which figures a sweep can show, each with its words."""

from collections.abc import Iterator
from functools import partial

from vaestro.reports.figures.catalogue import NOTES
from vaestro.reports.figures.drawing import Drawing
from vaestro.reports.figures.run_rows import Row, draw_rows
from vaestro.reports.numerals import counted, number, share
from vaestro.reports.sweep.facts import SweepFacts
from vaestro.reports.sweep.figures import along, importance, parallel, plane, trend
from vaestro.reports.sweep.labels import better, inside


def drawings(facts: SweepFacts) -> Iterator[Drawing]:
    """The figures of the sweep in the order of the page; what has no numbers is left out."""
    over_time = trend.trend(facts)
    if over_time is not None:
        yield _trend(over_time)
    found = plane.plane(facts)
    if found is not None:
        yield _plane(found)
    shown = along.rows(facts)
    if shown:
        yield _along(shown, facts)
    lines = parallel.parallel(facts)
    if lines is not None:
        yield _parallel(lines)
    if importance.told(facts.importance):
        yield _importance(facts)


def _trend(found: trend.Trend) -> Drawing:
    name = inside(found.figure.name)
    least = number(found.so_far[-1][1]) if found.so_far else "unknown"
    return Drawing(
        "trend",
        "Trial after trial",
        f"Scatter of {counted(len(found.places), 'trial')} by number and {name}; the best so far "
        f"ends at {least}.",
        f"Each mark is a trial, in the order in which they were asked; {better(found.figure)}. The "
        "line is the best so far.",
        partial(trend.draw_trend, found),
    )


def _plane(found: plane.Plane) -> Drawing:
    up, across = inside(found.up.name), inside(found.across.name)
    heading = "Rate and distortion" if found.equal else f"{up} against {across}"
    caption = f"Each mark is a trial: {up} upwards, {across} to the right."
    if found.equal:
        caption += (
            " The data term is what reconstructions cost, the prior term what the code costs."
        )
    if len(found.stairs) > 1:
        caption += " The line is the front: no trial is known beyond it."
    if found.equal:
        caption += " Along a dashed line the ELBO is the same."
    if found.beyond:
        caption += f" {counted(found.beyond, 'trial')} far out {_lie(found.beyond)} at the edge."
    return Drawing(
        "plane",
        heading[0].upper() + heading[1:],
        f"Scatter of {counted(len(found.places), 'trial')} by {across} and {up}; "
        f"{counted(found.kinds.count('front'), 'trial')} on the front.",
        caption,
        partial(plane.draw_plane, found),
    )


def _lie(count: int) -> str:
    return "lies" if count == 1 else "lie"


def _along(shown: list[Row], facts: SweepFacts) -> Drawing:
    one = len(facts.front) == 1
    return Drawing(
        "along",
        "What the best trial makes" if one else "What the trials on the front make",
        f"{counted(len(shown), 'row')} of pictures, one for each trial shown: reconstructions of "
        "held-out data, and new samples.",
        f"{'' if one else _spread(shown, facts)}Reconstructions are decoded from the mean of each "
        f"code, samples from draws of the prior.{NOTES.get(shown[0].look.kind, '')}",
        partial(draw_rows, shown),
    )


def _spread(shown: list[Row], facts: SweepFacts) -> str:
    first = inside(facts.figures[0].name)
    some = "Trials" if len(shown) == len(facts.front) else f"{len(shown)} trials"
    return f"{some} along the front, from the best {first} down. "


def _parallel(found: parallel.Parallel) -> Drawing:
    fewer = f" {counted(found.left_out, 'trial')} are left out, evenly." if found.left_out else ""
    return Drawing(
        "parallel",
        "Settings and figures",
        f"Parallel coordinates: {counted(len(found.shades), 'line')} through "
        f"{counted(len(found.scales), 'axis', 'axes')}, coloured by {inside(found.figure)}.",
        f"Each line is a trial, from its setting on top to its figures below; dark lines have the "
        f"better {inside(found.figure)}. Trials of one choice lie side by side, so that they can "
        f"be told apart.{fewer}",
        partial(parallel.draw_parallel, found),
    )


def _importance(facts: SweepFacts) -> Drawing:
    found = importance.told(facts.importance)
    heads = (max(one.shares.items(), key=lambda item: item[1]) for one in found)
    most = [
        f"{inside(one.figure)}: most {field}, {share(value)}"
        for one, (field, value) in zip(found, heads, strict=True)
    ]
    return Drawing(
        "importance",
        "Which fields matter",
        f"Bars for each figure; {'; '.join(most)}.",
        "The share of each figure's variance over the trials that a field explains by itself. "
        "What is missing to 100 % comes from fields together, and from what trials do not tell.",
        partial(importance.draw_importance, found),
    )
