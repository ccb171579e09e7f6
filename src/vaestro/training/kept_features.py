"""What a frozen encoder makes of each sample, computed once.

Shape letters: N samples in the store, M of a split, B batch, K members of a population.
"""

from collections.abc import Sequence
from hashlib import sha256
from math import prod
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from vaestro.data.samples import Samples
from vaestro.foundation.samples import Batch
from vaestro.models.vae import VAE
from vaestro.networks.foreign import ForeignEncoder

MOST = 2**27
"""So many numbers of features are kept at most; 512 MiB of 32 bits."""

Features = tuple[Tensor, ...]


def rests(vae: VAE, samples: Samples) -> bool:
    """Whether the encoder gives each of `samples` the same features in every epoch: it is frozen
    and told no condition, and nothing changes them; and they are few enough to keep."""
    encoder = vae.encoder
    return (
        isinstance(encoder, ForeignEncoder)
        and encoder.guest.frozen
        and not encoder.guest.told
        and samples.augmentation is None
        and not samples.store.changes
        and len(samples) * sum(map(prod, encoder.out_shapes)) <= MOST
    )


class KeptFeatures:
    """The features of the M samples of a split, for batches of `batch_size` of them.

    They are computed when first asked for, and anew for other weights, as a resumed run has them;
    in batches of that size. Models whose encoders have equal weights share them. An encoder that
    gives a sample other bits in other company is asked every time: no bit of a run depends on what
    is kept. `whole`: every batch asked for has that size; else the split is asked for in order, and
    its last batch may be smaller.
    """

    def __init__(self, samples: Samples, batch_size: int, whole: bool) -> None:
        self.samples, self.size, self.whole = samples, min(batch_size, len(samples)), whole
        self._rows: Features | None = None
        self._places = samples.index.new_empty(0)
        self._digest: str | None = None
        self._known: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()

    def of(self, vae: VAE, batch: Batch) -> Features | None:
        """The features of `batch`, or None where the encoder is to be asked, for samples of another
        split too. They are of the number type that is in force when they are computed."""
        self._settle(vae)
        if self._rows is None:
            return None
        places = self._places[batch.indices]
        if bool((places < 0).any()):
            return None
        return tuple(rows.index_select(0, places) for rows in self._rows)

    def _settle(self, vae: VAE) -> None:
        """See to it that what is kept is of this encoder's weights. They are read again only where
        they were written to since."""
        written = sum(parameter._version for parameter in vae.encoder.parameters())
        if self._known.get(vae.encoder) == written:
            return
        digest = _digest(vae.encoder)
        if digest != self._digest:
            self._known.clear()
            self._rows, self._digest = None, digest
            self._fill(vae)
        self._known[vae.encoder] = written

    @torch.inference_mode(False)
    @torch.no_grad()
    def _fill(self, vae: VAE) -> None:
        """Torch's random state is as before afterwards."""
        index, store = self.samples.index, self.samples.store
        every = torch.arange(len(index), device=index.device)
        self._places = every.new_full((len(store),), -1).index_copy(0, index, every)
        with torch.random.fork_rng([index.device] if index.is_cuda else []):
            if self._alike_in_other_company(vae, every):
                self._rows = self._encoded_by_batch(vae, every)

    def _encoded_by_batch(self, vae: VAE, every: Tensor) -> Features:
        parts = [self._encoded(vae, some) for some in every.split(self.size)]
        short = len(every) % self.size
        if short and self.whole:
            rest = self._encoded(vae, every[-self.size :])
            parts[-1] = tuple(level[-short:] for level in rest)
        return tuple(torch.cat(level) for level in zip(*parts, strict=True))

    def _alike_in_other_company(self, vae: VAE, every: Tensor) -> bool:
        """Whether samples have the same bits at another place beside others; laid out in order."""
        half = self.size // 2
        one, other = (self._encoded(vae, every.roll(-by)[: self.size]) for by in (0, half))
        return all(
            a.is_contiguous() and torch.equal(a[half:], b[: self.size - half])
            for a, b in zip(one, other, strict=True)
        )

    def _encoded(self, vae: VAE, some: Tensor) -> Features:
        batch = self.samples.read(some)
        return vae.features(batch.x, batch.given)


def common(kept: Sequence[KeptFeatures | None], models: Sequence[VAE]) -> KeptFeatures | None:
    """What all K models share, or None: they have one place for their features, and their encoders
    have equal weights."""
    first = kept[0]
    if first is None or any(one is not first for one in kept):
        return None
    return first if len({_digest(vae.encoder) for vae in models}) == 1 else None


def _digest(encoder: nn.Module) -> str:
    """The SHA-256 of an encoder's weights and buffers."""
    found = sha256()
    for name, value in encoder.state_dict().items():
        found.update(name.encode())
        found.update(
            value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes()
        )
    return found.hexdigest()
