"""What streamlines and volumes are like, as distances between samples and data.

Shape letters: N samples, M data, P points of a line, C channels.
"""

from typing import Any

import torch
from torch import Tensor

from vaestro.data.streamlines.covariates import measured
from vaestro.data.streamlines.lines import Lines
from vaestro.foundation.samples import SampleSpec
from vaestro.metrics.atoms import atom_counts
from vaestro.metrics.marginals import apart
from vaestro.metrics.mmd import mmd_test
from vaestro.metrics.radial import mass, profile_difference, radial_profile
from vaestro.metrics.streamline_distance import closest

MEASURED = ("length", "end_to_end", "straightness", "mean_curvature")


def shape_of_samples(
    spec: SampleSpec, made: Tensor, real: Tensor, learn: Tensor, random: torch.Generator
) -> dict[str, Any] | None:
    """`made` samples (N, *) beside `real` held-out and `learn` training ones; None for images and
    vectors.

    Every quantity of streamlines has {mean, mean_other, wasserstein, ks, p_value} of samples and
    of real ones; `floor` repeats a distance between training and held-out samples.
    """
    if spec.domain == "streamline" and spec.shape[0] == 3:
        return _streamlines(made, real, learn, random)
    if spec.domain != "volume":
        return None
    return {**_volumes(made, real, learn), **_atoms(spec, made, real, learn)}


def _streamlines(
    made: Tensor, real: Tensor, learn: Tensor, random: torch.Generator
) -> dict[str, Any]:
    """Properties of lines, their ends, and how near the nearest of the other set is (MDF): mean
    over samples (fidelity) and mean over real lines (coverage), in mm."""
    mine, theirs = _properties(made), _properties(real)
    ends = mmd_test(_ends(made), _ends(real), random)
    return {
        **{name: apart(mine[name], theirs[name])._asdict() for name in MEASURED},
        "end_points": ends._asdict(),
        "closest": {
            "of_samples": float(closest(made, real).mean()),
            "of_data": float(closest(real, made).mean()),
            "floor": float(closest(real, learn[: len(made)]).mean()),
        },
    }


def _properties(lines: Tensor) -> dict[str, Tensor]:
    """Each (N,), of lines (N, 3, P) that have some length."""
    points = lines.permute(0, 2, 1).float()
    alive = (points.diff(dim=1).norm(dim=2).sum(1) > 0).tolist()
    kept = [line for line, moves in zip(points.numpy(), alive, strict=True) if moves]
    if not kept:
        return dict.fromkeys(MEASURED, torch.zeros(1, dtype=torch.float64))
    found = measured(Lines.of(kept))
    return {name: torch.from_numpy(found[name]) for name in MEASURED}


def _ends(lines: Tensor) -> Tensor:
    """(N, 6): the middle of a line's two ends and how far apart they are along each axis, the same
    whichever way it runs."""
    first, last = lines[:, :, 0], lines[:, :, -1]
    return torch.cat([(first + last) / 2, (first - last).abs()], 1)


def _volumes(made: Tensor, real: Tensor, learn: Tensor) -> dict[str, Any]:
    """The mass, and how far apart the mean radial profiles are: sum |p - p'| / sum |p'|."""
    profile = radial_profile(real)
    return {
        "mass": apart(mass(made), mass(real))._asdict(),
        "radial_profile": {
            "difference": profile_difference(radial_profile(made), profile),
            "floor": profile_difference(radial_profile(learn[: len(made)]), profile),
        },
    }


def _atoms(spec: SampleSpec, made: Tensor, real: Tensor, learn: Tensor) -> dict[str, Any]:
    """How many atoms a sample has, of all elements and of each channel: as two samples, with the
    distance of training from held-out volumes as `floor`. Empty where the content is no atoms."""
    if spec.atom is None:
        return {}
    mine, theirs, known = (atom_counts(x, spec.atom) for x in (made, real, learn[: len(made)]))
    names = spec.names or tuple(map(str, range(mine.shape[1])))
    found = {"atoms": _counted(mine.sum(1), theirs.sum(1), known.sum(1))}
    for number, name in enumerate(names):
        columns = (counts[:, number] for counts in (mine, theirs, known))
        found[f"atoms_{name}"] = _counted(*columns)
    return found


def _counted(mine: Tensor, theirs: Tensor, known: Tensor) -> dict[str, float]:
    return {**apart(mine, theirs)._asdict(), "floor": apart(known, theirs).wasserstein}
