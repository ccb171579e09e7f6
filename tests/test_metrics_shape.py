"""Pictures, streamlines, volumes and copies, against other libraries and by hand."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from scipy.stats import mannwhitneyu
from torch import Tensor

from vaestro.metrics.copying import copying, mann_whitney, nearest
from vaestro.metrics.marginals import apart
from vaestro.metrics.pictures import psnr, ssim
from vaestro.metrics.radial import mass, profile_difference, radial_profile
from vaestro.metrics.streamline_distance import closest
from vaestro.metrics.window import Window, window_for


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_psnr_is_torchmetrics() -> None:
    from torchmetrics.functional.image import peak_signal_noise_ratio

    one, other = uniform(3, 1, 12, 12), uniform(3, 1, 12, 12, seed=1)
    mine = psnr((one - other).square().flatten(1).mean(1), 2.0)
    for x, y, value in zip(one, other, mine, strict=True):
        theirs = peak_signal_noise_ratio(x, y, data_range=2.0)
        assert float(value) == pytest.approx(float(theirs), rel=1e-6)
    assert float(psnr(torch.zeros(1), 1.0)) == pytest.approx(-20 * math.log10(2.0**-52), rel=1e-6)


def test_ssim_by_definition() -> None:
    """Moments in a window of 5 by 5 that SciPy slides over the picture and its mirror images."""
    one, other = uniform(1, 1, 9, 7), uniform(1, 1, 9, 7, seed=1)
    found = float(ssim(one, other, 1.0, Window(5, gaussian=False)))
    a, b = one.numpy()[0, 0], other.numpy()[0, 0]

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(uniform_filter(x, 5, mode="mirror"))

    m, n, c1, c2 = mean(a), mean(b), 0.01**2, 0.03**2
    spread = mean(a * a) - m**2 + mean(b * b) - n**2
    wanted = (2 * m * n + c1) * (2 * (mean(a * b) - m * n) + c2)
    wanted /= (m**2 + n**2 + c1) * (spread + c2)
    assert found == pytest.approx(wanted.mean(), rel=1e-6)


@pytest.mark.parametrize("shape", [(4, 1, 16, 16), (2, 3, 8, 8), (2, 1, 12, 12, 12)])
def test_ssim_of_equal_and_of_worse_pictures(shape: tuple[int, ...]) -> None:
    x = uniform(*shape)
    window = window_for(shape[2:])
    assert window is not None
    noise = uniform(*shape, seed=2) - 0.5
    same, near, far = (ssim(x, x + amount * noise, 1.0, window) for amount in (0.0, 0.3, 1.0))
    torch.testing.assert_close(same, torch.ones(shape[0], dtype=torch.float64), rtol=0, atol=1e-6)
    assert bool((far < near).all() and (near < same).all())


def test_a_window_fits_the_picture() -> None:
    assert window_for((28, 28)) == Window(11, gaussian=True)
    assert window_for((8, 9)) == Window(7, gaussian=False)
    assert window_for((6, 6)) == Window(5, gaussian=False)
    assert window_for((2, 40)) is None


def test_two_samples_of_one_number() -> None:
    found = apart(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([10.0, 11.0, 12.0]))
    assert found.wasserstein == pytest.approx(10)
    assert found.ks == pytest.approx(1)
    assert found.p_value == pytest.approx(0.1)
    assert (found.mean, found.mean_other) == (1, 11)


def test_mann_whitney_is_scipys_with_ties() -> None:
    random = torch.Generator().manual_seed(0)
    one = torch.randint(6, (40,), generator=random).double()
    other = torch.randint(8, (55,), generator=random).double()
    test = mannwhitneyu(one, other, use_continuity=False, method="asymptotic")
    found = mann_whitney(one, other)
    assert found is not None
    assert 2 * (1 - 0.5 * (1 + math.erf(abs(found) / math.sqrt(2)))) == pytest.approx(test.pvalue)
    assert (found > 0) == (test.statistic > 40 * 55 / 2)
    assert mann_whitney(torch.ones(3), torch.ones(4)) is None


def test_copies_are_found_and_honest_samples_are_not() -> None:
    random = torch.Generator().manual_seed(1)
    training, held, honest = (torch.randn(400, 5, generator=random) for _ in range(3))
    copied = training[:400] + 0.01 * torch.randn(400, 5, generator=random)
    of_held = nearest(held, training)
    fair = copying(nearest(honest, training), of_held)
    caught = copying(nearest(copied, training), of_held)
    blurred = copying(nearest(0.1 * honest, training), of_held)
    assert torch.equal(nearest(copied, training).which, torch.arange(400))
    assert fair.ratio == pytest.approx(1, abs=0.1)
    assert fair.z is not None and abs(fair.z) < 3
    assert fair.close == pytest.approx(0.05, abs=0.04)
    assert caught.ratio is not None and caught.ratio < 0.1
    assert caught.z is not None and caught.z < -20
    assert caught.close == 1
    assert caught.second < 0.1 < fair.second == pytest.approx(fair.second_held, abs=0.05)
    assert blurred.z is not None and blurred.z < -5 and blurred.ratio is not None
    assert blurred.ratio < 0.8 and blurred.second > 0.6  # near to many is not a copy of one
    assert nearest(held[:1], training[:1]).quotient == 1


def test_streamlines_are_near_whichever_way_they_run() -> None:
    points = torch.linspace(0, 1, 7)
    line = torch.stack([points, points**2, torch.zeros(7)])[None]
    assert float(closest(line, line.flip(2) + torch.tensor([0.0, 0.0, 3.0])[:, None])) == (
        pytest.approx(3)
    )
    lines, others = uniform(5, 3, 9), uniform(4, 3, 9, seed=1)
    wanted = [
        min(
            min(np.linalg.norm(a - b, axis=0).mean(), np.linalg.norm(a - b[:, ::-1], axis=0).mean())
            for b in others.numpy()
        )
        for a in lines.numpy()
    ]
    assert closest(lines, others).tolist() == pytest.approx(wanted)


def test_radial_profile_of_a_ball() -> None:
    axis = torch.arange(21) - 10.0
    radius = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).square().sum(0).sqrt()
    ball = (radius <= 5).double()[None, None]
    profile = radial_profile(ball)
    reach = float(radius.max()) / 16
    assert profile[: int(5 / reach)].tolist() == pytest.approx([1.0] * int(5 / reach))
    assert profile[math.ceil(5 / reach) :].abs().max() == 0
    assert float(mass(2 * ball)) == pytest.approx(2 * float((radius <= 5).sum()))
    assert profile_difference(1.5 * profile, profile) == pytest.approx(0.5)
    assert profile_difference(profile, torch.zeros(16)) is None
