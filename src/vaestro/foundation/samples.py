"""What one sample is: its shape, what its numbers mean, where it lies, and a batch of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from math import prod
from typing import Any, Literal, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

ValueKind = Literal["binary", "unit", "counts", "real"]
"""binary: {0, 1}; unit: greys in [0, 1]; counts: 0, 1, 2, ...; real: any finite number."""
Domain = Literal["vector", "streamline", "image", "volume"]
Unit = Literal["mm", "angstrom"]


@dataclass(frozen=True)
class Frame:
    """Where the grid of a file lies in the world, so that samples go back where they came from.

    affine: four rows of four numbers, voxel numbers (i, j, k, 1) -> world; dimensions: voxels
    along (i, j, k); unit: that of the world. Sources: NIfTI-1, TrackVis and MRC2014 headers.
    """

    affine: tuple[tuple[float, ...], ...]
    dimensions: tuple[int, int, int]
    unit: Unit = "mm"

    @classmethod
    def of(cls, affine: np.ndarray, dimensions: Any, unit: Unit = "mm") -> Self:
        """A frame from a (4, 4) array and three whole numbers."""
        rows = tuple(tuple(float(number) for number in row) for row in np.asarray(affine))
        i, j, k = (int(size) for size in dimensions)
        return cls(rows, (i, j, k), unit)

    @property
    def matrix(self) -> np.ndarray:
        """The affine as a (4, 4) array of float64."""
        return np.array(self.affine, dtype=np.float64)

    @property
    def voxel_sizes(self) -> tuple[float, float, float]:
        """The lengths of a voxel along (i, j, k), in world units."""
        i, j, k = (float(size) for size in np.sqrt((self.matrix[:3, :3] ** 2).sum(0)))
        return i, j, k


@dataclass(frozen=True)
class SampleSpec:
    """The shape and meaning of one sample.

    `shape` excludes the batch axis: (features,) for vectors, (3, points) for streamlines,
    (channels, height, width) for images, (channels, depth, height, width) for volumes. `scale`
    turns stored numbers into natural ones (natural = stored * scale). `levels` is the number of
    distinct stored values of quantised data, else None; the natural distance between two of them
    is `scale`. `names`: what the numbers of a vector, or the channels of other samples, are called;
    `label_names`: what label 0, 1, 2, ... are called; `label_count`: how many labels there are, or
    None for data without; `covariate_names`: which continuous quantities come with each sample;
    `frame`: where the samples lie; `atom`: where a volume shows atoms, what one of them adds to its
    sum, in natural units.
    """

    shape: tuple[int, ...]
    values: ValueKind
    scale: float = 1.0
    levels: int | None = None
    names: tuple[str, ...] | None = None
    label_names: tuple[str, ...] | None = None
    label_count: int | None = None
    covariate_names: tuple[str, ...] = ()
    frame: Frame | None = None
    atom: float | None = None

    @property
    def elements(self) -> int:
        """How many numbers one sample has: what a sum or a mean over a sample runs over."""
        return prod(self.shape)

    @property
    def resolution(self) -> float | None:
        """The natural distance between neighbouring quantised values, or None."""
        return self.scale if self.levels is not None else None

    @property
    def domain(self) -> Domain:
        """What kind of thing a sample is; its number of axes says so."""
        domains: tuple[Domain, ...] = ("vector", "streamline", "image", "volume")
        return domains[len(self.shape) - 1]

    def plain(self) -> dict[str, Any]:
        """The spec as JSON has it; `from_plain` reads it back."""
        return asdict(self)

    @classmethod
    def from_plain(cls, values: dict[str, Any]) -> Self:
        """The spec that `plain` wrote."""
        known = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        for name in ("shape", "names", "label_names", "covariate_names"):
            if known.get(name) is not None:
                known[name] = tuple(known[name])
        if known.get("frame") is not None:
            frame = known["frame"]
            known["frame"] = Frame.of(np.array(frame["affine"]), frame["dimensions"], frame["unit"])
        return cls(**known)


class Given(NamedTuple):
    """What B samples are conditioned on. label: (B,) integers; covariates: (B, V); or None."""

    label: Tensor | None = None
    covariates: Tensor | None = None

    def repeated(self, times: int) -> "Given":
        """The same B conditions `times` times over, (times * B,)."""
        return self._made(lambda t: t.repeat(times, *(1,) * (t.dim() - 1)))

    def each(self, times: int) -> "Given":
        """Every condition `times` times before the next, (B * times,)."""
        return self._made(lambda t: t.repeat_interleave(times, dim=0))

    def part(self, chosen: slice | Tensor) -> "Given":
        """The conditions of some of the samples: of a slice, or of row numbers (rows,)."""
        return self._made(lambda t: t[chosen])

    def on(self, place: torch.device | str) -> "Given":
        """The conditions on another device."""
        return self._made(lambda t: t.to(place))

    @staticmethod
    def joined(parts: "Sequence[Given]") -> "Given":
        """The conditions of one batch after the other; every one has the same columns."""
        return Given(*(_joined(column) for column in zip(*parts, strict=True)))

    def _made(self, change: Callable[[Tensor], Tensor]) -> "Given":
        return Given(*(None if t is None else change(t) for t in self))


def _joined(columns: Iterable[Tensor | None]) -> Tensor | None:
    present = [column for column in columns if column is not None]
    return torch.cat(present) if present else None


NOTHING = Given()


class Batch(NamedTuple):
    """B samples as the model sees them. x: (B, *) in model space; label: (B,) integers or None;
    indices: (B,) their numbers in the data set; natural: (B, *) the same samples in natural units
    where those are another thing than x, else None; covariates: (B, V) those that the model is
    conditioned on, or None."""

    x: Tensor
    label: Tensor | None
    indices: Tensor
    natural: Tensor | None = None
    covariates: Tensor | None = None

    @property
    def given(self) -> Given:
        """What the samples are conditioned on."""
        return Given(self.label, self.covariates)

    @property
    def truth(self) -> Tensor:
        """The samples in natural units (B, *)."""
        return self.x if self.natural is None else self.natural

    def rows(self, start: int, stop: int) -> "Batch":
        """The samples from `start` to before `stop`, as views."""
        label, natural, covariates = (
            None if column is None else column[start:stop]
            for column in (self.label, self.natural, self.covariates)
        )
        return Batch(self.x[start:stop], label, self.indices[start:stop], natural, covariates)
