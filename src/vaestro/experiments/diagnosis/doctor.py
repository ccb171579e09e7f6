"""The doctor at one of our own runs: the same checks, on what the run knows exactly.

Shape letters: N samples, B batch, K latents, * the sample's axes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from vaestro.experiments import remedied
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.diagnosis.advice import advised
from vaestro.experiments.diagnosis.replay import replay
from vaestro.experiments.guests import copied, unfilled
from vaestro.experiments.same_data import MEASURED, require_same_data
from vaestro.experiments.trained import trained
from vaestro.foundation.errors import UserError
from vaestro.foundation.files import write_json
from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.diagnose import judge
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.examination import MOST
from vaestro.health.diagnosis.heard import NOTHING_HEARD, Heard
from vaestro.health.diagnosis.patient import Decoded, Patient, Weights
from vaestro.health.diagnosis.run_observation import RunObservation
from vaestro.health.finding import Finding
from vaestro.models.build import build_vae
from vaestro.models.vae import VAE
from vaestro.probability.priors.adversarial import Adversarial
from vaestro.probability.priors.regression import Regression
from vaestro.reports.run_files import read_rows
from vaestro.runs.folder import RunFolder

FEWEST, MOST_NUMBERS = 64, 20_000_000
"""Of large samples so many numbers are examined in all, and so many samples at least."""

FROM_PYTHON = {"given", "part"}
"""Networks that a user brings may be frozen, or trained before: how they began is not asked."""


@dataclass(frozen=True)
class Subject:
    """A run to examine: its folder, its parts, its trained model, and the values that the model's
    tensors had before training, None where nobody knows."""

    folder: RunFolder
    assembly: Assembly
    vae: VAE
    initial: Mapping[str, Tensor] | None


def diagnose_run(
    root: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
) -> Diagnosis:
    """What `examined` finds of the run in the folder `root`, written into it as diagnosis.json.

    Raises UserError in one line for a folder without a trained model.
    """
    found = examined(root, encoder, decoder)
    keep_diagnosis(root, found)
    return found


def keep_diagnosis(root: str | Path, found: Diagnosis) -> None:
    """Write diagnosis.json into the folder `root` of a run."""
    write_json(RunFolder(Path(root)).diagnosis, found.as_json())


def examined(
    root: str | Path, encoder: nn.Module | None = None, decoder: nn.Module | None = None
) -> Diagnosis:
    """Examine the run in the folder `root`; nothing is written.

    `encoder`, `decoder`: modules of the same shapes, for a run whose networks came from Python.
    Remedies are `field.path=value` edits that are legal in the run's recipe and change it. Raises
    UserError in one line for a folder without a trained model.
    """
    run = trained(root, encoder, decoder)
    recipe = remedied.changed(run.recipe, remedied.entries(run.folder))
    kept = run.vae.transform.state_dict()
    # building a model moves a decoder's bias to the data's mean: not that of the trained one
    assembly = assemble(unfilled(recipe), run.plan, None, kept, copied(encoder, decoder))
    initial = None if _from_python(assembly) else assembly.vae.state_dict()
    try:
        require_same_data(run.folder, recipe, assembly.material, MEASURED)
        found = judge(patient_of(Subject(run.folder, assembly, run.vae, initial)))
        if (run.folder.read_summary() or {}).get("status") == "diverged":
            found = _blaming(found, _replayed(run.folder))
        found = advised(found, run.folder, assembly)
    finally:
        assembly.stream.close()
    return found


def diagnose_trained(folder: RunFolder, assembly: Assembly, seen: Finding | None) -> Diagnosis:
    """The same of the run that has just been trained with `assembly`, but that no step is taken
    again: `seen` is what ended it, as the monitor or the guard saw it, None for its natural end."""
    vae = assembly.vae
    found = judge(patient_of(Subject(folder, assembly, vae, _untrained(assembly))))
    if seen is not None:
        found = _blaming(found, seen)
    found = advised(found, folder, assembly)
    write_json(folder.diagnosis, found.as_json())
    return found


def patient_of(subject: Subject) -> Patient:
    """The run as the doctor is shown it, in model space."""
    vae, assembly = subject.vae, subject.assembly
    x, given = _together(assembly, "train")
    held, held_given = _together(assembly, "validation")
    condition = vae.condition
    weights = assembly.task.objective.weights
    beta = float(assembly.effective["effective_beta"] or 0.0)
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
        heard=_heard(vae),
        carried=_carried(vae),
        draw=lambda count, told: _drawn(vae, count, told),
        divergence=vae.prior.divergence,
        log_prior=torch.no_grad()(vae.prior.log_prob),
        known_weights=Weights(weights.data, weights.data * beta),
        modules=(vae,),
        module=vae,
        initial=subject.initial,
        saved=load_file(subject.folder.model / "model.safetensors"),
        history=losses(subject.folder, weights.data, beta),
    )


def _heard(vae: VAE) -> Heard:
    """What the condition tells; its covariates are the first columns."""
    condition = vae.condition
    if condition is None:
        return NOTHING_HEARD
    count = 0 if condition.standard is None else len(condition.standard.mean)
    return Heard(condition.by_label, {name: n for n, name in enumerate(vae.told[:count])})


def _carried(vae: VAE) -> Heard:
    """What the prior depends on."""
    match vae.prior:
        case Regression(by_label=by_label, covariate=covariate):
            return Heard(by_label, {covariate: vae.told.index(covariate)})
        case Adversarial(by_label=by_label):
            return Heard(by_label)
    return NOTHING_HEARD


def _from_python(assembly: Assembly) -> bool:
    model = assembly.recipe.model
    return bool({model.encoder.kind, model.decoder.kind} & FROM_PYTHON)


def _untrained(assembly: Assembly) -> Mapping[str, Tensor] | None:
    """The model as it was before training, built again."""
    if _from_python(assembly):
        return None
    recipe, material, plan = assembly.recipe, assembly.material, assembly.plan
    mean = material.training_mean.cpu()
    vae = build_vae(recipe.model, material.spec, material.transform, mean, recipe.seed)
    return vae.to(plan.device, plan.dtype).state_dict()


def losses(folder: RunFolder, data_weight: float, effective_beta: float) -> tuple[float, ...]:
    """The training loss of each epoch at its final beta, so that a warm-up does not hide a fall."""
    kept: dict[int, list[float]] = {}
    for row in read_rows(folder.history):
        if row.get("split") == "train":
            terms = (row.get("data_term"), row.get("prior_term"))
            data, prior = (math.nan if term is None else float(term) for term in terms)
            kept.setdefault(int(row["epoch"]), []).append(data + effective_beta * prior)
    return tuple(data_weight * sum(rows) / len(rows) for _, rows in sorted(kept.items()))


def _together(assembly: Assembly, split: str) -> tuple[Tensor, Given]:
    """At most MOST samples of a split, and MOST_NUMBERS numbers."""
    material = assembly.material
    most = max(FEWEST, min(MOST, MOST_NUMBERS // material.spec.elements))
    parts = list(material.some(split, most))
    return torch.cat([batch.x for batch in parts]), Given.joined([batch.given for batch in parts])


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


def _replayed(folder: RunFolder) -> Finding:
    """Of a run that diverged, which number broke, and why; or why no replay tells, as of networks
    from Python, whose first weights no file holds."""
    try:
        seen = replay(folder.root)
    except UserError as fault:
        return Finding("exploding", f"The run diverged; {fault}")
    evidence = {"step": seen.step, "cause": seen.cause, "worst": seen.worst}
    return Finding("exploding", f"The run diverged: {seen.sentence}", evidence, seen.remedies)


def _blaming(found: Diagnosis, ended: Finding) -> Diagnosis:
    """The diagnosis of a run that was ended, with what ended it as its first finding."""
    others = tuple(
        f for f in found.findings if f.kind not in (ended.kind, "undertrained", "stalled")
    )
    findings = (ended, *others)
    return Diagnosis(ended.kind, findings, found.unchecked, ended.sentence)
