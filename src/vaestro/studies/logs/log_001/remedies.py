"""The log's two remedies and ours, each alone, on millimetres."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.streamlines import (
    FEW,
    NO_NORMALISATION,
    THEIRS,
    constant_error,
    epochs,
    lines,
)

CLOSE = 0.1
"""Two errors that differ by less, of the larger, are those of one training in other roundings."""
OWN_CHANNELS = "model.encoder.initialisation=uniform"


class Way(NamedTuple):
    """A way to train: fields of the recipe, and planted faults."""

    edits: tuple[str, ...]
    faults: tuple[str, ...]


WAYS: Mapping[str, Way] = {
    "nothing": Way((NO_NORMALISATION,), ("wrong-fan-in", "unbounded-exp")),
    "clip behind exp": Way((NO_NORMALISATION,), ("wrong-fan-in", "clip-after-exp")),
    "batch norm": Way((), ("wrong-fan-in", "unbounded-exp")),
    "clip and batch norm, the log's": Way((), ("wrong-fan-in", "clip-after-exp")),
    "the same, prior term without its minus": Way((), ("wrong-fan-in", "missing-minus")),
    "bound before exp": Way((NO_NORMALISATION,), ("wrong-fan-in",)),
    "each layer's own channels": Way((NO_NORMALISATION, OWN_CHANNELS), ("unbounded-exp",)),
    "ours: start and bound": Way((NO_NORMALISATION,), ()),
}


class Outcome(NamedTuple):
    """`error` in mm and KL in nats of the validation split, None where the run died at `step`;
    `constant`: the error in mm of the mean training streamline."""

    status: str
    step: int
    error: float | None
    kl: float | None
    constant: float


def remedies(bench: Bench) -> Chapter:
    """The chapter: the published channels, in the quick form on streamlines of 64 points."""
    found = {name: _outcome(_trained(bench, name)) for name in WAYS}
    claims = (_clip(found), _nothing_more(found), _minus(found), _channels(found), _bound(found))
    return Chapter(
        name="remedies",
        title="Which remedy did what",
        text=(
            "The published network on millimetres, with the log's loss, trained in eight ways: "
            "the log's weights with neither, one or both of its measures, with the sign that its "
            "prior term lacked for a while, and with the causes mended instead.",
        ),
        claims=claims,
        tables=(_table(found),),
    )


def _trained(bench: Bench, name: str) -> Run:
    way = WAYS[name]
    edits = (*lines(bench, FEW, 64), *THEIRS, epochs(bench.pick(6, 20)), *way.edits)
    folder = "-".join(re.findall("[a-z]+", name))
    return bench.train(f"remedy-{folder}", "streamline-vae", edits, way.faults)


def _outcome(run: Run) -> Outcome:
    told = run.summary
    held = {} if told["status"] == "diverged" else told["validation"]
    error, kl = held.get("mse"), held.get("prior_term")
    root = None if error is None else error**0.5
    return Outcome(told["status"], told["steps"], root, kl, constant_error(run))


def _clip(found: Mapping[str, Outcome]) -> Claim:
    bare, clipped = found["nothing"], found["clip behind exp"]
    return Claim(
        said="'The solution consisted of two measures: first, clipping the values ...'",
        measured=f"without it the run dies at step {bare.step + 1}, with it at step "
        f"{clipped.step + 1}",
        cause="The clip makes the loss finite and leaves its gradient 0 times infinity.",
        holds=bare.status == clipped.status == "diverged",
    )


def _nothing_more(found: Mapping[str, Outcome]) -> Claim:
    alone, both = found["batch norm"], found["clip and batch norm, the log's"]
    return Claim(
        said="'... second, adding batch normalization layers after each convolution'",
        measured=f"with batch norm alone the run ends with an error of {_shown(alone.error)} mm, "
        f"with the clip beside it {_shown(both.error)} mm",
        cause="Batch norm undoes the factor of each layer, so that log-variances stay where a "
        "clip at 1e10 has nothing to do: it alone was the remedy.",
        holds=alone.error is not None
        and both.error is not None
        and abs(alone.error - both.error) < CLOSE * alone.error,
    )


def _minus(found: Mapping[str, Outcome]) -> Claim:
    wrong, right = found["the same, prior term without its minus"], found["batch norm"]
    fallen = wrong.status == "diverged" or (wrong.kl is not None and wrong.kl < -100)
    return Claim(
        said="'how to solve the exploding loss problem': its history mends a missing minus sign",
        measured=_fate(wrong) + f", with the sign {_fate(right)}",
        cause="Without its minus the prior term has no least value, and is driven away from it.",
        holds=fallen and right.status == "finished",
    )


def _channels(found: Mapping[str, Outcome]) -> Claim:
    mended, normed = found["each layer's own channels"], found["batch norm"]
    return Claim(
        said="Each layer's own channels are enough, without a clip, a bound or batch norm.",
        measured=f"error {_shown(mended.error)} mm, prior term {_shown(mended.kl)} nats; with "
        f"batch norm {_shown(normed.error)} mm, the mean streamline {_shown(mended.constant)} mm",
        cause="Nothing is too large that would have to be clipped or normalised.",
        holds=_least(mended.error) < 0.5 * mended.constant,
    )


def _bound(found: Mapping[str, Outcome]) -> Claim:
    bounded, ours = found["bound before exp"], found["ours: start and bound"]
    return Claim(
        said="A bound before exp keeps such a run alive and does not mend its start.",
        measured=f"log's weights: {_fate(bounded)}; ours: {_fate(ours)}",
        cause="The bound holds log-variances. Means that begin in the thousands have to be "
        "unlearnt, at one learning rate a step.",
        holds=bounded.status == ours.status == "finished"
        and _least(ours.error) < _least(bounded.error),
    )


def _table(found: Mapping[str, Outcome]) -> Table:
    rows = tuple(
        (
            name,
            one.status if one.error is not None else f"dead at step {one.step + 1}",
            _shown(one.error),
            _shown(one.kl),
        )
        for name, one in found.items()
    )
    head = ("measures", "ended", "error, mm", "prior term, nats")
    return Table("Eight ways, the validation split", head, rows)


def _fate(one: Outcome) -> str:
    if one.error is None:
        return f"dead at step {one.step + 1}"
    return f"error {_shown(one.error)} mm, prior term {_shown(one.kl)} nats"


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:,.3g}"


def _least(number: float | None) -> float:
    return float("inf") if number is None else number
