"""What a model remembers of its training data's conditions, to draw new samples' conditions from.

Shape letters: N training samples, M remembered ones, V covariates.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import Given

REMEMBERED = 4096
"""So many training samples' conditions are kept."""
NEIGHBOURS = 64
"""Of so many of them, the nearest to what is asked for, the rest of a condition is drawn."""


class Memory(nn.Module):
    """Labels (M,) and covariates (M, V) of training samples, row by row as they occur together.

    A row without a label has label -1; without covariates V is 0.
    """

    labels: Tensor
    covariates: Tensor

    def __init__(self, covariates: int) -> None:
        super().__init__()
        self.register_buffer("labels", torch.full((REMEMBERED,), -1, dtype=torch.int64))
        self.register_buffer("covariates", torch.zeros(REMEMBERED, covariates))

    @torch.no_grad()
    def fit(self, labels: Tensor | None, covariates: Tensor | None) -> None:
        """Keep M of N rows, evenly spaced: labels (N,) and covariates (N, V), or None."""
        for kept, values in ((self.labels, labels), (self.covariates, covariates)):
            if values is not None:
                rows = torch.linspace(0, len(values) - 1, REMEMBERED).round().long()
                kept.copy_(values[rows.to(values.device)])

    def draw(
        self,
        count: int,
        generator: torch.Generator,
        label: int | None = None,
        near: Mapping[int, float] | None = None,
    ) -> Given:
        """`count` rows with replacement, on the CPU: of samples of `label` alone if it is given,
        and of those whose covariates are nearest to `near` (column -> value), whose other
        conditions are then likely ones.

        Raises DataError for a label that no remembered sample has.
        """
        rows = torch.arange(REMEMBERED)
        if label is not None:
            rows = torch.nonzero(self.labels.cpu() == label)[:, 0]
            if len(rows) == 0:
                raise DataError(f"label {label}: too few training samples have it to draw from")
        if near:
            rows = rows[self._distances(near)[rows].argsort(stable=True)[:NEIGHBOURS]]
        chosen = rows[torch.randint(len(rows), (count,), generator=generator)]
        labels, covariates = self.labels.cpu()[chosen], self.covariates.cpu()[chosen]
        labelled = bool((labels >= 0).all())
        return Given(labels if labelled else None, covariates if covariates.shape[1] else None)

    def _distances(self, near: Mapping[int, float]) -> Tensor:
        """(M,): how far each row is from the values asked for, in standard deviations."""
        total = torch.zeros(REMEMBERED, dtype=torch.float64)
        for column, value in near.items():
            known = self.covariates[:, column].cpu().double()
            total += ((known - value) / known.std().clamp(min=1e-12)).square()
        return total
