"""What a slider asks for and gets. Letters: N samples, K latents."""

import time
from collections.abc import Mapping
from typing import Any

from vaestro.foundation.errors import DataError
from vaestro.studio.explorer.forms import sent
from vaestro.studio.explorer.shelf import Shelf
from vaestro.studio.frames import Asked
from vaestro.studio.studio import Studio


def decode(studio: Studio, asked: Asked) -> tuple[dict[str, Any], bytes]:
    """Header and bytes of the answer to a request; it computes, so call it in a worker thread.

    The request's header has `run` (an id) and may have `label` (a name or number) and `covariates`
    (numbers by name); its latents are (N, K), row by row. The answer's header has `form`, `shape`,
    `low`, `high` (forms.py) and `milliseconds`, which the studio took. Raises UserError in one line
    and NotThere for no such run.
    """
    began = time.perf_counter()
    run, label = asked.header.get("run"), asked.header.get("label")
    if not isinstance(run, str):
        raise DataError("a decode request needs run, the id of one")
    subject = studio.kept(Shelf).at(run)
    latent = subject.vae.latent
    if len(asked.latents) % latent:
        raise DataError(
            f"{len(asked.latents)} latents were sent and a sample of {run} has {latent}"
        )
    samples = subject.decode(
        asked.latents.reshape(-1, latent).copy(),
        None if label is None else str(label),
        _numbers(asked.header.get("covariates")),
    )
    drawn = sent(samples, subject.look)
    header = {"form": drawn.form, "shape": drawn.shape, "low": drawn.low, "high": drawn.high}
    taken = round(1000 * (time.perf_counter() - began), 3)
    return {**header, "milliseconds": taken}, drawn.numbers


def _numbers(covariates: object) -> Mapping[str, float]:
    """Covariates by name. Raises DataError for anything but finite numbers."""
    if covariates is None:
        return {}
    if not isinstance(covariates, dict) or not all(map(_is_number, covariates.values())):
        raise DataError("covariates must be finite numbers by name")
    return {str(name): float(value) for name, value in covariates.items()}


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < float("inf")
