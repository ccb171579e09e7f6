"""The log's second purpose: many decoders tried against one encoder that stays as it is."""

import json
from typing import NamedTuple

from vaestro.experiments.frozen_encoder import frozen_encoder
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_000.asked import counted
from vaestro.studies.logs.log_000.figures import ranked
from vaestro.studies.logs.log_000.models import SUM, edits
from vaestro.studies.logs.log_000.settings import (
    Effect,
    Setting,
    all_settings,
    effects,
    rank_correlation,
)

NAME = "decoders"
EPOCHS, FROM_SCRATCH = (3, 4), (8, 10)
AGAIN = 4
"""So many settings, evenly spread over the ranking, are trained from scratch."""
CHECKS = 0.05
"""What is asked beside the steps is at most this share of what the steps would ask."""


class Tried(NamedTuple):
    """The settings with their held-out errors, each from the best one on, and their numbers."""

    settings: list[Setting]
    errors: list[float]
    numbers: list[int]


def decoders(bench: Bench) -> Chapter:
    """The chapter."""
    recipe = bench.recipe(SUM, (*edits(bench, EPOCHS), *encoder(bench)))
    settings = all_settings()
    members = [one.edits() for one in settings]
    with counted(bench.root / "asked.json") as asked:
        rows = bench.population(NAME, recipe, members)
    tried = best_first(settings, [float(row["mse"]) for row in rows])
    again = _from_scratch(bench, tried)
    found = effects(tried.settings, tried.errors)
    steps = int(bench.member(NAME, 0).summary["steps"])
    would = len(settings) * steps * recipe.training.batch_size
    nats = [float(row["prior_term"]) for row in rows]
    return Chapter(
        name="decoders",
        title="64 decoders, one frozen encoder",
        text=(
            "The encoder of the summed run and its posterior are frozen. 64 settings of the "
            "decoder are trained against them: 16 shapes (2 widths, 2 depths, plain or residual "
            "blocks, kernels of 3 or 5), each a population of 4 (2 learning rates, 2 starts of the "
            f"weights), for {steps} steps: what is best here is what is best after so many.",
        ),
        claims=(
            _once(asked.samples, would, nats),
            _useful(found),
            _transfers(tried, again),
        ),
        tables=(_effects(found), _again(tried, again)),
        pictures=(_picture(bench, tried),),
    )


def encoder(bench: Bench) -> tuple[str, ...]:
    """The edit that makes a recipe's encoder that of the summed run, frozen."""
    run = bench.train("summed", SUM, edits(bench))
    frozen = frozen_encoder(run, bench.root / "encoder.safetensors")
    return (f"model.encoder={json.dumps(frozen)}",)


def best_first(settings: list[Setting], errors: list[float]) -> Tried:
    """The settings by their errors, least first."""
    order = sorted(range(len(errors)), key=errors.__getitem__)
    return Tried([settings[i] for i in order], [errors[i] for i in order], order)


def _from_scratch(bench: Bench, tried: Tried) -> dict[int, float]:
    """The held-out errors of settings trained together with an encoder of their own, by rank."""
    last = len(tried.settings) - 1
    ranks = [round(place * last / (AGAIN - 1)) for place in range(AGAIN)]
    found = {}
    for rank in ranks:
        setting = tried.settings[rank]
        changes = (*edits(bench, FROM_SCRATCH), *setting.edits())
        run = bench.train(f"scratch-{tried.numbers[rank]:02d}", SUM, changes)
        found[rank] = float(run.summary["validation"]["mse"])
    return found


def _once(asked: int, would: int, nats: list[float]) -> Claim:
    apart = (max(nats) - min(nats)) / max(nats)
    alike = "is the same to the last digit" if apart == 0 else f"differs by {apart:.0e} of itself"
    return Claim(
        said="'I can experiment with different decoder hyperparameters directly with the "
        "autoencoder.'",
        measured=f"{len(nats)} decoders take steps on {would:,} samples in all; the encoder, whose "
        f"outputs were computed once, is asked for {asked:,} beside, by the checks before and "
        f"after each run; the KL of all {alike} ({nats[0]:.1f} nats)",
        cause="What a frozen encoder makes of a sample is kept and shared by all runs on the same "
        "samples, stacked or not.",
        holds=asked < CHECKS * would and apart < 1e-4,
    )


def _useful(found: list[Effect]) -> Claim:
    sure = [effect for effect in found if effect.sure]
    shown = ", ".join(f"{e.factor} {e.difference:+.4f}" for e in sure) or "none"
    return Claim(
        said="'if I can use variational autoencoders to enable more thorough hyperparameter "
        "exploration'",
        measured=f"{len(sure)} of 6 factors move the held-out error by more than their 95 % "
        f"interval: {shown}",
        cause="Every factor is judged by 32 pairs of decoders that differ in nothing else and see "
        "the same codes.",
        holds=len(sure) >= 1,
    )


def _transfers(tried: Tried, again: dict[int, float]) -> Claim:
    ranks = list(again)
    agreement = rank_correlation([tried.errors[r] for r in ranks], list(again.values()))
    best, worst = again[ranks[0]], again[ranks[-1]]
    return Claim(
        said="What is best on the frozen encoder is best with an encoder of its own.",
        measured=f"of {len(ranks)} settings spread over the ranking and trained from scratch, the "
        f"scan's best has {best:.3f} and its worst {worst:.3f}; the rankings agree by "
        f"{agreement:.2f} (Spearman)",
        cause="A decoder that gets more out of given codes gets more out of its own.",
        holds=best < worst,
    )


def _effects(found: list[Effect]) -> Table:
    rows = tuple(
        (
            e.factor,
            f"{e.low} to {e.high}",
            f"{e.difference:+.4f}",
            f"{e.half:.4f}",
            "yes" if e.sure else "no",
        )
        for e in found
    )
    head = ("factor", "change", "error changes by", "+-, 95 %", "beyond chance")
    return Table(f"What each factor does, over {found[0].pairs} pairs", head, rows)


def _again(tried: Tried, again: dict[int, float]) -> Table:
    rows = tuple(
        (tried.settings[rank].words, str(rank + 1), f"{tried.errors[rank]:.3f}", f"{error:.3f}")
        for rank, error in again.items()
    )
    head = ("decoder", "rank of 64", "error, frozen encoder", "error, from scratch")
    return Table("The same decoder with an encoder of its own", head, rows)


def _picture(bench: Bench, tried: Tried) -> Picture:
    shapes: dict[str, list[float]] = {}
    for setting, error in zip(tried.settings, tried.errors, strict=True):
        shapes.setdefault(setting.shape, []).append(error)
    rows = sorted(shapes.items(), key=lambda row: sum(row[1]))
    return bench.picture(
        "decoders",
        ranked(rows, "mean squared error, held out"),
        "16 shapes, four decoders each: two learning rates, two starts of the weights.",
    )
