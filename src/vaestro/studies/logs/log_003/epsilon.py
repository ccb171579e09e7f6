"""The log's trick against NaN: the posterior's variance plus an epsilon in the place of a
log-variance. How many runs it ends, and what it does where sampler and KL agree."""

from typing import NamedTuple

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_003.architectures import FITTED, on_layers
from vaestro.studies.logs.log_003.views import on_components

SEEDS = 5
EPOCHS = (3, 5)
LINEAR = "model.posterior.scale=linear"
TRICK = "linear-variance-epsilon"


class Ended(NamedTuple):
    """How many of the runs had a loss that was no number, and after how many steps the last did."""

    lost: int
    runs: int
    status: str


def epsilon(bench: Bench) -> Chapter:
    """The chapter."""
    found = {
        "log-variance, bounded": _ended(bench, "epsilon-log", ()),
        "variance + epsilon, the log's": _ended(bench, "epsilon-trick", (), (TRICK,)),
        "variance + epsilon, ours": _ended(bench, "epsilon-ours", (LINEAR,)),
    }
    return Chapter(
        name="epsilon",
        title="The KL divergence epsilon trick",
        text=(
            f"One layer of 2048, 64 latents, a fitted variance, {SEEDS} seeds each: the network "
            "for which the log tried it.",
        ),
        claims=_claims(found),
        tables=(
            Table(
                "Runs whose loss was no number",
                ("scale of the posterior", "lost", "of", "the others"),
                tuple((n, str(e.lost), str(e.runs), e.status) for n, e in found.items()),
            ),
        ),
    )


def _ended(bench: Bench, name: str, edits: tuple[str, ...], faults: tuple[str, ...] = ()) -> Ended:
    layers = on_layers((2048,), 64, FITTED)(bench)
    recipe = on_components(bench, *layers, *edits, f"training.epochs={bench.pick(*EPOCHS)}")
    members = [(f"seed={seed}",) for seed in range(SEEDS)]
    rows = bench.population(name, recipe, members, faults, width=1)
    lost = [row for row in rows if row["status"] == "diverged"]
    terms = [row["prior_term"] for row in rows if row["prior_term"] is not None]
    kept = f"KL {min(terms):.3g} to {max(terms):.3g} nats" if len(lost) < len(rows) else "none"
    return Ended(len(lost), len(rows), kept)


def _claims(found: dict[str, Ended]) -> tuple[Claim, ...]:
    plain, trick, ours = found.values()
    return (
        Claim(
            said="'it didn't help me at all, in fact I saw more nans'",
            measured=f"{trick.lost} of {trick.runs} runs are lost with the trick, {plain.lost} of "
            f"{plain.runs} with a log-variance",
            cause="The KL took the number as a variance and its logarithm, of which a negative "
            "number has none; the draw went on taking the same number as a log-variance. The two "
            "spoke of different posteriors.",
            holds=trick.lost > plain.lost,
        ),
        Claim(
            said="Ours: a linear variance that is positive everywhere, read alike by the KL and "
            "the draw.",
            measured=f"{ours.lost} of {ours.runs} runs are lost",
            cause="One function gives the log-variance, and everything reads that.",
            holds=ours.lost == 0,
        ),
    )
