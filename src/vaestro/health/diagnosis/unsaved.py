"""Parameters that a saved model lacks, or that nothing would save (log 003)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.diagnosis.tensor_names import bare, counted, listed, numbers
from vaestro.health.finding import Finding


def unsaved(evidence: Evidence) -> Finding | None:
    """A tensor that the loss reaches and no state_dict holds, or that the saved one lacks."""
    patient, hidden = evidence.patient, evidence.tensors.hidden
    if hidden:
        return Finding(
            "unsaved_parameter",
            f"The model uses {counted(hidden)} that no module has registered ({listed(hidden)}): "
            "parameters() and state_dict() pass them over, so they are neither saved nor restored.",
            {"parameters": list(hidden), "numbers": numbers(hidden)},
            (
                "register them: keep modules in nn.ModuleList or nn.ModuleDict, tensors in "
                "nn.Parameter, as attributes of the module that is saved",
            ),
        )
    if patient.saved is None:
        return None
    lost = _lost(patient)
    if not lost:
        return None
    return Finding(
        "unsaved_parameter",
        f"What was saved lacks {counted(lost)} that the model uses ({listed(lost)}), or holds "
        "their values from before training: a loaded model would have others in their place.",
        {"parameters": list(lost), "numbers": numbers(lost)},
        ("save module.state_dict() of the whole model after training, and load it strictly",),
    )


def _lost(patient: Patient) -> dict[str, Tensor]:
    """Entries of the module's state that the saved one has neither by name nor by value."""
    saved = dict(_flattened(patient.saved or {}))
    state = _state(patient)
    ends = {bare(name): value for name, value in saved.items()}
    lost = {}
    for name, value in state.items():
        match = saved.get(name, ends.get(bare(name)))
        if match is None or match.shape != value.shape:
            same = (s for s in saved.values() if s.shape == value.shape)
            if not any(torch.equal(s.to(value), value) for s in same):
                lost[name] = value
        elif _stale(patient, name, match, value):
            lost[name] = value
    return lost


def _stale(patient: Patient, name: str, saved: Tensor, value: Tensor) -> bool:
    """Whether the saved value is the initial one, and the model's has changed."""
    first = (patient.initial or {}).get(name)
    if first is None or first.shape != value.shape or torch.equal(saved.to(value), value):
        return False
    return torch.equal(saved.to(first), first)


def _state(patient: Patient) -> dict[str, Tensor]:
    roots = patient.modules if patient.module is None else (patient.module,)
    return {name: value for root in roots for name, value in root.state_dict().items()}


def _flattened(saved: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Tensor]]:
    """Tensors of a saved mapping, one inside another too."""
    flat: list[tuple[str, Tensor]] = []
    for name, value in saved.items():
        if isinstance(value, Tensor):
            flat.append((f"{prefix}{name}", value))
        elif isinstance(value, Mapping):
            flat += _flattened(value, f"{prefix}{name}.")
    return flat
