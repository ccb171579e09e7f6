"""vaestro diffuse"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from vaestro.cli.diffusion_progress import TerminalDiffusion
from vaestro.cli.output import Assignments, Json, finish
from vaestro.cli.population import Listed, Members, Seeds, Vary, Width
from vaestro.cli.population_progress import TerminalPopulation
from vaestro.experiments.diffusion import population as together
from vaestro.experiments.diffusion.recipe import own_recipe, with_edits
from vaestro.experiments.diffusion.train import folder_of, start
from vaestro.experiments.diffusion.train import resume as go_on
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import RecipeError
from vaestro.reports.page import write_report
from vaestro.training.distribution.ranks import found

FIGURES = ("loss", "held out nats", "frechet latent")
"""What the table tells of each member beside its verdict."""


def diffuse(
    run: Path,
    /,
    *,
    resume: Annotated[
        bool, Parameter(negative="", help="Go on with the diffusion prior of the run.")
    ] = False,
    set_: Assignments = None,
    vary: Vary = None,
    seeds: Seeds = None,
    population: Listed = None,
    width: Width = None,
    json: Json = False,
) -> int:
    """Train a diffusion prior in a run's latent space.

    It lies in RUN/priors/diffusion, a run folder of its own; `vaestro sample RUN --from diffusion`
    draws from it. --set path=ddpm, denoiser.width=512, condition=none, training.epochs=50, ...
    --vary, --seeds and --population train many as one program, each in its own folder in members/
    there, and the best on held-out latents is drawn from. The run's report is written again.
    """
    if found().count > 1:
        raise RecipeError(
            f"a diffusion prior is trained by one process, and torchrun started {found().count}; "
            "start vaestro without torchrun"
        )
    loaded, members = load(run), Members(tuple(vary or ()), seeds, population, width)
    if _holds_population(loaded, resume):
        if set_ or members != Members():
            raise RecipeError(
                "a resumed population has its recipe and members; give --resume alone"
            )
        summary = _all_of_them(loaded, None, members)
    elif members.any:
        _require_new(resume)
        summary = _all_of_them(loaded, set_ or [], members)
    else:
        summary = _one(loaded, resume, set_ or [])
    ended = summary["status"] in ("finished", "stopped_early")
    drawable = ended and summary.get("best", 0) is not None
    if ended:
        write_report(run)
    draw = f"\nsamples: vaestro sample {run} --from diffusion --out FILE" if drawable else ""
    finish(summary, f"{summary['sentence']}{draw}", json)
    return 0 if drawable else 1


def _one(run: Run, resume: bool, assignments: list[str]) -> dict[str, Any]:
    """Train a single prior, or go on with it; its summary."""
    display = TerminalDiffusion()
    try:
        if resume:
            return go_on(run, lambda stored: with_edits(stored, assignments), display)
        return start(run, with_edits(own_recipe(run), assignments), display)
    finally:
        display.close()


def _all_of_them(run: Run, assignments: list[str] | None, members: Members) -> dict[str, Any]:
    """Train a population, or go on with the one that is there (no assignments); its summary."""
    display = TerminalPopulation()
    try:
        if assignments is None:
            summary = together.resume(run, display)
        else:
            recipe = with_edits(own_recipe(run), assignments)
            summary = together.start(run, recipe, members.edits(), display, members.width)
    finally:
        display.close()
    display.table(summary, FIGURES)
    return summary


def _holds_population(run: Run, resume: bool) -> bool:
    return resume and PopulationFolder(folder_of(run).root).record.is_file()


def _require_new(resume: bool) -> None:
    """Raise RecipeError for members that are given to what is to go on."""
    if resume:
        raise RecipeError(
            "--resume goes on with what is there; leave --vary, --seeds and --population out"
        )
