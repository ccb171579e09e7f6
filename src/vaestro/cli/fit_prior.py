"""vaestro fit-prior"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vaestro.cli.fit_progress import TerminalFit
from vaestro.cli.output import Json, finish
from vaestro.experiments.run import load
from vaestro.reports.page import write_report


def fit_prior(
    run: Path,
    /,
    *,
    kind: Annotated[
        str,
        Parameter(help="gaussian, mixture, flow, maf, two-stage, or best: all of them, compared."),
    ] = "best",
    seed: Annotated[int, Parameter(help="The same seed gives the same prior.")] = 0,
    set_: Annotated[
        list[str] | None,
        Parameter(
            name="--set",
            negative="",
            help="A field of the kind, such as components=10 or layers=12. Repeatable.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Fit a prior to what the encoder makes of the training split, and keep it with the run.

    `vaestro sample RUN --from KIND` then draws from it. The table gives the log density of held-out
    latents under each prior that the run has; greater is better. The run's report is written again.
    """
    display = TerminalFit()
    try:
        record = load(run).fit_prior(kind, seed, set_ or [], display.training, display.tick)
    finally:
        display.close()
    write_report(run)
    finish(record, _prose(record), json)


def _prose(record: dict[str, Any]) -> str:
    """The priors as a table."""
    head = f"{'prior':>10}  {'held-out nats':>19}  {'Frechet, latent':>15}  {'decoded':>9}  how"
    lines = [head, *(_row(one) for one in record["priors"])]
    if any(one["bound"] for one in record["priors"]):
        lines.append(
            "(>= marks a lower bound: the density of a two-stage prior has no closed form)"
        )
    if record["best"] is not None:
        lines.append(f"the best is {record['best']}: vaestro sample RUN --from {record['best']}")
    return "\n".join(lines)


def _row(one: dict[str, Any]) -> str:
    nats = "not defined"
    if one["held_out_nats"] is not None:
        sign = ">= " if one["bound"] else ""
        nats = f"{sign}{one['held_out_nats']:.3f} +- {one['standard_error']:.3f}"
    distances = [
        "-" if one[name] is None else f"{one[name]:.4g}"
        for name in ("frechet_latent", "frechet_decoded")
    ]
    how = ", ".join(f"{name} {value}" for name, value in one["fitted"].items())
    took = "" if one["seconds"] is None else f", {one['seconds']:.1f} s"
    return f"{one['kind']:>10}  {nats:>19}  {distances[0]:>15}  {distances[1]:>9}  {how}{took}"
