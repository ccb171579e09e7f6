"""Everything that the explorer's screen is built from, once; pictures come by the socket.

Letters: N held-out samples, K latents.
"""

import shlex
from typing import Any

import numpy as np

from vaestro.data.streamlines.covariates import UNITS
from vaestro.data.tiles.volume import INKS
from vaestro.foundation.errors import DataError
from vaestro.metrics.live import LIVE_NATS
from vaestro.probability.priors.standard_normal import StandardNormal
from vaestro.studio.explorer.dimensions import base, dimensions, live_count
from vaestro.studio.explorer.forms import FORMS
from vaestro.studio.explorer.latent_map import map_of
from vaestro.studio.explorer.subject import Subject

CONTEXT_POINTS = 48
SHOWN_LABELS = 200
"""A list of more labels than this is cut; a number can still be typed on the command line."""


def facts(subject: Subject, run: str) -> dict[str, Any]:
    """The screen of the run with the id `run` as plain JSON; no number in it is NaN."""
    spec, vae = subject.spec, subject.vae
    stochastic = bool(vae.head.stochastic)
    folder = shlex.quote(str(subject.folder.root))
    return {
        "run": run,
        "form": FORMS[subject.look.kind],
        "shape": spec.shape,
        "latent": vae.latent,
        "stochastic": stochastic,
        "live": live_count(subject),
        "live_nats": LIVE_NATS,
        "dimensions": dimensions(subject),
        "base": np.round(base(subject), 5).tolist(),
        "base_name": "the prior's centre" if stochastic else "the mean of the held-out codes",
        "map": map_of(subject),
        "told": _told(subject),
        "unit": _unit(subject),
        "voxel": None if spec.frame is None else spec.frame.voxel_sizes[::-1],
        "names": spec.names,
        "values": spec.values,
        "low": subject.look.low,
        "high": subject.look.high,
        "centre": subject.look.centre,
        "extent": subject.look.extent,
        "inks": INKS.tolist(),
        "standard": isinstance(vae.prior, StandardNormal),
        "context": _context(subject),
        "note": subject.note,
        "commands": {
            "traverse": f"vaestro traverse {folder} --out traversal.html",
            "interpolate": f"vaestro interpolate {folder} --out interpolation.png",
        },
    }


def sample(subject: Subject, number: int) -> dict[str, Any]:
    """Held-out sample `number` of the map: its `code` (K,), and what it is told of it. Raises
    DataError for a number that is not on the map."""
    codes = subject.codes
    if codes is None:
        raise DataError(subject.note)
    if not 0 <= number < len(codes.means):
        raise DataError(f"sample {number} is not on the map; legal: 0 to {len(codes.means) - 1}")
    found: dict[str, Any] = {"code": np.round(codes.means[number], 5).tolist()}
    if codes.labels is not None:
        label = int(codes.labels[number])
        found |= {"label": str(label), "label_name": _label_name(subject, label)}
    first = subject.spec.covariate_names[:1]
    if codes.covariate is not None and first:
        found["covariates"] = {first[0]: float(codes.covariate[number])}
    return found


def _context(subject: Subject) -> list[Any] | None:
    """A few held-out streamlines with few points each, (S, 3, L): where in space samples lie."""
    codes = subject.codes
    if subject.look.kind != "curves" or codes is None or codes.originals is None:
        return None
    originals = codes.originals
    if originals.shape[1:] != subject.spec.shape:
        return None
    kept = np.linspace(0, originals.shape[2] - 1, min(CONTEXT_POINTS, originals.shape[2]))
    shown = np.nan_to_num(originals[:, :, kept.round().astype(int)])
    found: list[Any] = np.round(shown.astype(np.float64), 2).tolist()
    return found


def _told(subject: Subject) -> dict[str, Any]:
    """The labels and covariates that the decoder hears, with the values that training data have."""
    told, memory = subject.told, subject.vae.memory
    count = (subject.spec.label_count or 0) if told.labels else 0
    labels = [
        {"value": str(place), "name": _label_name(subject, place)}
        for place in range(min(count, SHOWN_LABELS))
    ]
    covariates = []
    for column, name in enumerate(told.covariates):
        assert memory is not None
        known = np.nan_to_num(memory.covariates[:, column].double().cpu().numpy())
        low, high, typical = (float(f(known)) for f in (np.min, np.max, np.median))
        unit = UNITS.get(name, "") if subject.look.kind == "curves" else ""
        ends = {"low": low, "high": high, "typical": typical}
        covariates.append({"name": name, "unit": unit, **ends})
    return {"labels": labels, "covariates": covariates}


def _label_name(subject: Subject, label: int) -> str:
    names = subject.spec.label_names
    return names[label] if names and 0 <= label < len(names) else str(label)


def _unit(subject: Subject) -> str:
    """The unit of lengths in a sample, as a word beside a number."""
    frame = subject.spec.frame
    if frame is not None:
        return {"mm": "mm", "angstrom": "Å"}[frame.unit]
    return "mm" if subject.look.kind == "curves" else "voxels"
