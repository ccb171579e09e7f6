"""The rows of a batch in slices: the parts of one process, and those of several."""

from itertools import accumulate, pairwise


def row_slices(rows: int, count: int) -> list[slice]:
    """`rows` in `count` slices, the first ones a row longer where it does not divide them."""
    short, longer = divmod(rows, count)
    sizes = [short + (number < longer) for number in range(count)]
    return [slice(*ends) for ends in pairwise(accumulate(sizes, initial=0))]
