"""vaestro diffuse"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.diffusion_progress import TerminalDiffusion
from vaestro.cli.output import Assignments, Json, finish
from vaestro.experiments.diffusion.recipe import own_recipe, with_edits
from vaestro.experiments.diffusion.train import resume as go_on
from vaestro.experiments.diffusion.train import start
from vaestro.experiments.run import load
from vaestro.foundation.errors import RecipeError
from vaestro.reports.page import write_report
from vaestro.training.distribution.ranks import found


def diffuse(
    run: Path,
    /,
    *,
    resume: Annotated[
        bool, Parameter(negative="", help="Go on with the diffusion prior of the run.")
    ] = False,
    set_: Assignments = None,
    json: Json = False,
) -> int:
    """Train a diffusion prior in a run's latent space.

    It lies in RUN/priors/diffusion, a run folder of its own; `vaestro sample RUN --from diffusion`
    draws from it. --set path=ddpm, denoiser.width=512, condition=none, training.epochs=50, ... The
    run's report is written again.
    """
    if found().count > 1:
        raise RecipeError(
            f"a diffusion prior is trained by one process, and torchrun started {found().count}; "
            "start vaestro without torchrun"
        )
    loaded, display = load(run), TerminalDiffusion()
    try:
        summary = (
            go_on(loaded, lambda stored: with_edits(stored, set_ or []), display)
            if resume
            else start(loaded, with_edits(own_recipe(loaded), set_ or []), display)
        )
    finally:
        display.close()
    ended = summary["status"] in ("finished", "stopped_early")
    if ended:
        write_report(run)
    draw = f"\nsamples: vaestro sample {run} --from diffusion --out FILE" if ended else ""
    finish(summary, f"{summary['sentence']}{draw}", json)
    return 0 if ended else 1
