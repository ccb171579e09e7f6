"""One record for one split: likelihood, both terms, latent space, and what else is asked for."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from vaestro.evaluation.annealed_figures import annealed_figures
from vaestro.evaluation.averages import averaged, combined
from vaestro.evaluation.baselines import baselines
from vaestro.evaluation.conditioning import conditioning
from vaestro.evaluation.encode import Encoded, encode_split
from vaestro.evaluation.judge_data import learned_and_held, rows_for
from vaestro.evaluation.latent_space import latent_space, quick_figures
from vaestro.evaluation.likelihood import Likelihoods, likelihoods
from vaestro.evaluation.reconstruction import Reconstruction, reconstruction
from vaestro.evaluation.references import References
from vaestro.evaluation.sample_quality import Sources, sample_quality
from vaestro.evaluation.settings import Settings
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Batch
from vaestro.metrics.live import live_dimensions
from vaestro.models.levels import skip_nats
from vaestro.models.vae import VAE

Batches = Callable[[], Iterable[Batch]]
OWN_PRIOR: Mapping[str, None] = {"prior": None}


def evaluate(
    vae: VAE,
    batches: Batches,
    settings: Settings | None = None,
    references: References | None = None,
    sources: Sources = OWN_PRIOR,
) -> dict[str, Any]:
    """The figures of a split, all per sample and in nats unless named otherwise.

    elbo at beta 1 (higher is better, at most -nll); nll importance-weighted, its standard error
    over the split and its Monte Carlo error; bits_per_dimension for discrete likelihoods;
    skip_term the nats of the prior term that go around the bottleneck, of a network with skips;
    mse per element in natural units, unit_mse the same over the split's own variance, psnr and
    ssim of images and volumes, atom_count_error of volumes that show atoms; mutual_information and
    prior_mismatch. Every *_standard_error is over the split. conditioning as
    `evaluation.conditioning` has it, of a conditional model.

    `likelihood`, `latent` and `samples` are sections, null unless settings name them; they and the
    pictures' figures need `references`. `sources` are the priors that samples are drawn from.
    Raises DataError for an empty split.
    """
    settings = settings or Settings()
    training = vae.training
    vae.eval()
    try:
        first = next(iter(batches()), None)
        if first is None or len(first.x) == 0:
            raise DataError("the split has no samples; legal splits: those with at least one")
        return _whole(vae, batches, settings, references, sources)
    finally:
        vae.train(training)


def _whole(
    vae: VAE, batches: Batches, settings: Settings, references: References | None, sources: Sources
) -> dict[str, Any]:
    encoded = encode_split(vae, batches())
    return {
        **_quick(vae, batches, encoded, settings, references),
        "conditioning": _conditions(vae, settings, references),
        **_sections(vae, batches, encoded, settings, references, sources),
        "settings": settings.plain(),
    }


def _quick(
    vae: VAE, batches: Batches, encoded: Encoded, settings: Settings, references: References | None
) -> dict[str, Any]:
    figures = likelihoods(vae, batches(), settings.samples, settings.seed)
    copies = reconstruction(vae, batches, None if references is None else references.spec)
    divergence = encoded.kl.double().mean(0)
    return {
        **_terms(vae, figures, settings.samples),
        "skip_term": skip_nats(vae.head.latents, divergence),
        **_copies(copies),
        "live_dimensions": live_dimensions(divergence),
        "kl_per_dimension": divergence.tolist(),
        **quick_figures(vae, encoded, settings.seed),
        "n": len(figures.data_term),
    }


def _terms(vae: VAE, figures: Likelihoods, samples: int) -> dict[str, Any]:
    bound = -(figures.data_term + figures.prior_term) if vae.head.stochastic else None
    known = figures.nll is not None
    bits = 1 / math.prod(vae.shape) / math.log(2)
    return {
        **averaged("elbo", bound),
        **averaged("nll", figures.nll),
        "nll_samples": samples if known else None,
        "nll_monte_carlo_error": combined(figures.nll_variance),
        "bits_per_dimension": float(figures.nll.mean()) * bits
        if figures.nll is not None and vae.likelihood.discrete
        else None,
        **averaged("data_term", figures.data_term),
        **averaged("prior_term", figures.prior_term),
    }


def _copies(copies: Reconstruction) -> dict[str, Any]:
    varies = copies.variance > 0
    return {
        **averaged("mse", copies.squared_error),
        "unit_mse": float(copies.squared_error.mean()) / copies.variance if varies else None,
        **averaged("psnr", copies.psnr),
        **averaged("ssim", copies.ssim),
        "ssim_n": None if copies.ssim is None else len(copies.ssim),
        "ssim_window": None if copies.window is None else copies.window.words,
        "data_range": copies.data_range,
        **averaged("atom_count_error", copies.atom_error),
    }


def _conditions(
    vae: VAE, settings: Settings, references: References | None
) -> dict[str, Any] | None:
    if references is None or not settings.conditioning or vae.memory is None:
        return None
    most = rows_for(references.spec.elements)
    held = None if references.held is None else references.held(most)
    return conditioning(vae, references.learn(most), held, settings.seed)


def _sections(
    vae: VAE,
    batches: Batches,
    encoded: Encoded,
    settings: Settings,
    references: References | None,
    sources: Sources,
) -> dict[str, Any]:
    """The three sections, or None for each that is not asked for or has nothing beside it."""
    found: dict[str, Any] = {"likelihood": None, "latent": None, "samples": None}
    if settings.ais:
        found["likelihood"] = {"ais": annealed_figures(vae, batches(), settings), "baselines": None}
    if references is None or not settings.sections:
        return found
    most, asked = rows_for(references.spec.elements), settings.sections
    with torch.no_grad():
        tried = None if references.held is None else references.held(most)
        learn, held = learned_and_held(vae, references.learn(most), tried)
    if "likelihood" in asked:
        before = found["likelihood"] or {"ais": None}
        found["likelihood"] = {**before, "baselines": baselines(vae, references, learn, held)}
    if "latent" in asked:
        found["latent"] = latent_space(vae, encoded, learn, held, references, settings.seed)
    if "samples" in asked:
        found["samples"] = sample_quality(vae, learn, held, references, sources, settings.seed)
    return found
