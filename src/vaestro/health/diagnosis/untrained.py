"""Parameters that shape the output and are not trained; gradients that stop halfway (log 003)."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaestro.health.diagnosis.evidence import Evidence
from vaestro.health.diagnosis.jitter import jittered, own_randomness
from vaestro.health.diagnosis.patient import Patient
from vaestro.health.diagnosis.tensor_names import bare, counted, listed, numbers
from vaestro.health.finding import Finding


def untrained(evidence: Evidence) -> Finding | None:
    """A tensor that shapes the output and that training leaves as it was."""
    tensors = evidence.tensors
    used = {n: p for n, p in tensors.all.items() if _influences(evidence, p)}
    frozen = {n: p for n, p in used.items() if not p.requires_grad}
    if frozen and len(frozen) < len(used):
        return _told("have requires_grad off", frozen, "set requires_grad=True on them")
    left_out = _left_out(evidence, used)
    if left_out:
        return _told(
            "are in no parameter group of the optimiser, or in one whose learning rate is 0",
            left_out,
            "give the optimiser every parameter, after all modules are built: "
            "torch.optim.Adam(module.parameters())",
        )
    cut = _cut(evidence, used)
    if cut:
        return _told(
            "change the loss when they are moved, and its gradient does not reach them",
            cut,
            "look for detach(), .data, torch.no_grad() or a NumPy step between them and the loss",
        )
    still = _still(evidence, used)
    if still:
        return _told(
            "are bit for bit what they were before training",
            still,
            "give them to the optimiser, and call optimiser.step() after loss.backward()",
        )
    return None


def _influences(evidence: Evidence, parameter: Tensor) -> bool:
    """Whether the model's answers or its loss change when the tensor is moved."""
    if id(parameter) in evidence.tensors.reached:
        return True
    if not parameter.is_floating_point():
        return False
    patient = evidence.patient
    before = _answers(patient)
    with jittered([parameter], 0.5, 3, fresh=False):
        after = _answers(patient)
    return not torch.equal(before, after)


def _answers(patient: Patient) -> Tensor:
    """Every number that the model and its loss give for a few samples."""
    x, given = patient.batch(torch.arange(min(8, len(patient.x))))
    with torch.no_grad():
        posterior = patient.encode(x, given)
        parts = [posterior.mean, patient.decode(posterior.mean, given).mean]
        parts += [] if posterior.log_variance is None else [posterior.log_variance]
        if patient.loss is not None:
            with own_randomness(3):
                parts.append(patient.loss(x, given))
    return torch.nan_to_num(torch.cat([part.flatten().double() for part in parts]))


def _left_out(evidence: Evidence, used: Mapping[str, Tensor]) -> dict[str, Tensor]:
    optimiser = evidence.patient.optimiser
    if optimiser is None:
        return {}
    given = {id(p) for g in optimiser.param_groups for p in g["params"] if g.get("lr", 1.0) != 0}
    trained = {n: p for n, p in used.items() if p.requires_grad and id(p) not in given}
    finished = all(g.get("lr", 1.0) == 0 for g in optimiser.param_groups)
    return {} if finished else trained


def _cut(evidence: Evidence, used: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that the loss depends on without a gradient."""
    patient = evidence.patient
    if patient.loss is None:
        return {}
    wanted = {n: p for n, p in used.items() if p.requires_grad}
    x, given = patient.batch(torch.arange(min(32, len(patient.x))))
    with torch.enable_grad(), own_randomness(3):
        loss = patient.loss(x, given)
    if not loss.requires_grad or not wanted:
        return {}
    gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    silent = {n: p for (n, p), g in zip(wanted.items(), gradients, strict=True) if g is None}
    return {n: p for n, p in silent.items() if _moves_loss(patient, p)}


def _moves_loss(patient: Patient, parameter: Tensor) -> bool:
    x, given = patient.batch(torch.arange(min(32, len(patient.x))))
    assert patient.loss is not None
    losses = []
    for size in (0.0, 0.5):
        with jittered([parameter], size, 3, fresh=False), torch.no_grad(), own_randomness(3):
            losses.append(float(patient.loss(x, given)))
    return losses[0] != losses[1] and losses[0] == losses[0]


def _still(evidence: Evidence, used: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors equal to `initial`; none where `initial` is the model's own memory."""
    initial = evidence.patient.initial
    if initial is None:
        return {}
    ends = {bare(name): value for name, value in initial.items()}
    still = {}
    for name, parameter in used.items():
        first = initial.get(name, ends.get(bare(name)))
        if first is None or first.shape != parameter.shape:
            continue
        alias = first.data_ptr() == parameter.data_ptr()
        if not alias and torch.equal(first.to(parameter), parameter.detach()):
            still[name] = parameter
    return {n: p for n, p in still.items() if _has_gradient(evidence, p)}


def _has_gradient(evidence: Evidence, parameter: Tensor) -> bool:
    """Whether training would have moved it: at moved weights, so that no dead unit hides it."""
    if evidence.moving is None or not parameter.requires_grad:
        return True
    patient = evidence.patient
    x, given = patient.batch(torch.arange(min(64, len(patient.x))))
    moving = evidence.moving
    with jittered(moving.parameters, moving.size, 1, moving.fresh), torch.enable_grad():
        gradient = torch.autograd.grad(_stand_in(patient, x, given), parameter, allow_unused=True)
    return gradient[0] is not None and bool((gradient[0] != 0).any())


def _stand_in(patient: Patient, x: Tensor, given: Any) -> Tensor:
    """The loss, or the squared error and the size of the codes where there is none."""
    if patient.loss is not None:
        return patient.loss(x, given)
    posterior = patient.encode(x, given)
    total = (patient.decode(posterior.mean, given).mean - x).square().mean()
    total = total + posterior.mean.square().mean()
    spread = posterior.log_variance
    return total if spread is None else total + spread.square().mean()


def _told(what: str, tensors: Mapping[str, Tensor], remedy: str) -> Finding:
    return Finding(
        "untrained_parameter",
        f"{counted(tensors).capitalize()} ({listed(tensors)}) {what}: training does not "
        "change them.",
        {"parameters": list(tensors), "numbers": numbers(tensors)},
        (remedy,),
    )
