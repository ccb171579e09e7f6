"""The spectrum of few rows with many elements: by their inner products, formed block by block.

Shape letters: N samples, n and m in the halves, E numbers in a row, h directions.
"""

import torch
from torch import Tensor

from vaestro.health.forecast.halves import Raw, held_out_count
from vaestro.health.forecast.rows import HalvedRows

BLOCK_NUMBERS = 40_000_000
"""Numbers of one held block; two are held at a time."""


def from_gram(rows: HalvedRows, wanted: int) -> Raw:
    """All N sample eigenvalues, and the leading directions of each half held out, exactly.

    With G the inner products of the centred samples, directions of the first half are
    v = X^T u / sqrt(l) with G11 u = l u, and the second half lies along them at G21 u / sqrt(l):
    no direction of E numbers is ever formed.
    """
    products = gram(rows)
    whole, inner = torch.linalg.eigh(_doubly_centred(products))
    values = whole.flip(0).clamp(min=0) / rows.samples
    along = inner[:, -1] * whole[-1].clamp(min=0).sqrt()
    count, cut = held_out_count(rows, wanted), rows.first
    sides = (slice(None, cut), slice(cut, None))
    first = _along(products[sides[0], sides[1]], products[sides[1], sides[1]], count)
    second = _along(products[sides[1], sides[0]], products[sides[0], sides[0]], count)
    return Raw(values, float(values.sum()), along, (first, second))


def _along(between: Tensor, own: Tensor, count: int) -> Tensor:
    """Samples (n, h) along the directions of others: `between` (n, m) and `own` (m, m) are the
    inner products with those others and of them."""
    if count == 0:
        return between.new_zeros(len(between), 0)
    values, inner = torch.linalg.eigh(_doubly_centred(own))
    leading = values.flip(0)[:count].clamp(min=1e-30)
    along: Tensor = _doubly_centred(between) @ (inner.flip(1)[:, :count] / leading.sqrt())
    return along


def _doubly_centred(products: Tensor) -> Tensor:
    """The inner products of rows less their own mean with columns less theirs."""
    across: Tensor = products.mean(0) + products.mean(1, keepdim=True)
    centred: Tensor = products - across + products.mean()
    return centred


def gram(rows: HalvedRows) -> Tensor:
    """The inner products (N, N) of all rows, in 64 bits; two blocks are in memory at a time.

    Later blocks are read again for each earlier one: (blocks + 1) / 2 passes in all.
    """
    products = torch.zeros(rows.samples, rows.samples, dtype=torch.float64)
    blocks = [places for places, _ in rows.parts(BLOCK_NUMBERS)]
    for number, here in enumerate(blocks):
        held = _block(rows, here)
        for there in blocks[number:]:
            other = held if there is here else _block(rows, there)
            inner = (held @ other.T).double().cpu()
            products[here[0] : here[-1] + 1, there[0] : there[-1] + 1] = inner
            products[there[0] : there[-1] + 1, here[0] : here[-1] + 1] = inner.T
    return products


def _block(rows: HalvedRows, places: Tensor) -> Tensor:
    block = rows.read(places)
    return block.double() if rows.wide else block
