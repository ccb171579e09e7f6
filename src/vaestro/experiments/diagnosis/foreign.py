"""The doctor at a folder that another library wrote.

Shape letters: N samples, * the sample's axes.
"""

from pathlib import Path

import numpy as np
import torch

from vaestro.data.recognise import guess_source
from vaestro.data.source import load_data
from vaestro.foundation.errors import DataError, one_line
from vaestro.health.adapters.folder import from_folder
from vaestro.health.adapters.foreign import Foreign
from vaestro.health.diagnosis.diagnose import diagnose
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.diagnosis.examination import MOST

LEAST = 2


def diagnose_folder(
    folder: Path, data: Path | None, trust_pickle: bool = False, beta: float | None = None
) -> Diagnosis:
    """Examine the model in `folder` on the samples it was trained on: `data`, any file or folder
    that a recipe's data are read from, of which at most 1000 are used. Nothing is written.

    Raises DataError in one line for a folder that is not trusted or not known, for no data, and
    for data that the model does not take.
    """
    foreign = from_folder(folder, trust_pickle, beta)
    if data is None:
        raise DataError(
            f"{folder} says nothing of its data; give the samples that it was trained on: "
            "--data PATH (.npy, .npz, .csv, a folder of pictures, ...)"
        )
    x = _samples(data)
    _require_fit(foreign, x, data, folder)
    return diagnose(x=x, **foreign)


def _samples(path: Path) -> torch.Tensor:
    """At most MOST samples (N, *), evenly spread over those in `path`, in natural units."""
    found = load_data(guess_source(path))
    count = len(found.values)
    rows = np.unique(np.linspace(0, count - 1, min(count, MOST)).round().astype(int))
    if len(rows) < LEAST:
        raise DataError(f"{path} holds {len(rows)} samples; the doctor needs {LEAST} or more")
    return torch.from_numpy(found.natural(rows))


def _require_fit(foreign: Foreign, x: torch.Tensor, data: Path, folder: Path) -> None:
    """Raise DataError unless the model copies two samples."""
    like = next(foreign.module.parameters())
    foreign.module.eval()
    try:
        with torch.no_grad():
            few = x[:LEAST].to(like.device, like.dtype)
            made = foreign.decode(foreign.encode(few)[0])
    except (RuntimeError, ValueError) as fault:
        why = one_line(str(fault))[:160]
    else:
        if made.numel() == few.numel():
            return
        why = f"it makes {tuple(made.shape[1:])} of them"
    raise DataError(
        f"{data} holds samples of shape {tuple(x.shape[1:])}, which the model in {folder} does not "
        f"take ({why}); give data as it was trained on"
    )
