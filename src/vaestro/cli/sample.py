"""vaestro sample"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import write_samples
from vaestro.experiments.requested_condition import listener, numbers_asked
from vaestro.experiments.run import load
from vaestro.foundation.errors import RecipeError
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.generation.priors.kinds import drawn_from


def sample(
    run: Path,
    /,
    *,
    out: Out,
    n: Annotated[int, Parameter(help="How many samples.", validator=AT_LEAST_ONE)] = 64,
    seed: Annotated[int, Parameter(help="The same seed gives the same samples.")] = 0,
    noise: Annotated[
        bool, Parameter(negative="", help="Draw from p(x|z) instead of writing its mean.")
    ] = False,
    label: Annotated[
        str | None, Parameter(help="Of a model conditioned on labels: which, by name or number.")
    ] = None,
    covariate: Annotated[
        list[str] | None,
        Parameter(
            negative="", help="Of a model conditioned on covariates: a number, or NAME=NUMBER."
        ),
    ] = None,
    from_: Annotated[
        str,
        Parameter(
            name="--from",
            help="Where latents come from: prior, aggregate (random training samples), or a fitted "
            "prior: gaussian, mixture, flow, maf, two-stage, diffusion (the best of a population; "
            "diffusion/003: that member).",
        ),
    ] = "prior",
    steps: Annotated[
        int | None, Parameter(help="Of --from diffusion: sampling steps.", validator=AT_LEAST_ONE)
    ] = None,
    guidance: Annotated[
        float | None,
        Parameter(help="Of --from diffusion: the condition's weight; 1 is as it is."),
    ] = None,
    json: Json = False,
) -> None:
    """Write samples to a file: from the model's prior, or from one fitted after training.

    A conditional model that is not asked for anything draws conditions as its training data have
    them.
    """
    require_parent(out)
    loaded = load(run)
    source = loaded.fitted_prior(from_)
    asked = numbers_asked(covariate or [], listener(loaded.vae, source))
    if steps is not None or guidance is not None:
        source = _diffused(source, from_, steps, guidance)
    drawn = loaded.sample(n, seed, noise, label, asked, source or "prior")
    write_samples(out, drawn, loaded.spec)
    drawn_by = drawn_from(run, from_)
    record = {"run": str(run), "out": str(out), "n": n, "seed": seed, "from": drawn_by}
    record |= {"label": label, "covariates": asked}
    which = "" if drawn_by == from_ else f", from {drawn_by}"
    finish(record, f"{n} samples in {out}{which}", json)


def _diffused(
    source: FittedPrior | None, name: str, steps: int | None, guidance: float | None
) -> FittedPrior:
    """The diffusion prior, drawn from as asked."""
    if not isinstance(source, DiffusionPrior):
        raise RecipeError(
            f"--steps and --guidance are of --from diffusion, and --from {name} was given; leave "
            "them out"
        )
    return source.asked(steps, guidance)
