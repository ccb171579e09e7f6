"""The map of held-out codes on which a click decodes. Letters: N held-out samples, K latents."""

from typing import Any

import numpy as np

from vaestro.reports.facts import RunFacts
from vaestro.reports.figures.latent import latent_map
from vaestro.reports.latent_plane import Plane, plane_of, principal_plane
from vaestro.runs.folder import RunFolder
from vaestro.studio.explorer.codes import Codes
from vaestro.studio.explorer.dimensions import order
from vaestro.studio.explorer.subject import Subject


def map_of(subject: Subject) -> dict[str, Any] | None:
    """The held-out codes as the page draws them; None where the run left none.

    `planes`: the principal one and that of the two dimensions which carry most, each with `name`,
    `axes`, `directions` (2, K) and `points` (N, 2); a code z lies at `directions` z. `groups` name
    what the `group` (N,) of a point means, as report.html does: at most ten, and `rare`, the rest.
    Without labels `shades` are values (N,) from 0 to 1 of the covariate `shaded_by`, which goes
    from `low` to `high`.
    """
    codes = subject.codes
    if codes is None:
        return None
    found = {"samples": len(codes.means), "planes": _planes(subject, codes)}
    facts = _facts(subject.folder, codes)
    drawn = latent_map(facts)
    if drawn is None:
        return {**found, "group": [0] * len(codes.means), "groups": [_group("held-out codes")]}
    if drawn.classes is not None:
        return {**found, **_classes(drawn.classes, drawn.names)}
    if drawn.shades is not None:
        return {**found, **_shades(drawn.shades, drawn.shaded_by)}
    return {**found, "group": [0] * len(codes.means), "groups": [_group("held-out codes")]}


def _facts(folder: RunFolder, codes: Codes) -> RunFacts:
    """The part of a run's facts that its map is made of."""
    arrays = {"latent": codes.means}
    if codes.labels is not None:
        arrays["latent_labels"] = codes.labels  # type: ignore[assignment]
    if codes.covariate is not None:
        arrays["latent_covariate"] = codes.covariate
    return RunFacts(folder.root, "", {}, _manifest(folder), arrays=arrays)


def _manifest(folder: RunFolder) -> dict[str, Any]:
    try:
        return folder.read_manifest()
    except (ValueError, OSError, TypeError):
        return {}


def _planes(subject: Subject, codes: Codes) -> list[dict[str, Any]]:
    latent = subject.vae.latent
    if latent <= 2:
        return [_plane("the latents", principal_plane(codes.means), codes)]
    first, second = (int(index) for index in order(subject)[:2])
    return [
        _plane("principal axes", principal_plane(codes.means), codes),
        _plane(f"z {first} and z {second}", plane_of((first, second), latent), codes),
    ]


def _plane(name: str, plane: Plane, codes: Codes) -> dict[str, Any]:
    points = codes.means @ plane.directions.T
    return {
        "name": name,
        "axes": plane.axes,
        "directions": np.round(plane.directions, 7).tolist(),
        "points": np.round(points, 4).tolist(),
    }


def _classes(classes: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    groups = [_group(name) for name in names]
    if (classes < 0).any():
        groups.append(_group("others", rare=True))
    return {"group": np.where(classes < 0, len(names), classes).tolist(), "groups": groups}


def _shades(values: np.ndarray, name: str) -> dict[str, Any]:
    low, high = float(values.min()), float(values.max())
    shades = (values - low) / max(high - low, 1e-300)
    return {"shades": np.round(shades, 4).tolist(), "shaded_by": name, "low": low, "high": high}


def _group(name: str, rare: bool = False) -> dict[str, Any]:
    return {"name": name, "rare": rare}
