"""What the end of a run leaves: the model, its final figures, pictures, the diagnosis."""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from vaestro.experiments.assemble import Assembly
from vaestro.experiments.attempt import Ended
from vaestro.experiments.diagnosis.doctor import diagnose_trained
from vaestro.experiments.model_files import save_model
from vaestro.experiments.pictures import write_pictures
from vaestro.foundation.errors import one_line
from vaestro.foundation.plain import plain
from vaestro.foundation.samples import Batch
from vaestro.health.baselines import constant_data_term, dropped_nats
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.finding import Finding, Kind
from vaestro.health.verdict import sentence, verdict
from vaestro.runs.folder import RunFolder
from vaestro.runs.history import last_record
from vaestro.training.loop import adopt_final_weights
from vaestro.training.state import TrainState

BASELINE_SAMPLES = 2048

BRIEF = "brief"
"""The summary of a run that `complete` has not made up for says so."""

PLACE = ("step", "epoch", "split")
"""The fields of a record that say what its figures are about."""


def finish(
    folder: RunFolder,
    assembly: Assembly,
    state: TrainState,
    ended: Ended,
    say: Callable[[str], None],
    brief: bool = False,
) -> dict[str, Any]:
    """Write what the end of a run leaves; returns what its summary says of the model.

    `brief`: the training split is not evaluated, no pictures are drawn and the doctor is not asked,
    which `complete` makes up for when somebody looks at the run.
    """
    adopt_final_weights(state)
    recipe, material, vae = assembly.recipe, assembly.material, assembly.vae
    save_model(folder.model, vae, recipe, material.data.spec, material.spec)
    vae.eval()
    held_out = plain(_validated(folder, assembly, state))
    if brief:
        return _in_brief(folder, assembly, held_out, ended)
    trained = assembly.task.validate(material.batches("train")(), state.control)
    figures = {"train": plain(trained), "validation": held_out}
    baseline = constant_data_term(vae, _first_samples(material.batches("train", BASELINE_SAMPLES)))
    baseline += dropped_nats(vae, material.batches("validation")())
    write_pictures(folder.snapshots / "final.npz", assembly, baseline)
    word, said = _judged(folder, assembly, held_out, baseline, ended, state, say)
    return {
        "run": str(folder.root),
        "status": ended.status,
        **figures,
        **assembly.effective,
        "verdict": word,
        "sentence": said,
        "baseline_constant": baseline,
    }


def _in_brief(
    folder: RunFolder, assembly: Assembly, figures: dict[str, Any], ended: Ended
) -> dict[str, Any]:
    """The summary of a run that ended in comparison with others."""
    word = verdict(figures, ended.diverged, assembly.vae.head.stochastic)
    return {
        "run": str(folder.root),
        "status": ended.status,
        "train": {},
        "validation": figures,
        **assembly.effective,
        "verdict": word,
        "sentence": "Ended early, since other runs were better by then.",
        "baseline_constant": None,
        BRIEF: True,
    }


def _validated(folder: RunFolder, assembly: Assembly, state: TrainState) -> dict[str, Any]:
    """The figures of the validation split: those of the last record, where that validated the very
    weights that the run ends with."""
    record = last_record(folder.history) if state.history_bytes else {}
    newest = not state.best or state.waited == 0
    if newest and record.get("split") == "validation" and record["step"] == state.step:
        return {name: value for name, value in record.items() if name not in PLACE}
    validation = assembly.material.batches("validation")
    return assembly.task.validate(validation(), state.control)


def _judged(
    folder: RunFolder,
    assembly: Assembly,
    figures: dict[str, Any],
    baseline: float,
    ended: Ended,
    state: TrainState,
    say: Callable[[str], None],
) -> tuple[Kind, str]:
    """The doctor's verdict and a sentence; of a run that goes on, what its figures tell so far."""
    vae = assembly.vae
    plain = verdict(figures, ended.diverged, vae.head.stochastic)
    beta = float(assembly.effective["effective_beta"] or 0.0)
    said = sentence(plain, figures, vae.latent, baseline, vae.head.stochastic, beta)
    if ended.status == "interrupted":
        return plain, f"Interrupted at step {state.step}; go on with --resume. So far: {said}"
    seen = _seen(ended, state)
    if seen is None and plain == "exploding":
        seen = Finding("exploding", said)
    found = _diagnosed(folder, assembly, seen, say)
    if found is None or found.verdict == plain == "healthy":
        return plain, said
    return found.verdict, _of_state(found)


def _seen(ended: Ended, state: TrainState) -> Finding | None:
    """What ended the run before its time, as the monitor or the guard saw it."""
    event = ended.event or state.watched.get("ending")
    if event is None:
        return None
    return Finding(event["kind"], event["sentence"], event["evidence"], tuple(event["remedies"]))


def _diagnosed(
    folder: RunFolder, assembly: Assembly, seen: Finding | None, say: Callable[[str], None]
) -> Diagnosis | None:
    """The doctor's word; None where the model cannot be examined, since a trained run is worth more
    than its diagnosis."""
    try:
        return diagnose_trained(folder, assembly, seen)
    except (RuntimeError, ValueError) as fault:
        say(f"no diagnosis was made: {one_line(str(fault))[:200]}")
        return None


def _of_state(found: Diagnosis) -> str:
    """The sentence of the finding that is the verdict; of the first where there is none."""
    of_state = (one.sentence for one in found.findings if one.kind == found.verdict)
    return next(of_state, found.sentence)


def _first_samples(batches: Callable[[], Iterable[Batch]]) -> torch.Tensor:
    return torch.cat([batch.x for batch in batches()])
