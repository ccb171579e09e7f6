"""A finished (or stopped) run, loaded from its folder."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vaestro.data.dataset import require_finite
from vaestro.data.from_python import as_array
from vaestro.data.reading import natural_samples
from vaestro.data.samples import Samples
from vaestro.evaluation.encode import Encoded, encode_split
from vaestro.evaluation.evaluate import evaluate
from vaestro.evaluation.references import References
from vaestro.evaluation.settings import Settings
from vaestro.experiments.given_with import given_with
from vaestro.experiments.material import EVALUATION_BATCH, Material, prepare
from vaestro.experiments.priors.fit import configs, fit_priors
from vaestro.experiments.priors.subject import Subject, latents_of
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.references import references_of_samples, references_of_split
from vaestro.experiments.requested_condition import asked, listener
from vaestro.experiments.same_data import MEASURED, require_same_data
from vaestro.experiments.trained import trained
from vaestro.experiments.watch import Display, Quiet
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.files import write_json
from vaestro.foundation.samples import Batch, SampleSpec
from vaestro.generation.diffusion.prior import DiffusionPrior
from vaestro.generation.priors.aggregate import Aggregate
from vaestro.generation.priors.fitted import FittedPrior
from vaestro.generation.priors.flow_training import Tick
from vaestro.generation.priors.kinds import load_prior, require_source
from vaestro.generation.priors.latents import Latents, told_by
from vaestro.generation.sampling import decode_all, sample
from vaestro.models.vae import VAE
from vaestro.runs.folder import RunFolder
from vaestro.training.plan import Plan

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
        """The run's own data, split as in training. Raises DataError where they are not there, or
        have changed since."""
        material = prepare(self.recipe, self.plan, kept=self.vae.transform.state_dict())
        require_same_data(self.folder, self.recipe, material, MEASURED)
        return material

    @property
    def summary(self) -> dict[str, Any]:
        """What `vaestro train --json` printed ({} while the run is going)."""
        return self.folder.read_summary() or {}

    def batches(
        self,
        split: str = "test",
        x: Any = None,
        most: int | None = None,
        labels: Any = None,
        covariates: Any = None,
    ) -> Callable[[], Iterable[Batch]]:
        """Model-space batches of a split, or in its place of natural samples `x` (N, *), an array,
        tensor, DataFrame or list of streamlines, with the `labels` (N,) (numbers or names) and
        `covariates` (name -> (N,)) that a conditional model is told of them.

        Raises DataError for an unknown or empty split, a wrong shape, conditions without `x`, or
        none to be looked at.
        """
        if most is not None and most < 1:
            raise DataError(f"at most {most} samples were asked for; legal: 1 or more")
        if x is not None:
            samples = self._samples_of(x, labels, covariates)
            samples = samples if most is None else samples.first(most)
            return lambda: samples.in_order(EVALUATION_BATCH)
        if labels is not None or covariates is not None:
            raise DataError("labels and covariates are those of x, and none was given; give x=...")
        if split not in SPLITS:
            raise DataError(f"there is no split {split!r}; legal: {', '.join(SPLITS)}")
        if len(self.material.split.of(split)) == 0:
            raise DataError(f"the {split} split is empty (split.{split}=0); legal: another --split")
        return self.material.batches(split, most)

    def evaluate(
        self,
        split: str = "test",
        x: Any = None,
        samples: int = 64,
        seed: int = 0,
        conditioning: bool = True,
        sections: Sequence[str] = (),
        ais: int = 0,
        sources: Sequence[str] = ("prior",),
        labels: Any = None,
        covariates: Any = None,
    ) -> dict[str, Any]:
        """The evaluation record of a split, or of natural samples `x`; `labels` and `covariates`
        are what a conditional model is told of those (`batches`).

        `samples`: importance samples for the NLL. `conditioning`: whether judges learn from the
        training split, once for a conditional model and in seconds, how far samples and z carry the
        conditions. `sections` of likelihood, latent and samples take longer (docs/evaluate.md);
        `ais` intermediate distributions; `sources` of samples as `sample` has them. Raises
        RecipeError for settings that are not legal.
        """
        told = conditioning and x is None
        wanted = (sections,) if isinstance(sections, str) else tuple(sections)
        settings = Settings(samples, seed, wanted, ais, told)
        batches = self.batches(split, x, None, labels, covariates)
        drawn = {name: self.fitted_prior(name) for name in sources}
        beside = self._references(split, x, labels, covariates)
        record = evaluate(self.vae, batches, settings, beside, drawn)
        return {"run": str(self.folder.root), "split": "data" if x is not None else split, **record}

    def _references(self, split: str, x: Any, labels: Any, covariates: Any) -> References:
        parts = (lambda: self.material, self.spec, self.folder)
        if x is not None:
            return references_of_samples(*parts, self._samples_of(x, labels, covariates))
        return references_of_split(*parts, split)

    def keep_evaluation(self, record: dict[str, Any]) -> None:
        """Write evaluation.json, which the report shows. Raises DataError for a record of samples
        `x`: the run's own is about its splits."""
        if record["split"] not in SPLITS:
            raise DataError(
                "a run keeps what was measured on its own splits, and this record is of other "
                "samples; keep it in a file of your own"
            )
        write_json(self.folder.evaluation, record)

    def sample(
        self,
        count: int,
        seed: int = 0,
        noise: bool = False,
        label: str | int | None = None,
        covariates: Mapping[str, float] | None = None,
        source: str | FittedPrior = "prior",
    ) -> np.ndarray:
        """`count` samples (N, *) in natural units, of latents that are drawn from `source`.

        `source`: prior, the model's own; aggregate, the posteriors of random training samples; a
        prior made after training by name (gaussian, mixture, flow, maf, two-stage, diffusion; of
        its population diffusion/000, ...) or as a value. A conditional model is asked for a `label`
        (name or number) or for `covariates` by name; without them it draws conditions as its
        training data have them. Raises DataError for a condition that it does not know, RecipeError
        for a count below 1 or an unknown source, and RunFolderError for a prior that was never
        fitted.
        """
        if not isinstance(count, int | np.integer) or count < 1:
            raise RecipeError(f"{count!r} samples were asked for; legal: a whole number from 1 up")
        fitted = self.fitted_prior(source) if isinstance(source, str) else source
        hears = listener(self.vae, fitted)
        given = asked(hears, self.spec, count, seed, label, covariates or {})
        drawn: np.ndarray = sample(self.vae, count, seed, noise, given=given, fitted=fitted).numpy()
        return drawn

    def fitted_prior(self, source: str) -> FittedPrior | None:
        """What latents are drawn from by name; None for the model's own prior. Errors as `sample`
        raises them."""
        require_source(source)
        if source == "prior":
            return None
        if source == "aggregate":
            return Aggregate(self.latents("train"), told_by(self.vae, self.spec))
        prior = load_prior(self.folder.root, source)
        return prior.on(self.plan.device) if isinstance(prior, DiffusionPrior) else prior

    def latents(self, split: str = "train") -> Latents:
        """The posteriors of a split as the decoder meets them."""
        return latents_of(self.encode(split), float(self.vae.head.epsilon_std))

    def fit_prior(
        self,
        kind: str = "best",
        seed: int = 0,
        set: Sequence[str] = (),
        display: Display | None = None,
        tick: Tick = lambda done, most, word: None,
    ) -> dict[str, Any]:
        """Fit a prior of `kind` (gaussian, mixture, flow, maf, two-stage; best: all of them) to the
        aggregate posterior of the training split and keep it in the run's folder.

        `set` are `field=value` edits of that kind. Returns the held-out nats (validation split) of
        the model's own prior and of every fitted one. Raises RecipeError in one line for an unknown
        kind or field, and for latents that the kind cannot bear.
        """
        wanted = configs(kind, set)
        subject = Subject(
            self.folder.root,
            self.vae,
            self.spec,
            self.latents("train"),
            self.latents("validation"),
            self.recipe.seed,
        )
        return fit_priors(subject, wanted, seed, display or Quiet(), tick)

    def encode(
        self,
        split: str = "test",
        x: Any = None,
        labels: Any = None,
        covariates: Any = None,
    ) -> Encoded:
        """Posterior means, log-variances and KLs of a split or of natural samples `x`; `labels` and
        `covariates` are what a conditional model is told of those (`batches`)."""
        return encode_split(self.vae, self.batches(split, x, None, labels, covariates)())

    def covariates(self, split: str = "test") -> dict[str, np.ndarray]:
        """The covariates of a split by name, (N,) each, in the order of its samples."""
        chosen = self.material.split.of(split)
        return {name: column[chosen] for name, column in self.material.data.covariates.items()}

    def decode(self, z: np.ndarray, labels: Any = None, covariates: Any = None) -> np.ndarray:
        """Natural samples (N, *) of latents z: (N, K), with the `labels` (N,) (numbers or names)
        and `covariates` (name -> (N,)) that a conditional model is told. Raises DataError for
        another K, none at all, numbers that are not finite, or conditions that do not fit."""
        z = as_array(z, "latents")
        if z.ndim != 2 or z.shape[1] != self.vae.latent or len(z) == 0:
            raise DataError(
                f"latents have shape {z.shape} and the model needs (samples, {self.vae.latent})"
            )
        require_finite("latents", z)
        given = given_with(self.vae, self.spec, len(z), labels, covariates)
        decoded: np.ndarray = decode_all(self.vae, torch.from_numpy(z).float(), given).numpy()
        return decoded

    @torch.inference_mode()
    def reconstruct(
        self,
        split: str = "test",
        x: Any = None,
        most: int | None = None,
        labels: Any = None,
        covariates: Any = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(originals, reconstructions), (N, *) in natural units, through the posterior mean.
        Arguments as those of `batches`."""
        originals: list[Tensor] = []
        copies: list[Tensor] = []
        for batch in self.batches(split, x, most, labels, covariates)():
            originals.append(batch.truth.cpu())
            copies.append(
                self.vae.generate(self.vae.encode(batch.x, batch.given).mean, batch.given).cpu()
            )
        return torch.cat(originals).numpy(), torch.cat(copies).numpy()

    def _samples_of(self, x: Any, labels: Any, covariates: Any) -> Samples:
        any_real = "real" in self.vae.likelihood.supports
        natural = natural_samples("the given data", x, self.spec, any_real)
        samples = Samples.natural(natural, self.plan.device, self.plan.dtype)
        given = given_with(self.vae, self.spec, len(natural), labels, covariates)
        given = given.on(self.plan.device)
        samples = replace(samples, labels=given.label, covariates=given.covariates)
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
    return Run(*trained(root, encoder, decoder))
