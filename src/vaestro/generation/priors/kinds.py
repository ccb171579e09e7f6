"""The priors by name: what can be fitted, where each lies, and how it comes back."""

from pathlib import Path
from typing import Any

from vaestro.foundation.errors import CheckpointError, RecipeError, RunFolderError, nearest
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.components import Components
from vaestro.generation.priors.config import FlowConfig, MafConfig
from vaestro.generation.priors.fitted import FittedPrior, Kept, read_prior
from vaestro.generation.priors.flow import Flow
from vaestro.generation.priors.latents import Told
from vaestro.generation.priors.names import MEMBER, SOURCES, is_member
from vaestro.generation.priors.two_stage import TwoStage
from vaestro.runs.weights_digest import weights_digest


def command_for(name: str, run: Path) -> str:
    """The command that makes the prior `name` of a run."""
    return (
        f"vaestro diffuse {run}"
        if name == "diffusion" or is_member(name)
        else f"vaestro fit-prior {run} --kind {name}"
    )


def require_source(name: str) -> None:
    """Raise RecipeError unless latents can be drawn from something of this name."""
    if name not in SOURCES and not is_member(name):
        raise RecipeError(f"--from {name}: there is no such prior; {nearest(name, list(SOURCES))}")


def folder_of(run: Path, name: str) -> Path:
    """Where the fitted prior `name` of a run lies."""
    if is_member(name):
        number = int(name.removeprefix(MEMBER))
        return run / "priors" / "diffusion" / "members" / f"{number:03d}"
    return run / "priors" / name


def drawn_from(run: Path, name: str) -> str:
    """`name`; of a population of diffusion priors that of the member which is drawn from. Errors as
    `load_prior` raises them."""
    if name != "diffusion":
        return name
    member = _read(run, name).config["fitted"].get("member")
    return name if member is None else f"{MEMBER}{member}"


def _read(run: Path, name: str) -> Kept:
    """The files of a prior. Raises RunFolderError where there is none."""
    folder = folder_of(run, name)
    if is_member(name) and not folder.is_dir():
        known = sorted(path.name for path in folder.parent.glob("[0-9]*"))
        there = f"legal: {known[0]} to {known[-1]}" if known else "the run has no population"
        raise RunFolderError(
            f"--from {name}: there is no such member of a population of diffusion priors ({there}; "
            f"`vaestro diffuse {run} --seeds 2` makes one)"
        )
    return read_prior(folder, command_for(name, run))


def load_prior(run: Path, name: str) -> FittedPrior:
    """The fitted prior `name` in the run's folder.

    Raises RunFolderError, with the command that makes it, when there is none, half of one, or one
    for the model that the run had before it was trained on, and CheckpointError when it is damaged.
    """
    folder = folder_of(run, name)
    kept = _read(run, name)
    if is_outdated(run, kept.config):
        raise RunFolderError(
            f"{folder} was made for the model that the run had before it was trained on; make it "
            f"again with `{command_for(name, run)}`"
        )
    try:
        return restored(kept)
    except (KeyError, TypeError, ValueError, RuntimeError) as fault:
        raise CheckpointError(
            f"{folder} does not fit together ({fault}); make it again with "
            f"`{command_for(name, run)}`"
        ) from None


def is_outdated(run: Path, config: dict[str, Any]) -> bool:
    """Whether a prior's configuration names another model than the run's."""
    made_for = config.get("model_sha256")
    return made_for is not None and made_for != weights_digest(run)


def restored(kept: Kept) -> FittedPrior:
    """The prior that `kept` holds, by its kind."""
    config, tensors = kept
    match config["kind"]:
        case "gaussian" | "mixture":
            return Components.restored(tensors)
        case "flow" | "maf" as kind:
            fields = FlowConfig if kind == "flow" else MafConfig
            told = Told(*config["told"])
            return Flow.restored(fields.parse(config["fields"]), config["latents"], told, tensors)
        case "two-stage":
            return TwoStage.restored(config["model"], tensors)
        case "diffusion":
            return DiffusionPrior.restored(kept)
        case other:
            raise ValueError(f"no prior of kind {other}")
