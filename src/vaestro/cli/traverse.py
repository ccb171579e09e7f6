"""vaestro traverse"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import Json, Out, finish, require_parent
from vaestro.data.writing import require_writable, write_rows
from vaestro.experiments.run import Run, load
from vaestro.experiments.traversal import Walked, walked
from vaestro.generation.meanings import Meaning

STEPS, SLIDER_STEPS = 7, 25
"""So many values of a dimension stand in a row, and under a slider."""


def traverse(
    run: Path,
    /,
    *,
    out: Out,
    dims: Annotated[
        list[int] | None,
        Parameter(negative="", help="Latent dimensions; largest KL first if left out."),
    ] = None,
    json: Json = False,
) -> None:
    """Write what each latent dimension does, and name it.

    One row a dimension, -3 to 3 standard deviations of the prior; a file ending in .html is a page
    with a slider for each. The table tells which labels, covariates and shapes go with a dimension
    over the validation split.
    """
    require_parent(out)
    loaded = load(run)
    slider = out.suffix == ".html"
    if not slider:
        require_writable(out, loaded.spec)
    found = walked(loaded, dims, SLIDER_STEPS if slider else STEPS)
    _write(out, loaded, found)
    record = {
        "run": str(run),
        "out": str(out),
        "dimensions": found.walk.dimensions,
        "kl": [one.kl for one in found.meanings],
        "values": found.walk.values.tolist(),
        "meanings": [one.plain() for one in found.meanings],
    }
    finish(record, _prose(found, out), json)


def _write(out: Path, loaded: Run, found: Walked) -> None:
    if out.suffix == ".html":
        from vaestro.reports.slider import write_sliders

        write_sliders(out, loaded.recipe.name, found.walk, found.meanings, loaded.spec)
        return
    names = ["\n".join([_title(one), *one.names[:1]]) for one in found.meanings]
    write_rows(out, found.walk.samples.numpy(), loaded.spec, names)


def _title(one: Meaning) -> str:
    carried = "" if one.kl is None else f" {one.kl:.2f} nats"
    return f"z{one.dimension}{carried}"


def _prose(found: Walked, out: Path) -> str:
    """A line a dimension: what it carries and what goes with it."""
    lines = [f"{len(found.meanings)} latent dimensions in {out}, values -3 to 3:"]
    for one in found.meanings:
        dead = "" if one.live else "not live"
        lines.append(f"{_title(one):>16}  {dead or ', '.join(one.names[:4]) or 'nothing clear'}")
    if found.meanings:
        lines.append("(rank correlations over held-out samples; label: share of the variance)")
    return "\n".join(lines)
