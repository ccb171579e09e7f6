"""How many dimensions will live: the linear model's training, from random starts and a probe's end.

Letters: K latents, r directions.
"""

import math

import numpy as np
import pytest
import torch

import vaestro
from tests.conftest import assembled
from vaestro.health.forecast.linear_run import LinearRun, Start, nats_at_end
from vaestro.health.forecast.live import as_held_out, live_interval
from vaestro.health.forecast.measured_code import directions, measured_code

STEADY = [(1.0, 1e-3)] * 100
"""Full beta and one learning rate, at evenly spread steps."""


def test_live_dimensions_of_a_long_and_of_a_young_run() -> None:
    relative = [2.9, 1.8, 1.2, 0.7, 0.4, *[0.1] * 15]
    assert live_interval(relative, 16, STEADY, 100_000).expected == 3
    assert live_interval(relative, 2, STEADY, 100_000).expected == 2
    young = live_interval(relative, 16, STEADY, 200)
    assert 6 < young.expected < young.high and young.low > 3
    assert live_interval([0.5], 16, STEADY, 100_000) == (1, 1, 2)


def test_a_warm_up_lets_more_live_than_beta_will_keep() -> None:
    relative = [1.6, 0.9, 0.8, 0.7, 0.6, 0.5]
    ramp = [(min(1.0, 2 * i / 100), 1e-3) for i in range(100)]
    cold, warm = (live_interval(relative, 8, path, 100).expected for path in (STEADY, ramp))
    assert 1 <= cold < warm


def test_a_learned_variance_falls_and_more_directions_live_than_pay_at_first() -> None:
    relative = [2.0, 1.5, 0.9, 0.8, 0.05]
    fixed = LinearRun(torch.tensor(relative), 4, [1.0])
    learned = fixed._replace(total=12.0)
    assert int((fixed.settled() > 1).sum()) == 2
    assert int((learned.settled() > 1).sum()) == 3
    told = [live_interval(relative, 4, STEADY, 50_000, total).expected for total in (None, 12.0)]
    assert told == [2, 3]


def test_a_sample_is_believed_as_far_as_its_leading_direction() -> None:
    values = torch.tensor([4.0, 2.0, 0.5])
    assert as_held_out(values, 2.0).tolist() == [2.0, 1.0, 0.25]
    assert as_held_out(values, 5.0).tolist() == values.tolist()


def test_few_samples_of_many_elements_promise_less() -> None:
    """300 samples of 100 elements that vary along 8 directions, and noise: of a sample's own
    eigenvalues 16 lie above beta, and 8 dimensions have something to say."""
    random = np.random.default_rng(0)
    signal = random.normal(size=(300, 8)) @ random.normal(size=(8, 100)) * 0.4 / math.sqrt(8)
    x = (signal + random.normal(size=(300, 100))).astype(np.float32)
    long = {"set": ["training.epochs=2000"], "latent": 16}
    told = vaestro.forecast(x, likelihood="gaussian", variance=1.0, beta=1.5, **long)
    assert told.live_dimensions == 16
    assert told.live_expected is not None and abs(told.live_expected - 8) <= 1


def test_the_flow_ends_where_the_linear_optimum_is() -> None:
    """KL 1/2 ln(lambda / beta) along each direction that lives, none beyond."""
    run = LinearRun(torch.tensor([4.0, 2.0, 0.5]), 3, [1.0])
    nats = nats_at_end(run, [100.0], starts=2)[0]
    expected = [0.5 * math.log(4), 0.5 * math.log(2), 0.0]
    for found in nats:
        assert torch.sort(found, descending=True).values.tolist() == pytest.approx(
            expected, abs=2e-3
        )


def test_a_measured_code_goes_on_from_where_it_is() -> None:
    """One dimension that holds everything is not shared again; a spread code narrows first."""
    relative = [2.0, *[0.3] * 19]
    encoder, decoder = torch.zeros(4, 20), torch.zeros(20, 4)
    encoder[0, 0], decoder[0, 0] = 0.6, 0.6
    alone = Start(encoder, decoder, 0.25)
    spread = Start(encoder[:1].repeat(4, 1) / 2, decoder[:, :1].repeat(1, 4) / 2, 0.25)
    spread.encoder[:, 0] *= torch.tensor([1.0, 0.99, 0.98, 0.97])
    found = [
        live_interval(relative, 4, STEADY, 300, None, start).expected for start in (alone, spread)
    ]
    assert found == [1, 4]


@pytest.mark.parametrize("steps", [1, 300, 3000])
@pytest.mark.parametrize("latent", [1, 4, 64])
def test_the_interval_holds_the_expected_number(steps: int, latent: int) -> None:
    for top in (0.5, 1.5, 20.0):
        found = live_interval([top / i for i in range(1, 30)], latent, STEADY, steps)
        assert 1 <= found.low <= found.expected <= found.high <= latent


@pytest.mark.parametrize("kind", ["gaussian", "bernoulli"])
def test_the_code_of_a_linear_model_is_measured_as_it_is(kind: str) -> None:
    """An encoder that reads the leading directions and a decoder that writes them."""
    network = {"kind": "dense", "widths": []}
    model = {"latent": 3, "encoder": network, "decoder": network, "likelihood": {"kind": kind}}
    parts = assembled(model=model)
    x = next(iter(parts.material.batches("train", 900)())).x
    along = directions(parts.vae.likelihood, x, 20)
    assert along is not None
    before = {n: t.clone() for n, t in parts.vae.state_dict().items()}
    watched = next(iter(parts.material.batches("validation", 200)()))
    found = measured_code(parts.vae, watched, along, 0.5, 0.25)
    assert all(torch.equal(before[n], t) for n, t in parts.vae.state_dict().items())
    z = parts.vae.encode(watched.x).mean.detach().double()
    scores = ((watched.x.double() - along.mean) * along.scale).flatten(1)
    y = scores @ along.vectors / along.deviations
    y, z = y - y.mean(0), z - z.mean(0)
    left = (z - y @ found.encoder.T).square().mean() / z.square().mean()
    assert float(left) < 0.2
    a, b = torch.randn(2, 1, 3)
    change = (parts.vae.decode(b) - parts.vae.decode(a)).detach().double().flatten()
    whitened = (change * along.output_scale.flatten()) @ along.vectors / 0.5**0.5
    assert torch.allclose(whitened, found.decoder @ (b - a)[0].double(), atol=1e-4)
