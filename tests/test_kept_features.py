"""A frozen encoder is asked once for each sample, and no bit of a run tells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vaestro
from tests.conftest import Silent, small_recipe
from tests.test_population import assert_as_alone
from tests.test_population import trained as trained_together
from tests.test_resume import assert_same_run, train_killed, unchanged
from vaestro.experiments import assemble as assembling
from vaestro.experiments import train as training
from vaestro.experiments.assemble import assemble
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.randomness import Stream
from vaestro.networks import registry
from vaestro.training.plan import choose

ASKED: list[int] = []


class Watched(nn.Module):
    """A small convolution that counts what it is asked; `twist` makes it break a promise."""

    def __init__(self, shape: tuple[int, ...], twist: str = "") -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(shape[0], 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Conv2d(8, 4, 3, 2, 1),
        )
        self.twist = twist

    def forward(self, x: Tensor) -> Tensor:
        ASKED.append(len(x))
        out: Tensor = self.body(x)
        if self.twist == "random":
            out = out + torch.rand_like(out)
        elif self.twist == "mixes":
            out = out - out.mean(0)
        elif self.twist == "channels last":
            out = out.contiguous(memory_format=torch.channels_last)
        return out


@pytest.fixture(autouse=True)
def part(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(registry, "_REGISTERED", {"watched": Watched})
    ASKED.clear()
    yield


def recipe_of(twist: str = "", **changes: Any) -> Recipe:
    encoder = {"kind": "part", "name": "watched", "frozen": True, "options": {"twist": twist}}
    model = {"encoder": encoder} | changes.pop("model", {})
    changes.setdefault("training", {})
    changes["training"] = {"epochs": 3} | changes["training"]
    return small_recipe(model=model, **changes)


def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembling, "rests", lambda vae, samples: False)


def trained(recipe: Recipe, root: Path) -> tuple[dict[str, Any], int]:
    """The run's figures, and how many samples the encoder was asked for."""
    ASKED.clear()
    summary = training.start(recipe, root, Silent())
    figures = {n: v for n, v in summary.items() if n not in ("seconds", "samples_per_second")}
    return {n: v for n, v in figures.items() if n != "run"}, sum(ASKED)


