"""All that the checks read: the patient, its measurements, its tensors, the form of its loss."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vaestro.health.diagnosis.examination import Examination, examine
from vaestro.health.diagnosis.loss_form import LossForm, find_form
from vaestro.health.diagnosis.loss_probe import Moving, choose_moving
from vaestro.health.diagnosis.patient import Patient, Weights
from vaestro.health.reachable import hidden_parameters, leaves

BATCH = 64


@dataclass(frozen=True)
class Tensors:
    """The model's trainable tensors by name. `registered` are in a module's parameters, `hidden`
    are reached by encode, decode or the loss and registered nowhere, `reached` are those that the
    graphs of encode, decode and loss begin at."""

    registered: Mapping[str, Tensor]
    hidden: Mapping[str, Tensor]
    reached: frozenset[int]
    graph: bool
    """Whether encode and decode keep a graph at all (a wrapper without gradients does not)."""
    shaping: frozenset[int]
    """Those of `reached` that encode or decode depend on; the loss alone reaches the others."""

    @property
    def all(self) -> dict[str, Tensor]:
        """Both, by name."""
        return {**self.registered, **self.hidden}

    @property
    def movable(self) -> list[Tensor]:
        """What may be moved at random: not a variance that only the loss reads, for which the
        data term would be another."""
        floating = [p for p in self.all.values() if p.is_floating_point()]
        alone = self.reached - self.shaping if self.graph else frozenset()
        return [p for p in floating if id(p) not in alone]


@dataclass(frozen=True)
class Evidence:
    """What a check gets."""

    patient: Patient
    seen: Examination
    tensors: Tensors
    moving: Moving | None = None
    form: LossForm | None = None
    half: LossForm | None = None
    """The form at half the batch size."""

    @property
    def weights(self) -> Weights | None:
        """The loss's weights: known, or measured if a right form explains it, else None."""
        if self.patient.known_weights is not None:
            return self.patient.known_weights
        if self.form is not None and self.form.right:
            return Weights(self.form.data, self.form.prior)
        return None

    @property
    def effective_beta(self) -> float:
        """Measured or known; else what the user says it is."""
        weights = self.weights
        return self.patient.beta if weights is None else weights.effective_beta


def gather(patient: Patient) -> Evidence:
    """Examine, find the tensors, and take the loss apart if there is one."""
    seen = examine(patient)
    tensors = find_tensors(patient)
    if not seen.stochastic:
        return Evidence(patient, seen, tensors)
    moving = choose_moving(patient, tensors.movable)
    if patient.loss is None or moving is None:
        return Evidence(patient, seen, tensors, moving)
    batch = min(BATCH, len(patient.x))
    form = find_form(patient, moving, batch)
    half = find_form(patient, moving, batch // 2) if form is not None and form.known else None
    return Evidence(patient, seen, tensors, moving, form, half)


def find_tensors(patient: Patient) -> Tensors:
    """Every trainable tensor that the functions reach, named."""
    outputs, losses = _outputs(patient)
    found = leaves(*outputs, *losses)
    roots = patient.modules if patient.module is None else (patient.module,)
    registered: dict[str, Tensor] = {}
    hidden: dict[str, Tensor] = {}
    for number, root in enumerate(roots):
        prefix = f"{number}." if len(roots) > 1 else ""
        registered.update({prefix + name: p for name, p in root.named_parameters()})
    known = {id(p) for p in registered.values()}
    for root in {id(m): m for m in (*roots, *patient.modules)}.values():
        hidden.update({n: p for n, p in hidden_parameters(root).items() if id(p) not in known})
        if patient.module is not None:
            own = {f"{type(root).__name__}.{n}": p for n, p in root.named_parameters()}
            hidden.update({n: p for n, p in own.items() if id(p) not in known})
    ids = frozenset(id(tensor) for tensor in found)
    hidden = {n: p for n, p in hidden.items() if id(p) in ids}
    _add_nameless(found, known, hidden, patient)
    shaping = frozenset(id(tensor) for tensor in leaves(*outputs))
    return Tensors(registered, hidden, ids, any(o.requires_grad for o in outputs), shaping)


def _add_nameless(
    found: list[Tensor], known: set[int], hidden: dict[str, Tensor], patient: Patient
) -> None:
    """Tensors that stand alone in a closure: outside the module that should hold them all."""
    named = known | {id(p) for p in hidden.values()}
    if patient.module is None:  # nobody said which module should hold them
        return
    for number, tensor in enumerate(t for t in found if id(t) not in named):
        hidden[f"nameless tensor {number} of shape {tuple(tensor.shape)}"] = tensor


def _outputs(patient: Patient) -> tuple[list[Tensor], list[Tensor]]:
    """encode and decode, and the loss, of a few samples, with their graphs."""
    x, given = patient.batch(torch.arange(min(8, len(patient.x))))
    with torch.enable_grad():
        posterior = patient.encode(x, given)
        decoded = patient.decode(posterior.mean, given)
        outputs = [posterior.mean, decoded.mean]
        outputs += [] if posterior.log_variance is None else [posterior.log_variance]
        outputs += [] if decoded.variance is None else [decoded.variance]
        losses = [] if patient.loss is None else [patient.loss(x, given)]
    return outputs, losses
