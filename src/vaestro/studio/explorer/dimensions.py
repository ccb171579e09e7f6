"""The latent dimensions that sliders move: live ones first.

Letters: N held-out samples, K latents.
"""

from typing import Any

import numpy as np

from vaestro.metrics.live import LIVE_NATS
from vaestro.studio.explorer.codes import Codes
from vaestro.studio.explorer.subject import Subject

SLIDERS = 16
"""So many sliders at most; the other dimensions stay where they are."""
REACH = 3.0
"""A slider goes at least so many standard deviations of the prior to either side."""


def dimensions(subject: Subject) -> list[dict[str, Any]]:
    """At most SLIDERS dimensions, the one that carries most first.

    Each with `index`; `kl`, its mean nats on held-out samples (None for a plain autoencoder);
    `live`; `deviation`, the standard deviation of its held-out codes; `low` and `high`, the ends of
    its slider: the prior's REACH, and farther where one code in a hundred lies farther.
    """
    return [_dimension(subject, int(index)) for index in order(subject)[:SLIDERS]]


def order(subject: Subject) -> np.ndarray:
    """The dimensions (K,) by what they carry: mean KL, or the variance of a point's codes."""
    carried = _carried(subject)
    return np.arange(subject.vae.latent) if carried is None else np.argsort(-carried, kind="stable")


def live_count(subject: Subject) -> int | None:
    """How many dimensions are live; None where no KL tells."""
    kl = _kl(subject)
    return None if kl is None else int((kl > LIVE_NATS).sum())


def base(subject: Subject) -> np.ndarray:
    """Where the sliders start, (K,): the prior's centre, or for a plain autoencoder, which has no
    prior, the mean of the held-out codes."""
    if subject.codes is not None and not subject.vae.head.stochastic:
        centre: np.ndarray = subject.codes.means.mean(0)
        return centre
    return np.zeros(subject.vae.latent)


def _carried(subject: Subject) -> np.ndarray | None:
    kl = _kl(subject)
    if kl is not None:
        return kl
    return None if subject.codes is None else subject.codes.means.var(0)


def _kl(subject: Subject) -> np.ndarray | None:
    held = subject.codes
    return held.kl if held is not None and subject.vae.head.stochastic else None


def _dimension(subject: Subject, index: int) -> dict[str, Any]:
    kl = _kl(subject)
    low, high, deviation = _span(subject.codes, index, subject.vae.head.stochastic)
    return {
        "index": index,
        "kl": None if kl is None else round(float(kl[index]), 4),
        "live": None if kl is None else bool(kl[index] > LIVE_NATS),
        "low": low,
        "high": high,
        "deviation": deviation,
    }


def _span(codes: Codes | None, index: int, stochastic: bool) -> tuple[float, float, float | None]:
    """The ends of the slider, and the deviation of its codes."""
    if codes is None:
        return -REACH, REACH, None
    column = codes.means[:, index]
    low, high = np.quantile(column, (0.005, 0.995))
    if stochastic:
        low, high = min(low, -REACH), max(high, REACH)
    elif high - low < 1e-6:
        low, high = low - 1, high + 1
    return float(np.floor(10 * low) / 10), float(np.ceil(10 * high) / 10), float(column.std())
