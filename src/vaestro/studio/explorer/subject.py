"""A run as the explorer meets it: its model, ready to decode, and how its samples are drawn.

Letters: N latents asked for, K latent dimensions, * the sample's axes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vaestro.data.tiles.look import Look, look_at
from vaestro.experiments.model_files import load_model, require_own_size
from vaestro.experiments.requested_condition import asked, listener
from vaestro.foundation.errors import DataError, UserError, one_line
from vaestro.foundation.samples import Given, SampleSpec
from vaestro.generation.sampling import conditions, decode_all
from vaestro.models.vae import VAE
from vaestro.runs.folder import RunFolder
from vaestro.studio.explorer.codes import Codes, read_codes

MOST_NUMBERS = 8_000_000
"""At most so many numbers are decoded at one request."""


class Told(NamedTuple):
    """What the decoder hears: whether labels, and the names of covariates."""

    labels: bool
    covariates: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """A run's model in eval mode. `codes` are its held-out ones, or None with the reason in `note`;
    `settled` keeps the conditions that were asked for last."""

    folder: RunFolder
    vae: VAE
    spec: SampleSpec
    look: Look
    codes: Codes | None
    note: str
    lock: Lock = field(default_factory=Lock)
    settled: dict[object, Given | None] = field(default_factory=dict)

    @property
    def told(self) -> Told:
        """What changes a decoded sample beside the latents."""
        condition = self.vae.condition
        if condition is None or condition.entering("decoder").width == 0:
            return Told(False, ())
        names = () if condition.standard is None else self.vae.told[: len(condition.standard.mean)]
        return Told(condition.by_label, tuple(names))

    def decode(
        self,
        z: NDArray[np.float32],
        label: str | None = None,
        covariates: Mapping[str, float] | None = None,
    ) -> NDArray[np.float32]:
        """Samples (N, *) in natural units of latents z (N, K), all under one condition.

        Raises DataError for latents that do not fit or are not finite and for a condition that the
        model does not know.
        """
        self._require_latents(z)
        with self.lock:
            given = self._given(label, dict(covariates or {})).each(len(z))
            try:
                decoded = decode_all(self.vae, torch.from_numpy(z), given)
            except (RuntimeError, MemoryError) as fault:
                raise DataError(f"the decoder failed: {one_line(str(fault))[:200]}") from None
            natural: NDArray[np.float32] = decoded.float().numpy()
            return natural

    def _require_latents(self, z: NDArray[np.float32]) -> None:
        latent, elements = self.vae.latent, self.spec.elements
        if z.ndim != 2 or z.shape[1] != latent or len(z) == 0:
            raise DataError(f"latents have shape {z.shape} and the model needs (samples, {latent})")
        if len(z) * elements > max(MOST_NUMBERS, elements):
            most = max(1, MOST_NUMBERS // elements)
            raise DataError(f"{len(z)} samples were asked for at once; at most {most} are decoded")
        if not np.isfinite(z).all():
            raise DataError("a latent is NaN or infinite; give finite numbers")

    def _given(self, label: str | None, covariates: dict[str, float]) -> Given:
        """The condition (1,): what is not asked for is that of a training sample like it."""
        key = (label, tuple(sorted(covariates.items())))
        if key not in self.settled:
            found = asked(listener(self.vae), self.spec, 1, 0, label, covariates)
            if len(self.settled) >= 64:
                self.settled.clear()
            self.settled[key] = conditions(self.vae, 1, 0) if found is None else found
        given = self.settled[key]
        assert given is not None
        return given


def subject_at(root: Path) -> Subject:
    """The run in the folder `root`, which no pickle is loaded from; on the CPU, decoded once so
    that the first slider waits for nothing. Raises UserError in one line."""
    folder = RunFolder(root)
    folder.require_run()
    try:
        if (folder.model / "config.json").is_file():
            require_own_size(folder.model)
        vae, spec = load_model(folder.model)
    except UserError:
        raise
    except Exception as fault:  # a damaged or hostile config.json: anything can come out of it
        reason = one_line(f"{type(fault).__name__}: {fault}")[:200]
        raise DataError(f"model/ cannot be read ({reason}); train the run again") from None
    codes, note = _codes(folder, vae.latent)
    first = Subject(folder, vae, spec, Look("image"), codes, note)
    decoded = first.decode(np.zeros((1, vae.latent), np.float32))
    seen = codes.originals if codes is not None and codes.originals is not None else decoded
    if seen.shape[1:] != spec.shape:
        seen = decoded
    return Subject(folder, vae, spec, look_at(seen, spec.values), codes, note)


def _codes(folder: RunFolder, latent: int) -> tuple[Codes | None, str]:
    try:
        return read_codes(folder.snapshots / "final.npz", latent), ""
    except DataError as fault:
        return None, str(fault)
