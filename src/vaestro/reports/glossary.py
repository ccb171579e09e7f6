"""The words of a report, each explained in one or two sentences."""

from dataclasses import dataclass

from vaestro.reports.numerals import MINUS


@dataclass(frozen=True)
class Entry:
    """A word, its explanation, and its anchor on the page."""

    anchor: str
    word: str
    text: str


ENTRIES = (
    Entry("nats", "nat", "Unit of information: ln 2 nats are one bit, so one nat is 1.44 bits."),
    Entry(
        "data-term",
        "data term",
        f"{MINUS}log p(x|z): what a sample costs in nats when its code z is known, summed over all "
        "elements, averaged over samples. Also called reconstruction term.",
    ),
    Entry(
        "prior-term",
        "prior term",
        "KL(q(z|x) ‖ p(z)): what the code costs in nats, averaged over samples.",
    ),
    Entry("beta", "beta", "The weight of the prior term in the loss; 1 makes the loss a bound."),
    Entry(
        "elbo",
        "ELBO",
        f"{MINUS}(data term + prior term): a lower bound on log p(x), at beta 1 whatever the "
        "training used. Higher is better.",
    ),
    Entry(
        "loss",
        "loss",
        "What training minimises: data term plus beta times prior term, weighted as the recipe's "
        "objective.reduction says.",
    ),
    Entry(
        "live",
        "live dimension",
        "A latent dimension whose KL, averaged over the data, is above 0.01 nats. When none is "
        "live, the run has collapsed.",
    ),
    Entry(
        "baseline",
        "best constant",
        "The output that fits all training data best when it must be the same for every sample. A "
        "model that does not beat its data term has learned nothing from the code.",
    ),
    Entry(
        "mismatch",
        "prior mismatch",
        "KL(q(z) ‖ p(z)), with q(z) the average of q(z|x) over the data (the aggregate posterior). "
        "The prior term is this plus the mutual information between samples and codes.",
    ),
    Entry(
        "variance",
        "effective observation variance",
        "The variance of the Gaussian decoder whose ELBO at beta 1 has the same optimum as the "
        "configured loss. It folds beta and the reduction into one number.",
    ),
    Entry(
        "mse",
        "squared error",
        f"The mean over elements of (x {MINUS} x̂)², in the data's own units.",
    ),
)
OF_CONDITIONS = (
    Entry(
        "judge",
        "judge",
        "A small regression that learned labels or covariates from real training samples. What it "
        "says of real held-out samples is the ceiling for what it can say of the model's.",
    ),
    Entry(
        "leak",
        "read from z",
        "How well a judge that sees z alone knows the condition. A model that is told a condition "
        "need not keep it in z.",
    ),
)
OF_AUTOENCODER = {"nats", "data-term", "loss", "baseline", "mse"}
POINT_CODE = Entry(
    "autoencoder",
    "autoencoder",
    "A model whose code is a point, not a distribution: it has no prior term and no ELBO, and "
    "nothing makes its codes fill the prior.",
)


def glossary(stochastic: bool, judged: bool = False) -> list[Entry]:
    """The entries that a page needs: fewer for a plain autoencoder, more where conditions were
    judged."""
    more = OF_CONDITIONS if judged else ()
    if stochastic:
        return [*ENTRIES, *more]
    return [*more, *(entry for entry in ENTRIES if entry.anchor in OF_AUTOENCODER), POINT_CODE]