CASES: dict[str, dict[str, Any]] = {
    "features": {},
    "ema, dropout": {
        "training": {"ema": 0.5},
        "model": {"decoder": {"kind": "dense", "widths": [16], "dropout": 0.5}},
    },
    "bf16": {"training": {"precision": "bf16"}},
    "fp64": {"training": {"precision": "fp64"}},
    "reduced": {
        "transform": {"kind": "standardise"},
        "model": {"likelihood": {"kind": "gaussian"}},
    },
    "on a grid": {"model": {"spatial": True, "latent": 2}},
    "conditional": {"model": {"condition": {"kind": "labels"}}},
    "one batch": {"split": {"validation": 0.2, "test": 0.69}, "training": {"batch_size": 198}},
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_no_bit_differs(
    case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(**case)
    kept, few = trained(recipe, tmp_path / "kept")
    without(monkeypatch)
    asked, many = trained(recipe, tmp_path / "asked")
    assert few < many
    assert kept == asked
    assert_same_run(tmp_path / "kept", tmp_path / "asked")


def test_more_epochs_ask_no_more(tmp_path: Path) -> None:
    counts = [
        trained(recipe_of(training={"epochs": epochs}), tmp_path / str(epochs))[1]
        for epochs in (2, 5)
    ]
    assert counts[0] == counts[1]


def test_an_encoder_that_draws_is_asked_every_time() -> None:
    recipe = recipe_of("random")
    parts = assemble(recipe, choose(recipe.training))
    task: Any = parts.task
    before = torch.get_rng_state()
    for stream in (Stream.POSTERIOR, Stream.VALIDATION):
        assert task.kept[stream].of(parts.vae, parts.stream.batch(0)) is None
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("twist", ["mixes", "channels last"])
def test_an_encoder_that_gives_a_sample_other_bits_is_asked_every_time(
    twist: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = recipe_of(twist)
    kept, many = trained(recipe, tmp_path / "kept")
    without(monkeypatch)
    assert trained(recipe, tmp_path / "asked")[0] == kept
    assert_same_run(tmp_path / "kept", tmp_path / "asked")
    assert many > 3 * 1100


def kept_in(recipe: Recipe) -> dict[Stream, Any]:
    task: Any = assemble(recipe, choose(recipe.training)).task
    return dict(task.kept)


def test_what_changes_the_features_keeps_none() -> None:
    assert set(kept_in(recipe_of())) == {Stream.POSTERIOR, Stream.VALIDATION}
    assert not kept_in(recipe_of(model={"encoder": {"kind": "part", "name": "watched"}}))
    assert not kept_in(small_recipe())
    assert not kept_in(recipe_of(augmentation={"kind": "symmetries"}))
    fresh = recipe_of(
        data={"kind": "molecules", "size": 6, "samples": 300, "molecules": 12},
        transform={"kind": "standardise"},
        model={"likelihood": {"kind": "gaussian"}},
    )
    registry._REGISTERED["watched"] = lambda shape, twist: nn.Conv3d(shape[0], 1, 3)
    assert not kept_in(fresh)


def test_a_condition_that_the_encoder_hears_keeps_none() -> None:
    class Told(nn.Module):
        def __init__(self, shape: tuple[int, ...], twist: str, condition: int) -> None:
            super().__init__()
            self.layer = nn.Linear(64 + condition, 5)

        def forward(self, x: Tensor, condition: Tensor) -> Tensor:
            out: Tensor = self.layer(torch.cat([x.flatten(1), condition], 1))
            return out

    registry._REGISTERED["watched"] = Told
    assert not kept_in(recipe_of(model={"condition": {"kind": "labels"}}))


def test_too_many_features_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from vaestro.training import kept_features

    count = len(kept_in(recipe_of())[Stream.POSTERIOR].samples)
    for most, there in ((count * 16, True), (count * 16 - 1, False)):
        monkeypatch.setattr(kept_features, "MOST", most)
        assert bool(kept_in(recipe_of())) == there


def test_a_run_resumes_with_the_weights_that_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start of a resumed run the encoder's weights are not there yet."""
    torch.manual_seed(3)
    module = Watched((1, 8, 8))
    torch.save(module.state_dict(), tmp_path / "w.pt")
    weights = {"kind": "part", "name": "watched", "frozen": True, "weights": str(tmp_path / "w.pt")}
    recipe = recipe_of(model={"encoder": weights}, training={"checkpoint_steps": 4, "epochs": 2})
    training.start(recipe, tmp_path / "straight", Silent())
    train_killed(recipe, tmp_path / "killed", 9, monkeypatch)
    (tmp_path / "w.pt").unlink()
    training.resume(tmp_path / "killed", unchanged, Silent())
    assert_same_run(tmp_path / "straight", tmp_path / "killed")


def test_an_encoder_that_gives_the_posterior(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encoder() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Unflatten(1, (2, 4)))

    def run(name: str) -> Any:
        return vaestro.train(
            small_recipe(),
            run=tmp_path / name,
            report=False,
            encoder=encoder(),
            set=["model.encoder={kind: given, gives: posterior, frozen: true}"],
        )

    run("kept")
    without(monkeypatch)
    run("asked")
    assert_same_run(tmp_path / "kept", tmp_path / "asked")


def test_rows_are_those_of_the_samples() -> None:
    recipe = recipe_of(training={"batch_size": 150})  # no divisor of the samples
    parts = assemble(recipe, choose(recipe.training))
    task: Any = parts.task
    vae, ways = parts.vae.eval(), {Stream.POSTERIOR: "train", Stream.VALIDATION: "validation"}

    def last(name: str) -> Any:
        return list(parts.material.batches(name)())[-1]

    for stream, name in ways.items():
        kept = task.kept[stream]
        for batch in (last(name), parts.material.samples[name].read(torch.tensor([3, 1, 1]))):
            with torch.no_grad():
                torch.testing.assert_close(kept.of(vae, batch), vae.features(batch.x))
        assert kept.of(vae, last("test")) is None
    assert len(np.unique(task.kept[Stream.POSTERIOR]._places.numpy())) > 1000


def test_new_weights_give_new_features() -> None:
    """Whatever asked before a resumed run had its weights."""
    recipe = recipe_of()
    parts = assemble(recipe, choose(recipe.training))
    task: Any = parts.task
    kept, batch = task.kept[Stream.POSTERIOR], parts.stream.batch(0)
    with torch.no_grad():
        (before,) = kept.of(parts.vae, batch)
        weights = {n: t + 0.1 for n, t in parts.vae.encoder.state_dict().items()}
        parts.vae.encoder.load_state_dict(weights)
        (after,), expected = kept.of(parts.vae, batch), parts.vae.features(batch.x)[0]
    assert not torch.equal(before, expected)
    assert torch.equal(after, expected)


def with_weights(tmp_path: Path) -> Recipe:
    """The watched encoder with weights of its own, which every seed has."""
    torch.manual_seed(3)
    torch.save(Watched((1, 8, 8)).state_dict(), tmp_path / "w.pt")
    encoder = {"kind": "part", "name": "watched", "frozen": True, "weights": f"{tmp_path}/w.pt"}
    return small_recipe(model={"encoder": encoder}, training={"epochs": 2})


def asked_while(edits: list[tuple[str, ...]], recipe: Recipe, root: Path, width: int) -> int:
    ASKED.clear()
    trained_together(recipe, edits, root, width)
    return sum(ASKED)


@pytest.mark.parametrize("width", [1, 4])
def test_members_share_what_the_encoder_says(tmp_path: Path, width: int) -> None:
    """What one member asks in training and validation, four ask together, at any length."""
    recipe = with_weights(tmp_path)
    members = [(f"training.learning_rate={rate}",) for rate in (1e-3, 2e-3, 3e-3, 4e-3)]
    longer = [(*one, "training.epochs=5") for one in members]
    counts = [
        asked_while(edits, recipe, tmp_path / f"{number}", width)
        for number, edits in enumerate((members, longer, members[:1]))
    ]
    assert counts[0] == counts[1]
    each = (counts[0] - counts[2]) / 3  # forecast, pictures and figures at the end are each's own
    alone = trained(recipe, tmp_path / "alone")[1]
    assert each < alone - 1000


def test_members_that_share_are_as_alone(tmp_path: Path) -> None:
    """With batches of their own, too: each seed has its."""
    recipe = with_weights(tmp_path)
    members = [("seed=1",), ("seed=2", "objective.beta=2")]
    trained_together(recipe, members, tmp_path / "p", 2)
    for number, edits in enumerate(members):
        assert_as_alone(tmp_path / "p", number, recipe, edits, 1e-4)


def test_members_whose_encoders_differ_share_nothing(tmp_path: Path) -> None:
    """Without a file of weights each seed draws its own encoder."""
    members = [("seed=1",), ("seed=2",)]
    trained_together(recipe_of(), members, tmp_path / "p", 2)
    for number, edits in enumerate(members):
        assert_as_alone(tmp_path / "p", number, recipe_of(), edits, 1e-4)
