"""A lower bound of the log density that a denoiser stands for.

Shape letters: N samples, K latents, * the latent's axes, whose numbers are K.
"""

import torch
from torch import Tensor

from vaestro.foundation.randomness import Stream, generator
from vaestro.foundation.samples import Given
from vaestro.generation.diffusion.model import LatentDiffusion
from vaestro.generation.diffusion.noise_levels import noised
from vaestro.probability.normal import LOG_2PI

LEVELS = 8
"""Each sample is seen at so many noise levels, one in each of so many equal parts of the range, and
at each with a noise and with its opposite: what is odd in the noise then cancels."""
FEW, LIKELY = 4, 3
"""So many levels tell which so many labels a sample may have."""
LEAST, MOST = -6.0, 12.0
"""Log signal-to-noise ratios between which the denoiser is asked; outside a Gaussian's answers."""
BATCH = 256


@torch.inference_mode()
def log_density_bound(
    module: LatentDiffusion, z: Tensor, given: Given, untold: bool = False
) -> Tensor:
    """A lower bound of log p(z | given) in nats, (N,), of z: (N, K), on the CPU in 64 bits.

    log p(z) >= log N(y; 0, I) + log|det| + 1/2 int (E|e - e_G|^2 - E|e - e_D|^2) d lambda, where y
    is z standardised, lambda the log signal-to-noise ratio, and e the noise as the best denoiser of
    N(0, I) (e_G) and the trained one (e_D) see it: the variational bound in continuous time of
    Kingma et al. 2021, less that of a Gaussian, for which it is exact (as Kong et al. 2023 have
    it). With the exact denoiser it is the log density itself. The integral is unbiased, from two
    noises at each of `LEVELS` levels, the same for whatever is asked; so the mean over samples is a
    bound up to its standard error. `untold`: of the denoiser that is told nothing.
    """
    return _in_parts(module, z, given, LEVELS, untold)


@torch.inference_mode()
def log_density_bound_of_any_label(
    module: LatentDiffusion, z: Tensor, given: Given, log_shares: Tensor
) -> Tensor:
    """A lower bound of log sum_l p(l) p(z | l, given), (N,), of a prior that is told labels whose
    logarithmic shares are (L,); a label in `given` is not looked at.

    sum_l w_l (log p(z | l) + log p(l) - log w_l) for the weights w of the likeliest labels, which
    are told by other noise than the bound has, so that it stays one.
    """
    count, labels = len(z), len(log_shares)

    def joint(label: Tensor, levels: int) -> Tensor:
        told = given._replace(label=label)
        return _in_parts(module, z, told, levels, False) + log_shares[label]

    every = [torch.full((count,), number) for number in range(labels)]
    first = torch.stack([joint(label, FEW) for label in every], 1)
    likely = first.topk(min(LIKELY, labels), 1)
    weights = likely.values.log_softmax(1)
    found = torch.stack([joint(label, LEVELS) for label in likely.indices.unbind(1)], 1)
    bound: Tensor = (weights.exp() * (found - weights)).sum(1)
    return bound


def _in_parts(
    module: LatentDiffusion, z: Tensor, given: Given, levels: int, untold: bool
) -> Tensor:
    random = generator(0, Stream.VALIDATION, levels)
    parts = [
        _bound(
            module, z[at : at + BATCH], given.part(slice(at, at + BATCH)), untold, levels, random
        )
        for at in range(0, len(z), BATCH)
    ]
    return torch.cat(parts) if parts else z.new_zeros(0, dtype=torch.float64)


def _bound(
    module: LatentDiffusion,
    z: Tensor,
    given: Given,
    untold: bool,
    levels: int,
    random: torch.Generator,
) -> Tensor:
    centre = module.standard.mean
    y = module.standard.apply(z.unflatten(1, module.shape).to(centre))
    inside = y.double().square().flatten(1).sum(1) + z.shape[1] * LOG_2PI
    gained = torch.zeros_like(inside)
    low, high = module.config.path.log_snr_range
    low, high = max(low, LEAST), min(high, MOST)
    given = given.on(centre.device)
    for level in range(levels):
        place = (level + torch.rand(len(z), generator=random)) / levels
        noise = torch.randn(y.shape, generator=random).to(y)
        t = module.config.path.time_of(low + (high - low) * place).to(y)
        for either in (noise, -noise):
            gained += _gain(module, y, either, t, given, untold) / 2
    total = -0.5 * inside + 0.5 * (high - low) / levels * gained + module.standard.log_det.double()
    return total.cpu()


def _gain(
    module: LatentDiffusion, y: Tensor, noise: Tensor, t: Tensor, given: Given, untold: bool
) -> Tensor:
    """By how much less the denoiser errs about the noise than that of N(0, I), (N,): squared."""
    path, times = module.config.path, t.reshape(-1, *(1,) * (y.dim() - 1))
    x = noised(path, y, noise, times)
    dropped = torch.full((len(x),), untold, device=x.device)
    answers = (module.gaussian(x, t), module(x, t, given, dropped))
    plain, own = (
        (path.parts(x, answer, times).noise - noise).double().square().flatten(1).sum(1)
        for answer in answers
    )
    return plain - own
