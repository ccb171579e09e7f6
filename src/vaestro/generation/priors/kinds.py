"""The priors by name: what can be fitted, where each lies, and how it comes back."""

from pathlib import Path
from typing import Any

from vaestro.foundation.config import nearest
from vaestro.foundation.errors import CheckpointError, RecipeError, RunFolderError
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.components import Components
from vaestro.generation.priors.config import FlowConfig
from vaestro.generation.priors.fitted import FittedPrior, Kept, read_prior
from vaestro.generation.priors.flow import Flow
from vaestro.generation.priors.latents import Told
from vaestro.generation.priors.names import SOURCES
from vaestro.generation.priors.two_stage import TwoStage
from vaestro.runs.weights_digest import weights_digest


def command_for(name: str, run: Path) -> str:
    """The command that makes the prior `name` of a run."""
    return (
        f"vaestro diffuse {run}"
        if name == "diffusion"
        else f"vaestro fit-prior {run} --kind {name}"
    )


def require_source(name: str) -> None:
    """Raise RecipeError unless latents can be drawn from something of this name."""
    if name not in SOURCES:
        raise RecipeError(f"--from {name}: there is no such prior; {nearest(name, list(SOURCES))}")


def load_prior(run: Path, name: str) -> FittedPrior:
    """The fitted prior `name` in the run's folder.

    Raises RunFolderError, with the command that makes it, when there is none, half of one, or one
    for the model that the run had before it was trained on, and CheckpointError when it is damaged.
    """
    folder = run / "priors" / name
    kept = read_prior(folder, command_for(name, run))
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
        case "flow":
            told = Told(*config["told"])
            return Flow.restored(
                FlowConfig.parse(config["fields"]), config["latents"], told, tensors
            )
        case "two-stage":
            return TwoStage.restored(config["model"], tensors)
        case "diffusion":
            return DiffusionPrior.restored(kept)
        case other:
            raise ValueError(f"no prior of kind {other}")
