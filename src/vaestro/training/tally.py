"""What the batches of a split add up to."""

from typing import NamedTuple

from torch import Tensor


class Tally(NamedTuple):
    """Sums in 64 bits on the CPU, over so many `samples`; of what is for the adder to know."""

    sums: tuple[Tensor, ...] = ()
    samples: int = 0

    def plus(self, values: tuple[Tensor, ...], count: int) -> "Tally":
        """With the sums over `count` samples more."""
        here = tuple(value.cpu() for value in values)
        if not self.sums:
            return Tally(here, count)
        pairs = zip(self.sums, here, strict=True)
        return Tally(tuple(total + value for total, value in pairs), self.samples + count)

    def of(self, member: int) -> "Tally":
        """That of one member of a population, of whose sums the first axis counts the members."""
        return Tally(tuple(total[member] for total in self.sums), self.samples)

    @property
    def means(self) -> tuple[Tensor, ...]:
        """The sums over their number."""
        return tuple(total / self.samples for total in self.sums)
