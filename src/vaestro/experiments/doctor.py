"""The doctor at one of our own runs: the same checks, on what the run knows exactly.

Shape letters: N samples, B batch, K latents, * the sample's axes.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.doctor_advice import advised
from vaestro.experiments.guests import unfilled
from vaestro.experiments.replay import replay
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import CheckpointError, RunFolderError
from vaestro.foundation.files import write_json
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Batch, Given
from vaestro.health.baselines import constant_data_term
from vaestro.health.diagnosis.diagnose import judge
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.examination import MOST
from vaestro.health.diagnosis.observation import BernoulliObservation, largest_eigenvalue
from vaestro.health.diagnosis.patient import Decoded, Patient, Weights
from vaestro.health.finding import Finding
from vaestro.models.build import Guests
from vaestro.models.vae import VAE
from vaestro.reports.run_files import read_rows
from vaestro.runs.folder import RunFolder

FROM_PYTHON = {"given", "part"}
"""Networks that a user brings may be frozen, or trained before: how they began is not asked."""


@dataclass(frozen=True)
class RunObservation:
    """The likelihood of a run's own model, in natural units."""

    vae: VAE

    @property
    def variance(self) -> float | None:
        """That of a fixed Gaussian in model space."""
        return self.vae.likelihood.fixed_variance

    @cached_property
    def _log_det(self) -> float:
        return float(self.vae.transform.log_det.double())

    def nats(self, x: Tensor, decoded: Decoded) -> Tensor:
        """-log p(x | outputs), (B,)."""
        assert decoded.outputs is not None
        return -self.vae.likelihood.log_prob(x, decoded.outputs) - self._log_det

    def constant(self, x: Tensor) -> float:
        """Of the best constant outputs."""
        return constant_data_term(self.vae, x)

    def critical_beta(self, x: Tensor) -> float | None:
        """Of a Gaussian with a fixed variance, and of a Bernoulli."""
        if self.variance is not None:
            return largest_eigenvalue(x) / self.variance
        if self.vae.likelihood.kind == "bernoulli":
            return BernoulliObservation().critical_beta(x)
        return None


def diagnose_run(
    root: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
) -> Diagnosis:
    """Examine the run in the folder `root`, and write diagnosis.json into it.

    `encoder`, `decoder`: modules of the same shapes, for a run whose networks came from Python.
    Remedies are `field.path=value` edits that are legal in the run's recipe and change it. Raises
    UserError in one line for a folder without a trained model.
    """
    run = load(root, encoder, decoder)
    assembly = assemble(
        unfilled(run.recipe),
        run.plan,
        kept=run.vae.transform.state_dict(),
        guests=Guests(encoder, decoder),
    )
    try:
        found = judge(patient_of(run, assembly))
        found = advised(_with_forensics(found, run), run, assembly)
    finally:
        assembly.stream.close()
    write_json(run.folder.root / "diagnosis.json", found.as_json())
    return found


def patient_of(run: Run, assembly: Assembly) -> Patient:
    """The run as the doctor is shown it, in model space."""
    vae, material = run.vae, assembly.material
    x, given = _together(material.some("train", MOST))
    held, held_given = _together(material.some("validation", MOST))
    condition = vae.condition
    weights = assembly.task.objective.weights
    beta = float(assembly.effective["effective_beta"] or 0.0)
    networks = (run.recipe.model.encoder.kind, run.recipe.model.decoder.kind)
    return Patient(
        encode=vae.encode,
        decode=lambda z, told: _decoded(vae, z, told),
        x=x,
        given=given,
        held_out=held,
        held_out_given=held_given,
        observation=RunObservation(vae),
        beta=beta,
        told=condition is not None,
        decoder_told=condition is not None and condition.entering("decoder").width > 0,
        draw=lambda count, told: _drawn(vae, count, told),
        divergence=vae.prior.divergence,
        log_prior=vae.prior.log_prob,
        known_weights=Weights(weights.data, weights.data * beta),
        modules=(vae,),
        module=vae,
        initial=None if set(networks) & FROM_PYTHON else assembly.vae.state_dict(),
        saved=load_file(run.folder.model / "model.safetensors"),
        history=losses(run.folder, weights.data, beta),
    )


def losses(folder: RunFolder, data_weight: float, effective_beta: float) -> tuple[float, ...]:
    """The training loss of each epoch at its final beta, so that a warm-up does not hide a fall."""
    kept: dict[int, list[float]] = {}
    for row in read_rows(folder.history):
        if row.get("split") == "train":
            terms = (row.get("data_term"), row.get("prior_term"))
            data, prior = (math.nan if term is None else float(term) for term in terms)
            kept.setdefault(int(row["epoch"]), []).append(data + effective_beta * prior)
    return tuple(data_weight * sum(rows) / len(rows) for _, rows in sorted(kept.items()))


def _together(batches: Iterable[Batch]) -> tuple[Tensor, Given]:
    parts = list(batches)
    columns = zip(*(batch.given for batch in parts), strict=True)
    joined = [None if c[0] is None else torch.cat([t for t in c if t is not None]) for c in columns]
    return torch.cat([batch.x for batch in parts]), Given(*joined)


def _decoded(vae: VAE, z: Tensor, given: Given) -> Decoded:
    outputs = vae.decode(z, given)
    mean = vae.likelihood.mean(outputs)
    spread = getattr(vae.likelihood, "std", None)
    fitted = vae.likelihood.outputs_per_element > 1 and vae.likelihood.kind == "gaussian"
    variance = spread(outputs).square() if fitted and spread is not None else None
    return Decoded(mean, variance, outputs)


def _drawn(vae: VAE, count: int, given: Given) -> Tensor:
    random = generator(0, Stream.EVALUATION)
    return vae.prior.sample(count, vae.latent, random, given)


def _with_forensics(found: Diagnosis, run: Run) -> Diagnosis:
    """Of a run that diverged, which number broke, and why, as the first finding."""
    if run.summary.get("status") != "diverged":
        return found
    broke: dict[str, Any] = {}
    remedies: tuple[str, ...] = ()
    try:
        seen = replay(run.folder.root)
    except (CheckpointError, RunFolderError) as fault:
        sentence = f"The run diverged; {fault}"
    else:
        sentence, remedies = f"The run diverged: {seen.sentence}", seen.remedies
        broke = {"step": seen.step, "cause": seen.cause, "worst": seen.worst}
    others = tuple(
        f for f in found.findings if f.kind not in ("exploding", "undertrained", "stalled")
    )
    first = Finding("exploding", sentence, broke, remedies)
    return Diagnosis("exploding", (first, *others), found.unchecked, sentence)
