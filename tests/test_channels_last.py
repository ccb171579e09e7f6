"""Weights laid out channel by channel: the same numbers, for images and volumes alone."""

from typing import Any

import pytest
import torch

from tests.conftest import small_recipe
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.foundation.errors import RecipeError
from vaestro.training import plan as planning

NETWORKS = {
    side: {"kind": "convolution", "channels": [3, 4] if side == "encoder" else [4, 3]}
    for side in ("encoder", "decoder")
}
GAUSSIAN = {"likelihood": {"kind": "gaussian"}}


def built(last: bool, **changes: Any) -> Assembly:
    recipe = small_recipe(training={"channels_last": last, "batch_size": 8}, **changes)
    return assemble(recipe, planning.choose(recipe.training))


@pytest.mark.parametrize(
    ("data", "laid_out"),
    [
        ({"kind": "digits"}, torch.channels_last),
        ({"kind": "molecules", "samples": 20, "size": 8}, torch.channels_last_3d),
    ],
)
def test_the_terms_are_the_same(data: dict[str, Any], laid_out: torch.memory_format) -> None:
    losses = []
    for last in (False, True):
        parts = built(last, data=data, model=NETWORKS | GAUSSIAN)
        control = parts.task.initial_control(torch.device("cpu"))
        losses.append(parts.task.terms(parts.stream.batch(0), control, 0).loss)
        weights = [p for p in parts.vae.parameters() if p.dim() > 3 and min(p.shape[:3]) > 1]
        assert weights
        assert all(w.is_contiguous(memory_format=laid_out) == last for w in weights)
    assert torch.allclose(losses[0], losses[1], rtol=1e-5)


def test_vectors_have_no_channels() -> None:
    with pytest.raises(RecipeError, match=r"images or volumes.*channels_last=false"):
        built(True, data={"kind": "bundles", "streamlines": 40, "points": 8}, model=GAUSSIAN)
