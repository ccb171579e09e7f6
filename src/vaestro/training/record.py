"""The figures of a history record."""

from typing import Any

from vaestro.metrics.live import live_dimensions
from vaestro.probability.objective import Terms


def figures_of(terms: Terms) -> dict[str, Any]:
    """Terms as plain numbers, in the order of a history record."""
    label = {} if terms.label_term is None else {"label_term": float(terms.label_term)}
    return {
        "data_term": float(terms.data_term),
        "prior_term": float(terms.prior_term),
        **label,
        "loss": float(terms.loss),
        "live_dimensions": live_dimensions(terms.kl_per_dimension),
    }
