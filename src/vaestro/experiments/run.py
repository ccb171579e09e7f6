"""A finished (or stopped) run, loaded from its folder."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaestro.data.samples import Samples
from vaestro.evaluation.encode import Encoded, encode_split
from vaestro.evaluation.evaluate import Trial, evaluate
from vaestro.evaluation.witnesses import rows_for
from vaestro.experiments.asked import asked
from vaestro.experiments.assemble import EVALUATION_BATCH, Material, prepare
from vaestro.experiments.model_files import load_model
from vaestro.experiments.recipe import Recipe, located, read_recipe
from vaestro.foundation.errors import DataError
from vaestro.foundation.files import write_json
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.generation.sampling import decode_all, sample
from vaestro.models.build import Guests
from vaestro.models.vae import VAE
from vaestro.runs.folder import RunFolder
from vaestro.training.plan import Plan, choose

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Run:
    """A trained model with its recipe and, when asked for, its data. Loading trains nothing."""

    folder: RunFolder
    recipe: Recipe
    vae: VAE
    spec: SampleSpec
    plan: Plan

    @cached_property
    def material(self) -> Material:
        """The run's own data, split as in training."""
        return prepare(self.recipe, self.plan, kept=self.vae.transform.state_dict())

    @property
    def summary(self) -> dict[str, Any]:
        """What `vaestro train --json` printed ({} while the run is going)."""
        return self.folder.read_summary() or {}

    def batches(
        self, split: str = "test", x: np.ndarray | None = None, most: int | None = None
    ) -> Callable[[], Iterable[Batch]]:
        """Model-space batches of a split, or of natural samples `x` (N, *) in its place.

        Raises DataError for an unknown or empty split or a wrong shape.
        """
        if x is not None:
            samples = self._samples_of(x)
            samples = samples if most is None else samples.first(most)
            return lambda: samples.in_order(EVALUATION_BATCH)
        if split not in SPLITS:
            raise DataError(f"there is no split {split!r}; legal: {', '.join(SPLITS)}")
        if len(self.material.split.of(split)) == 0:
            raise DataError(f"the {split} split is empty (split.{split}=0); legal: another --split")
        return self.material.batches(split, most)

    def evaluate(
        self,
        split: str = "test",
        x: np.ndarray | None = None,
        samples: int = 64,
        seed: int = 0,
        conditioning: bool = True,
    ) -> dict[str, Any]:
        """The evaluation record of a split, or of natural samples `x`, which have no conditions.

        `conditioning`: whether judges learn from the training split, once for a conditional model
        and in seconds, how far samples and z carry the conditions.
        """
        told = self.vae.memory is not None and conditioning and x is None
        batches = self.batches(split, x)
        record = evaluate(self.vae, batches, samples, seed, self._trial(split) if told else None)
        return {"run": str(self.folder.root), "split": "data" if x is not None else split, **record}

    def _trial(self, split: str) -> Trial:
        """Samples for the judges of a conditional model: at most so many, evenly spread."""
        most = rows_for(self.spec.elements)

        def some(name: str) -> Callable[[], Iterable[Batch]]:
            return lambda: self.material.some(name, most)

        return Trial(some("train"), None if split == "train" else some(split))

    def keep_evaluation(self, record: dict[str, Any]) -> None:
        """Write evaluation.json."""
        write_json(self.folder.evaluation, record)

    def sample(
        self,
        count: int,
        seed: int = 0,
        noise: bool = False,
        label: str | int | None = None,
        covariates: Mapping[str, float] | None = None,
    ) -> np.ndarray:
        """`count` samples (N, *) from the prior, in natural units.

        A conditional model is asked for a `label` (name or number) or for `covariates` by name;
        without them it draws conditions as its training data have them. Raises DataError for a
        condition that it does not know.
        """
        given = asked(self.vae, self.spec, count, seed, label, covariates or {})
        drawn: np.ndarray = sample(self.vae, count, seed, noise, given=given).numpy()
        return drawn

    def encode(self, split: str = "test", x: np.ndarray | None = None) -> Encoded:
        """Posterior means, log-variances and KLs of a split or of natural samples `x`."""
        return encode_split(self.vae, self.batches(split, x)())

    def covariates(self, split: str = "test") -> dict[str, np.ndarray]:
        """The covariates of a split by name, (N,) each, in the order of its samples."""
        chosen = self.material.split.of(split)
        return {name: column[chosen] for name, column in self.material.data.covariates.items()}

    def decode(self, z: np.ndarray) -> np.ndarray:
        """Natural samples (N, *) of latents z: (N, K). Raises DataError for another K."""
        if z.ndim != 2 or z.shape[1] != self.vae.latent:
            raise DataError(
                f"latents have shape {z.shape} and the model needs (samples, {self.vae.latent})"
            )
        decoded: np.ndarray = decode_all(self.vae, torch.from_numpy(z).float()).numpy()
        return decoded

    @torch.inference_mode()
    def reconstruct(
        self, split: str = "test", x: np.ndarray | None = None, most: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(originals, reconstructions), (N, *) in natural units, through the posterior mean."""
        originals: list[Tensor] = []
        copies: list[Tensor] = []
        for batch in self.batches(split, x, most)():
            originals.append(batch.truth.cpu())
            copies.append(
                self.vae.generate(self.vae.encode(batch.x, batch.given).mean, batch.given).cpu()
            )
        return torch.cat(originals).numpy(), torch.cat(copies).numpy()

    def _samples_of(self, x: np.ndarray) -> Samples:
        if x.shape[1:] != self.spec.shape:
            raise DataError(
                f"the data have shape {x.shape[1:]} and the run was trained on {self.spec.shape}"
            )
        samples = Samples.natural(x, self.plan.device, self.plan.dtype)
        transform = self.vae.transform
        return samples if transform.is_identity else samples.seen_through(transform.apply)


def load(
    root: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
) -> Run:
    """The run in the folder `root`. Raises RunFolderError, RecipeError or CheckpointError in one
    line.

    `encoder`, `decoder`: for a run that was trained with modules given from Python, modules of the
    same shapes; they are filled with the trained weights and used.
    """
    folder = RunFolder(Path(root))
    folder.require_run()
    recipe = located(read_recipe(folder.recipe), folder.root)
    vae, spec = load_model(folder.model, Guests(encoder, decoder))
    plan = choose(recipe.training.model_copy(update={"device": "auto"}))
    return Run(folder, recipe, vae.to(plan.device, plan.dtype), spec, plan)
