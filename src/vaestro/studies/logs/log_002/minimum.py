"""The KL that ends at 50.0: a formula without its last term."""

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_002 import variance
from vaestro.studies.logs.log_002.rows import of_variance, shown
from vaestro.studies.logs.log_002.setting import recipe

PLACES = (10.0, 0.01)
"""x_var of a run that collapses and of one that does not."""
ROUNDING = 1e-3
"""Of a figure: members that are stacked otherwise round otherwise at every step."""


def chapter(bench: Bench) -> Chapter:
    """Train two runs with the log's formula, beside the same two with the KL."""
    members = [(of_variance(v), "seed=0") for v in PLACES]
    theirs = bench.population("kl-without-d", recipe(bench), members, ("kl-without-d",))
    found = variance.rows(bench)
    ours = [variance.of(bench, found, v)[0] for v in PLACES]
    pairs = list(zip(theirs, ours, strict=True))
    same = all(abs(a["mse"] - b["mse"]) < ROUNDING * b["mse"] for a, b in pairs)
    return Chapter(
        "kl",
        "The KL whose least value is 50",
        (
            "The log computes (sum s^2 + sum m^2 - 2 sum log s) / 2 for 100 latents of mean m and "
            "standard deviation s. The KL has a further -1 for each latent.",
        ),
        (
            Claim(
                "This means that KL divergence reach its theoretical minimum (50.0).",
                f"Collapsed at x_var 10, the log's formula gives "
                f"{shown(theirs[0]['prior_term'], 4)} nats and the KL "
                f"{shown(ours[0]['prior_term'], 2)}; at x_var 0.01 they are "
                f"{shown(theirs[1]['prior_term'], 4)} and {shown(ours[1]['prior_term'], 4)}.",
                "Half a nat too many for each of 100 latents. Its gradient is right, so that both "
                "runs end with the same weights: a formula that is wrong in its value alone.",
                same and all(_missing(a["prior_term"], b["prior_term"]) for a, b in pairs),
            ),
        ),
        (
            Table(
                "The same runs with either formula",
                ("x_var", "the log's, nats", "the KL, nats", "error, the log's", "error, ours"),
                tuple(
                    (
                        f"{v:g}",
                        shown(a["prior_term"], 5),
                        shown(b["prior_term"], 5),
                        shown(a["mse"], 4),
                        shown(b["mse"], 4),
                    )
                    for v, (a, b) in zip(PLACES, pairs, strict=True)
                ),
            ),
        ),
    )


def _missing(told: float, kl: float) -> bool:
    """Whether the log's formula gives half a nat for each latent more than the KL."""
    return abs(told - kl - variance.MISSING) < 0.05 + ROUNDING * kl
