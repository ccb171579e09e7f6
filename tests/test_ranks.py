"""What one of several processes that train together knows and refuses by itself."""

from pathlib import Path

import pytest
import torch
from torch import nn

from tests import distributed_steps
from tests.conftest import assembled, updated
from vaestro.foundation.errors import RecipeError
from vaestro.networks.dropout import Dropout
from vaestro.runs.history import History
from vaestro.training.distribution import gradients
from vaestro.training.distribution.agreement import digest, require_spreadable
from vaestro.training.distribution.company import Company, spread_of
from vaestro.training.distribution.lost_rank import LostRankError, or_lost
from vaestro.training.distribution.ranks import ALONE, Ranks, found, require_place

TWO = Ranks(0, 2, 0)


def test_rows_are_spread_evenly() -> None:
    parts = [Ranks(rank, 3).rows(11) for rank in range(3)]
    assert [(part.start, part.stop) for part in parts] == [(0, 4), (4, 8), (8, 11)]
    assert spread_of(Ranks(2, 3), 11).shares == pytest.approx((4 / 11, 4 / 11, 3 / 11))
    assert spread_of(Ranks(2, 3), 11).own == pytest.approx(3 / 11)
    assert ALONE.rows(5) == slice(0, 5)
    with pytest.raises(RecipeError, match=r"batch_size=2 is less than the 3 processes"):
        Ranks(0, 3).rows(2)


def test_a_stream_reads_the_rows_of_one_process() -> None:
    whole, part = (assembled(model={"condition": "labels"}).stream for _ in range(2))
    part.rows = slice(30, 70)
    ours, theirs = part.batch(3), whole.batch(3)
    assert ours.natural is None and theirs.natural is None
    for one, other in zip(ours[:3], theirs[:3], strict=True):
        assert torch.equal(one[30:70], other[30:70])
        assert not one[:30].any() and not one[70:].any()
    assert theirs.x[:30].any()


def test_torchrun_is_found_by_its_environment() -> None:
    told = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "x"}
    assert found(told) == Ranks(3, 4, 1)
    assert found({"RANK": "3", "WORLD_SIZE": "4"}) == ALONE
    assert Ranks(0, 4).first and not Ranks(1, 4).first


def test_a_device_that_the_processes_cannot_share_is_refused() -> None:
    require_place(ALONE, "cuda:1")
    require_place(TWO, "cpu")
    with pytest.raises(RecipeError, match=r"device=cuda:1 is one device, .* 2 processes"):
        require_place(TWO, "cuda:1")
    here = torch.cuda.device_count()
    with pytest.raises(RecipeError, match=rf"process {here + 1} of this machine has no GPU"):
        require_place(Ranks(here, here + 2, here), "cuda")


def test_gradients_travel_in_portions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "MOST", 10)
    sizes = [4, 5, 3, 20, 1]
    parts = [torch.zeros(size) for size in sizes] + [torch.zeros(2, dtype=torch.float64)]
    travelling = [[part.numel() for part in some] for some in gradients.portions(parts)]
    assert travelling == [[4, 5], [3], [20], [1], [2]]


def test_history_without_a_file_has_the_same_length(tmp_path: Path) -> None:
    kept, counted = History(tmp_path / "history.jsonl"), History(None)
    for history in (kept, counted):
        history.append({"step": 1, "loss": float("nan"), "split": "train"})
        history.sync()
        history.close()
    assert counted.length == kept.length == (tmp_path / "history.jsonl").stat().st_size


def test_a_lost_process_is_one_line() -> None:
    told = r"ended or cannot be reached \(closed by peer\)"
    with pytest.raises(LostRankError, match=told), or_lost():
        raise RuntimeError("closed by peer\nmore lines")


def test_a_digest_tells_one_bit() -> None:
    module = nn.BatchNorm1d(3)
    before = digest(module)
    assert digest(module) == before
    with torch.no_grad():
        module.weight[1] = 1 + 2**-20
    assert digest(module) != before


def test_what_processes_cannot_share_is_refused_in_one_line() -> None:
    dropping = assembled(model=distributed_steps.DROPPING, objective={"kind": "iwae"})
    with pytest.raises(RecipeError, match=r"iwae share their dropout masks' order"):
        require_spreadable(TWO, dropping.task, dropping.recipe.training)
    require_spreadable(ALONE, dropping.task, dropping.recipe.training)
    parts = assembled(training={"accumulate": 3, "batch_size": 5})
    with pytest.raises(RecipeError, match=r"accumulate=3 .* give training.accumulate at most 2"):
        require_spreadable(Ranks(1, 2), parts.task, parts.recipe.training)
    normal = assembled(model=distributed_steps.NORMAL)
    compiled = normal.recipe.training.model_copy(update={"compile": True})
    with pytest.raises(RecipeError, match=r"looks across the batch, which a compiled model"):
        require_spreadable(TWO, normal.task, compiled)
    require_spreadable(TWO, normal.task, normal.recipe.training)


def test_a_random_layer_of_torch_is_refused() -> None:
    parts = assembled()
    parts.vae.decoder.add_module("theirs", nn.Dropout(0.1))
    with pytest.raises(RecipeError, match=r"decoder\.theirs draws its own random numbers"):
        require_spreadable(TWO, parts.task, parts.recipe.training)


def test_outside_of_a_step_layers_ask_nobody() -> None:
    """A company of two in which nobody else is there: whoever looks on does not wait for it."""
    parts = assembled(model=updated(distributed_steps.NORMAL, distributed_steps.OPTIMAL))
    company = Company(TWO, parts.vae, 200)
    layers = [m for m in parts.vae.modules() if vars(m).keys() & {"forward", "log_quantity"}]
    with company.together():
        inside = [m for m in parts.vae.modules() if vars(m).keys() & {"forward", "log_quantity"}]
    assert len(inside) == len(layers) + 4  # three normalisations and the optimal variance
    parts.vae.train()
    batch = parts.stream.batch(0)
    control = parts.task.initial_control(torch.device("cpu"))
    assert torch.isfinite(parts.task.terms(batch, control, 0).loss)
    assert not any(isinstance(m, Dropout) for m in inside)
