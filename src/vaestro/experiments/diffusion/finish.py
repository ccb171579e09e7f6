"""What the end of a diffusion prior's training leaves: the prior, its figures, samples."""

from typing import Any

from vaestro.experiments.diffusion.parts import DiffusionParts
from vaestro.experiments.priors.subject import Subject, keep_samples, measured
from vaestro.generation.diffusion.monitor import NO_BETTER
from vaestro.generation.priors.fitted import CONFIG, write_prior
from vaestro.runs.folder import RunFolder
from vaestro.training.loop import adopt_final_weights
from vaestro.training.state import TrainState


def finish(
    folder: RunFolder, parts: DiffusionParts, state: TrainState, seconds: float, model: str
) -> dict[str, Any]:
    """Write the prior into `folder`, its configuration last; returns what its summary says of it.

    `model`: the SHA-256 of the model whose latents these are.
    """
    adopt_final_weights(state)
    parts.module.eval()
    figures = {
        name: parts.task.validate(parts.batches(name)(), state.control)
        for name in ("train", "validation")
    }
    run, prior = parts.run, parts.prior
    (folder.root / CONFIG).unlink(missing_ok=True)
    keep_samples(folder.root / "samples.npz", run.vae, prior, run.recipe.seed)
    subject = Subject(
        run.folder.root, run.vae, run.spec, parts.train, parts.validation, run.recipe.seed
    )
    found = measured(subject, prior, bound=True).plain()
    facts = {
        "seed": parts.recipe.seed,
        "latents": run.vae.latent,
        "model_sha256": model,
        "fitted": {"steps": state.step, "loss": round(figures["validation"]["loss"], 4)},
        "measured": {**found, "seconds": round(seconds, 3)},
    }
    write_prior(folder.root, prior.kept(facts))
    return {**figures, "measured": found, **_judged(figures["validation"])}


def _judged(figures: dict[str, Any]) -> dict[str, str]:
    """What the prior has learnt: the verdict, and a sentence."""
    loss, gaussian = figures["loss"], figures["gaussian_loss"]
    if loss > NO_BETTER * gaussian:
        said = (
            f"The loss, {loss:.4g} per element, is that of the best denoiser of a Gaussian, "
            f"{gaussian:.4g}: the model's own prior may serve as well."
        )
        return {"verdict": "stalled", "sentence": said}
    share = 100 * (1 - loss / gaussian)
    said = (
        f"The loss is {loss:.4g} per element, {share:.0f} % below that of the best denoiser of a "
        f"Gaussian with the latents' means and standard deviations ({gaussian:.4g})."
    )
    return {"verdict": "ok", "sentence": said}
