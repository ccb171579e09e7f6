"""Schedules against their closed forms, and how they are written in YAML."""

import math

import pytest

from vaestro.foundation.config import Config
from vaestro.foundation.errors import RecipeError
from vaestro.foundation.schedules import (
    Constant,
    Cosine,
    Cyclical,
    Horizon,
    Length,
    Linear,
    RiseAndFall,
    Schedule,
    TwoPhase,
    depends_on_run_length,
)

HORIZON = Horizon(steps=200, steps_per_epoch=20)


class Holder(Config):
    value: Schedule = Constant(value=1.0)


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [
        (Constant(value=4), 17, 4),
        (Linear(start=1, end=3, length=Length(amount=10)), 0, 1),
        (Linear(start=1, end=3, length=Length(amount=10)), 5, 2),
        (Linear(start=1, end=3, length=Length(amount=10)), 10, 3),
        (Linear(start=1, end=3, length=Length(amount=10)), 999, 3),
        (Linear(start=0, end=1, length=Length(amount=2, unit="epochs")), 10, 0.25),
        (Linear(start=0, end=1, length=Length(amount=0.5, unit="of run")), 50, 0.5),
        (Linear(start=0, end=1, length=Length(amount=0)), 0, 1),
        (Cosine(start=0, end=2, length=Length(amount=10)), 5, 1.0),
        (Cosine(start=0, end=2, length=Length(amount=10)), 2, 1 - math.cos(math.pi * 0.2)),
        (Cyclical(cycles=4, ramp=0.5, length=Length(amount=100)), 0, 0),
        (Cyclical(cycles=4, ramp=0.5, length=Length(amount=100)), 6.25, 0.5),
        (Cyclical(cycles=4, ramp=0.5, length=Length(amount=100)), 20, 1),
        (Cyclical(cycles=4, ramp=0.5, length=Length(amount=100)), 25, 0),
        (Cyclical(cycles=4, ramp=0.5, length=Length(amount=100)), 150, 1),
        (TwoPhase(first=1e-3, second=1e-4, switch=Length(amount=3)), 2, 1e-3),
        (TwoPhase(first=1e-3, second=1e-4, switch=Length(amount=3)), 3, 1e-4),
    ],
)
def test_closed_forms(schedule: Linear, step: int, expected: float) -> None:
    assert schedule.at(step, HORIZON) == pytest.approx(expected)


def test_rise_and_fall_is_log_001s_annealing() -> None:
    schedule = RiseAndFall(
        start=0,
        peak=2,
        end=1,
        rise=Length(amount=10),
        hold=Length(amount=5),
        fall=Length(amount=10),
    )
    values = [schedule.at(step, HORIZON) for step in (0, 5, 10, 12, 15, 20, 25, 90)]
    assert values == pytest.approx([0, 1, 2, 2, 2, 1.5, 1, 1])
    assert schedule.final == 1


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("10 epochs", Length(amount=10, unit="epochs")),
        ("1 epoch", Length(amount=1, unit="epochs")),
        ("500 steps", Length(amount=500)),
        ("0.3 of run", Length(amount=0.3, unit="of run")),
        (7, Length(amount=7)),
    ],
)
def test_lengths_are_readable(text: object, length: Length) -> None:
    holder = Holder.parse({"value": {"kind": "linear", "length": text}})
    assert isinstance(holder.value, Linear)
    assert holder.value.length == length


def test_a_bare_number_is_constant() -> None:
    assert Holder.parse({"value": 3}).value == Constant(value=3)


def test_a_bad_unit_names_the_legal_ones() -> None:
    with pytest.raises(RecipeError, match="'steps', 'epochs' or 'of run'"):
        Holder.parse({"value": {"kind": "linear", "length": "3 moons"}})


def test_fractions_of_the_run_are_found() -> None:
    assert depends_on_run_length(Holder(value=Linear()))
    assert not depends_on_run_length(Holder(value=Linear(length=Length(amount=3, unit="epochs"))))
