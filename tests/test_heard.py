"""What a model is told of each sample, and what of it a decoder ignores."""

import torch
from torch import Tensor

from vaestro.foundation.samples import Given
from vaestro.health.diagnosis.condition import condition_ignored
from vaestro.health.diagnosis.evidence import gather
from vaestro.health.diagnosis.heard import NOTHING_HEARD, Heard, design
from vaestro.health.diagnosis.observation import GaussianObservation
from vaestro.health.diagnosis.patient import Decoded, Patient
from vaestro.health.finding import Finding
from vaestro.probability.posterior import Posterior

ROWS, ELEMENTS = 400, 6
AGE, LABELLED = Heard(False, {"age": 1}), Heard()


def random(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


LABEL = torch.randint(4, (ROWS,), generator=random(0))
AGES = torch.randn(ROWS, 2, generator=random(1))
CENTRES = 3 * torch.randn(4, ELEMENTS, generator=random(2))
X = CENTRES[LABEL] + 0.5 * AGES[:, 1:] + 0.1 * torch.randn(ROWS, ELEMENTS, generator=random(3))


def found(heard: Heard, slope: float, carried: Heard = NOTHING_HEARD) -> Finding | None:
    """Of a decoder that adds `slope` times the age to what z tells, two numbers of the sample."""
    patient = Patient(
        encode=lambda x, given: Posterior(x[:, :2], torch.full((len(x), 2), -4.0)),
        decode=lambda z, given: Decoded(z.repeat(1, 3) + slope * column(given)),
        x=X,
        observation=GaussianObservation(0.1),
        given=Given(LABEL, AGES),
        told=True,
        decoder_told=True,
        heard=heard,
        carried=carried,
    )
    with torch.no_grad():
        return condition_ignored(gather(patient))


def column(given: Given) -> Tensor:
    assert given.covariates is not None
    return given.covariates[:, 1:]


def test_a_condition_is_measured_against_what_it_explains_itself() -> None:
    """The labels explain most of the data, and only a model that is told them must heed them."""
    assert found(AGE, 0.5) is None
    told = found(AGE, 0.0)
    assert told is not None and "labels" not in told.sentence
    assert "Changing the covariate age changes next to nothing" in told.sentence
    assert told.evidence["variance_explained_by_condition"] < 0.2
    both = found(Heard(True, {"age": 1}), 0.0)
    assert both is not None and "Changing the label and the covariate age" in both.sentence
    assert both.sentence.endswith("samples cannot be asked for them.")


def test_what_the_prior_carries_is_not_asked_for() -> None:
    assert found(AGE, 0.0, carried=Heard(False, {"age": 1})) is None
    assert found(LABELLED, 0.0, carried=LABELLED) is None
    left = found(Heard(True, {"age": 1}), 0.0, carried=Heard(False, {"age": 1}))
    assert left is not None and "Changing the label changes" in left.sentence


def test_only_what_is_heard_is_exchanged() -> None:
    order = torch.arange(ROWS).flip(0)
    label, covariates = AGE.exchanged(Given(LABEL, AGES), order)
    assert label is LABEL and covariates is not None
    assert torch.equal(covariates[:, 0], AGES[:, 0])
    assert torch.equal(covariates[:, 1], AGES[:, 1].flip(0))
    assert design(Given(LABEL, AGES)).shape == (ROWS, 6)
    assert design(Given(None, AGES)).shape == (ROWS, 3)
    assert Heard(True, {"age": 0, "dose": 1}).words() == "the label and the covariates age and dose"
