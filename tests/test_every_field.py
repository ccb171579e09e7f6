"""Every field of a recipe changes something: a mutation of each gives another run.

A run is what it leaves: its history, its model, its manifest and the files in its folder.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from tests.conftest import Silent, small_recipe, updated
from vaestro.experiments import train as training
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.recipe import Recipe
from vaestro.foundation.config import leaves
from vaestro.models.build import Guests
from vaestro.networks import registry

GAUSSIAN = {"kind": "gaussian"}
CONVOLUTION = {"kind": "convolution", "channels": [4], "normalisation": "batch"}
BACK = {"kind": "convolution", "channels": [4], "normalisation": "batch"}

UNET = {"kind": "unet", "channels": [4, 8]}
FINTA = {"kind": "finta", "channels": [4, 8]}
LAYERS: dict[str, Any] = {"kind": "layers", "layers": [{"dense": 9}]}
ADVERSARIAL: dict[str, Any] = {
    "latent": 2,
    "posterior": {"kind": "deterministic"},
    "prior": {"kind": "adversarial"},
}


class Own(nn.Module):
    """An encoder of the user's (B, 2, 4): features, or the mean and the raw scale of 4 latents."""

    def __init__(self, shape: tuple[int, ...], gain: float = 1.0) -> None:
        super().__init__()
        self.layer, self.gain = nn.Linear(64, 8), gain

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.gain * self.layer(x.flatten(1)).unflatten(1, (2, 4))
        return out


class OwnDecoder(nn.Module):
    """A decoder of the user's."""

    def __init__(
        self, latent: tuple[int, ...], shape: tuple[int, ...], outputs: int, gain: float = 1.0
    ) -> None:
        super().__init__()
        self.layer, self.gain = nn.Linear(latent[0], 64 * outputs), gain

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.gain * self.layer(z)
        return out


PART = {"kind": "part", "name": "own", "options": {"gain": 0.9}}
PART_DECODER = {"kind": "part", "name": "own-decoder", "options": {"gain": 0.9}}


@pytest.fixture(autouse=True)
def own_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry that the recipes name parts of, and the files of weights."""
    parts = {"own": Own, "own-decoder": OwnDecoder, "tanh": Tanh, "tanh-decoder": TanhDecoder}
    monkeypatch.setattr(registry, "_REGISTERED", parts)
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    torch.save(Own((1, 8, 8)).state_dict(), "encoder.pt")
    torch.save(OwnDecoder((4,), (1, 8, 8), 1).state_dict(), "decoder.pt")


class Tanh(Own):
    """Another part of the same shape."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).tanh()


class TanhDecoder(OwnDecoder):
    """Another part of the same shape."""

    def forward(self, z: Tensor) -> Tensor:
        return super().forward(z).tanh()


def guests_of(recipe: Recipe) -> Guests:
    """The modules that Python gives for networks of `kind: given`, always with the same weights."""
    torch.manual_seed(1)
    made = Own((1, 8, 8)), OwnDecoder((4,), (1, 8, 8), 1)
    sides = (recipe.model.encoder, recipe.model.decoder)
    given = (m if s.kind == "given" else None for m, s in zip(made, sides, strict=True))
    return Guests(*given)


# base changes -> the mutations of single fields that must each change the run
MUTATIONS: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (
        {},
        [
            {"seed": 1},
            {"split": {"validation": 0.3}},
            {"split": {"test": 0.3}},
            {"split": {"seed": 1}},
            {"transform": {"kind": "standardise"}, "model": {"likelihood": GAUSSIAN}},
            {"model": {"latent": 5}},
            {"model": {"encoder": {"widths": [17]}}},
            {"model": {"encoder": {"activation": "tanh"}}},
            {"model": {"encoder": {"normalisation": "group"}}},
            {"model": {"encoder": {"initialisation": "orthogonal"}}},
            {"model": {"encoder": {"dropout": 0.5}}},
            {"model": {"decoder": {"widths": [17]}}},
            {"model": {"decoder": {"activation": "tanh"}}},
            {"model": {"decoder": {"normalisation": "batch"}}},
            {"model": {"decoder": {"initialisation": "xavier"}}},
            {"model": {"decoder": {"dropout": 0.5}}},
            {"model": {"posterior": {"kind": "deterministic"}}},
            {"model": {"posterior": {"scale": {"kind": "softplus"}}}},
            {"model": {"posterior": {"scale": {"low": 0.5}}}},
            {"model": {"posterior": {"scale": {"high": -0.5}}}},
            {"model": {"posterior": {"epsilon_std": 0.5}}},
            {"model": {"posterior": {"hidden": [5]}}},
            {"model": {"condition": {"kind": "labels"}}},
            {"model": {"prior": {"kind": "mixture"}}},
            {"objective": {"kind": "iwae"}},
            {"model": {"likelihood": {"kind": "continuous-bernoulli"}}},
            {"objective": {"beta": 2}},
            {"objective": {"beta": "linear"}},
            {"objective": {"reduction": "mean"}},
            {"objective": {"free_bits": 0.5}},
            {"training": {"epochs": 3}},
            {"training": {"batch_size": 100}},
            {"training": {"accumulate": 3}},
            {"training": {"optimiser": {"kind": "adamw"}, "weight_decay": 0.1}},
            {"training": {"optimiser": {"kind": "rmsprop"}}},
            {"training": {"optimiser": {"betas": [0.5, 0.999]}}},
            {"training": {"optimiser": {"epsilon": 0.1}}},
            {"training": {"learning_rate": 1e-2}},
            {"training": {"weight_decay": 0.5}},
            {"training": {"clip_norm": 0.1}},
            {"training": {"ema": 0.9}},
            {"training": {"early_stopping": {"patience": 1, "margin": 1e9}}},
            {"training": {"log_steps": 1}},
            {"training": {"validate_epochs": 2}},
            {"training": {"snapshot_epochs": 1}},
            {"training": {"checkpoint_steps": 1}},
            {"training": {"precision": "bf16"}},
            {"training": {"precision": "fp64"}},
            {"training": {"threads": 2}},
            {"training": {"deterministic": True}},
        ],
    ),
    (
        {"model": {"encoder": {"widths": [16, 16]}, "decoder": {"widths": [16, 16]}}},
        [{"model": {"encoder": {"residual": True}}}, {"model": {"decoder": {"residual": True}}}],
    ),
    (
        {"model": {"encoder": CONVOLUTION, "decoder": BACK}},
        [
            {"model": {"encoder": {"channels": [5]}}},
            {"model": {"encoder": {"kernel": 5}}},
            {"model": {"encoder": {"blocks": 1}}},
            {"model": {"encoder": {"dense": [8]}}},
            {"model": {"decoder": {"kernel": 5}}},
            {"model": {"decoder": {"channels": [5]}}},
            {"model": {"decoder": {"blocks": 1}}},
            {"model": {"decoder": {"dense": [8]}}},
            {"model": {"encoder": {"normalise_last": True}}},
            {"model": {"decoder": {"normalise_last": True}}},
            {"model": {"spatial": True}},
            {"training": {"channels_last": True}},
        ],
    ),
    (
        {"model": {"condition": {"kind": "labels"}}},
        [
            {"model": {"condition": {"into": "decoder"}}},
            {"model": {"condition": {"how": "film"}}},
            {"model": {"condition": {"encoding": {"kind": "one-hot", "repeat": 2}}}},
        ],
    ),
    (
        {"model": {"condition": {"kind": "labels", "encoding": {"kind": "embedding"}}}},
        [{"model": {"condition": {"encoding": {"width": 3}}}}],
    ),
    (
        {"model": {"prior": {"kind": "mixture"}}},
        [{"model": {"prior": {"components": 3}}}, {"model": {"prior": {"spread": 0.3}}}],
    ),
    (
        {"model": ADVERSARIAL},
        [
            {"model": {"prior": {"shape": {"kind": "petals", "components": 3}}}},
            {"model": {"prior": {"shape": {"kind": "swiss-roll"}}}},
            {"model": {"prior": {"labels": True}}},
            {"model": {"prior": {"widths": [5]}}},
            {"model": {"prior": {"rate": 2}}},
            {"model": {"prior": {"penalty": 1}}},
            {"model": {"prior": {"pull": "js"}}},
        ],
    ),
    (
        {
            "model": ADVERSARIAL
            | {"prior": {"kind": "adversarial", "shape": {"kind": "petals", "components": 3}}}
        },
        [
            {"model": {"prior": {"shape": {"components": 4}}}},
            {"model": {"prior": {"shape": {"distance": 3}}}},
            {"model": {"prior": {"shape": {"along": 0.3}}}},
            {"model": {"prior": {"shape": {"across": 0.3}}}},
        ],
    ),
    (
        {"model": ADVERSARIAL | {"prior": {"kind": "adversarial", "shape": "swiss-roll"}}},
        [
            {"model": {"prior": {"shape": {"kind": "swiss-roll", "radius": 2}}}},
            {"model": {"prior": {"shape": {"kind": "swiss-roll", "turns": 3}}}},
            {"model": {"prior": {"shape": {"kind": "swiss-roll", "thickness": 0.3}}}},
        ],
    ),
    (
        {"model": {"encoder": PART, "decoder": PART_DECODER}},
        [
            {"model": {"encoder": {"name": "tanh"}}},
            {"model": {"encoder": {"options": {"gain": 0.8}}}},
            {"model": {"encoder": {"weights": "encoder.pt"}}},
            {"model": {"encoder": {"frozen": True}}},
            {"model": {"encoder": {"gives": "posterior"}}},
            {"model": {"decoder": {"name": "tanh-decoder"}}},
            {"model": {"decoder": {"options": {"gain": 0.8}}}},
            {"model": {"decoder": {"weights": "decoder.pt"}}},
            {"model": {"decoder": {"frozen": True}}},
        ],
    ),
    (
        {"model": {"encoder": {"kind": "given"}, "decoder": {"kind": "given"}}},
        [
            {"model": {"encoder": {"frozen": True}}},
            {"model": {"encoder": {"gives": "posterior"}}},
            {"model": {"decoder": {"frozen": True}}},
        ],
    ),
    ({"objective": {"kind": "iwae"}}, [{"objective": {"samples": 2}}]),
    (
        {"model": {"encoder": UNET, "decoder": UNET}},
        [
            {"model": {"encoder": {"channels": [4, 9]}}},
            {"model": {"encoder": {"kernel": 5}}},
            {"model": {"encoder": {"blocks": 1}}},
            {"model": {"encoder": {"dense": [7]}}},
            {"model": {"encoder": {"skips": []}, "decoder": {"skips": []}}},
            {"model": {"encoder": {"skip_channels": 1}, "decoder": {"skip_channels": 1}}},
        ],
    ),
    (
        {
            "data": {"kind": "bundles", "streamlines": 60, "points": 8},
            "model": {
                "likelihood": GAUSSIAN,
                "encoder": FINTA,
                "decoder": FINTA,
                "condition": {"kind": "covariates", "names": ["length"], "into": "decoder"},
                "prior": {"kind": "regression", "covariate": "length", "form": "curve"},
                "predictor": {"covariate": "length"},
            },
            "transform": {"kind": "standardise"},
            "training": {"batch_size": 20},
        },
        [
            {"model": {"encoder": {"channels": [4, 9]}}},
            {"model": {"encoder": {"kernel": 4}}},
            {"model": {"encoder": {"activation": "tanh"}}},
            {"model": {"encoder": {"normalisation": "batch"}}},
            {"model": {"encoder": {"normalisation": "batch", "normalise_last": False}}},
            {"model": {"decoder": {"upsampling": "nearest"}}},
            {"model": {"encoder": {"initialisation": "uniform"}}},
            {"model": {"condition": {"names": ["straightness"]}}},
            {"model": {"condition": {"labels": True}}},
            {"model": {"prior": {"covariate": "straightness"}}},
            {"model": {"prior": {"labels": True}}},
            {"model": {"prior": {"form": {"kind": "curve", "width": 5}}}},
            {"model": {"predictor": {"covariate": "straightness"}}},
            {"model": {"predictor": {"hidden": [3]}}},
            {"model": {"predictor": {"weight": 3}}},
        ],
    ),
    (
        {"model": {"encoder": LAYERS, "decoder": LAYERS | {"layers": [{"dense": 9}, "dense"]}}},
        [
            {"model": {"encoder": {"layers": [{"dense": 6}]}}},
            {"model": {"encoder": {"initialisation": "xavier"}}},
            {"model": {"decoder": {"output_activation": "relu"}}},
            {"model": {"decoder": {"layers": [{"dense": 6}, "dense"]}}},
        ],
    ),
    (
        {"model": {"encoder": CONVOLUTION | {"blocks": 1}, "decoder": BACK}},
        [{"model": {"encoder": {"residual": True}}}],
    ),
    (
        {"training": {"optimiser": {"kind": "rmsprop"}}},
        [
            {"training": {"optimiser": {"smoothing": 0.5}}},
            {"training": {"optimiser": {"momentum": 0.5}}},
            {"training": {"optimiser": {"epsilon": 0.1}}},
        ],
    ),
    (
        {"training": {"early_stopping": {"patience": 1, "margin": 1e9}, "epochs": 5}},
        [
            {"training": {"early_stopping": {"patience": 3}}},
            {"training": {"early_stopping": {"margin": 0.0}}},
        ],
    ),
    (
        {  # a heavy prior term: the loss falls by more than the margin, the data term does not
            "training": {"early_stopping": {"patience": 1, "margin": 3.0}, "epochs": 6},
            "objective": {"beta": 30},
        },
        [{"training": {"early_stopping": {"monitor": "data_term"}}}],
    ),
    (
        {"model": {"posterior": {"scale": {"kind": "softplus"}}}},
        [{"model": {"posterior": {"scale": {"minimum": 0.5}}}}],
    ),
    (
        {"model": {"posterior": {"scale": {"kind": "linear"}}}},
        [{"model": {"posterior": {"scale": {"epsilon": 0.5}}}}],
    ),
    (
        {"model": {"posterior": {"scale": {"kind": "log-std"}}}},
        [
            {"model": {"posterior": {"scale": {"low": 0.4}}}},
            {"model": {"posterior": {"scale": {"high": -0.4}}}},
        ],
    ),
    (
        {"objective": {"beta": {"kind": "linear", "length": "10 steps"}}},
        [
            {"objective": {"beta": {"start": 0.5}}},
            {"objective": {"beta": {"end": 2}}},
            {"objective": {"beta": {"length": "3 steps"}}},
            {"objective": {"beta": {"length": "1 epochs"}}},
        ],
    ),
    (
        {"objective": {"beta": {"kind": "cyclical", "length": "10 steps"}}},
        [
            {"objective": {"beta": {"start": 0.5}}},
            {"objective": {"beta": {"end": 2}}},
            {"objective": {"beta": {"cycles": 2}}},
            {"objective": {"beta": {"ramp": 0.9}}},
        ],
    ),
    (
        {"objective": {"beta": {"kind": "rise-and-fall", "rise": "3 steps", "fall": "5 steps"}}},
        [
            {"objective": {"beta": {"start": 0.5}}},
            {"objective": {"beta": {"peak": 2}}},
            {"objective": {"beta": {"end": 2}}},
            {"objective": {"beta": {"rise": "2 steps"}}},
            {"objective": {"beta": {"hold": "2 steps"}}},
            {"objective": {"beta": {"fall": "2 steps"}}},
        ],
    ),
    (
        {"objective": {"beta": {"kind": "geco", "target": 25}}},
        [
            {"objective": {"beta": {"target": 5}}},
            {"objective": {"beta": {"initial": 2}}},
            {"objective": {"beta": {"rate": 0.1}}},
            {"objective": {"beta": {"smoothing": 0.1}}},
            {"objective": {"beta": {"minimum": 2.0, "maximum": 3.0, "initial": 2.5}}},
        ],
    ),
    (
        {"objective": {"beta": {"kind": "capacity", "length": "10 steps"}}},
        [
            {"objective": {"beta": {"start": 3}}},
            {"objective": {"beta": {"end": 3}}},
            {"objective": {"beta": {"gamma": 3}}},
            {"objective": {"beta": {"length": "2 steps"}}},
        ],
    ),
    (
        {"training": {"learning_rate": {"kind": "two-phase", "first": 1e-3, "second": 1e-4}}},
        [
            {"training": {"learning_rate": {"first": 1e-2}}},
            {"training": {"learning_rate": {"second": 1e-2}}},
            {"training": {"learning_rate": {"switch": "1 steps"}}},
        ],
    ),
    (
        {"training": {"learning_rate": {"kind": "cosine", "start": 1e-3, "end": 1e-4}}},
        [
            {"training": {"learning_rate": {"start": 1e-2}}},
            {"training": {"learning_rate": {"end": 1e-2}}},
            {"training": {"learning_rate": {"length": "2 steps"}}},
        ],
    ),
]


def spreads(family: str, field: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """The spread parts of a family: fixed, shared and fitted, each with its fields."""

    def of(part: dict[str, Any]) -> dict[str, Any]:
        return {"model": {"likelihood": {"kind": family, field: part}}}

    return [
        (of({"kind": "fixed"}), [of({"value": 0.3}), of({"kind": "shared"})]),
        (of({"kind": "shared"}), [of({"initial": 0.3}), of({"floor": 0.9})]),
        (of({"kind": "fitted"}), [of({"initial": 0.3}), of({"floor": 0.9})]),
    ]


MUTATIONS += [
    *spreads("gaussian", "variance"),
    *spreads("laplace", "scale"),
    *spreads("student-t", "scale"),
    *spreads("discretised-logistic", "scale"),
    (
        {"model": {"likelihood": {"kind": "gaussian", "variance": {"kind": "optimal"}}}},
        [
            {"model": {"likelihood": {"variance": {"floor": 5.0}}}},
            {"model": {"likelihood": {"variance": {"momentum": 0.5}}}},
        ],
    ),
    (
        {"model": {"likelihood": {"kind": "student-t"}}},
        [{"model": {"likelihood": {"degrees": 2.0}}}],
    ),
    (
        {"transform": {"kind": "standardise"}, "model": {"likelihood": GAUSSIAN}},
        [
            {"transform": {"per": "element"}},
            {"transform": {"per": "element", "scale": "one"}},
            {"transform": {"floor": 10.0}},
        ],
    ),
    (
        {"transform": {"kind": "scale"}, "model": {"likelihood": GAUSSIAN}},
        [{"transform": {"mean": 0.3}}, {"transform": {"std": 0.5}}],
    ),
    (
        {"transform": {"kind": "pca", "components": 8}, "model": {"likelihood": GAUSSIAN}},
        [
            {"transform": {"components": 9}},
            {"transform": {"components": 0.5}},
            {"transform": {"whiten": True}},
            {"transform": {"clip": False}},
        ],
    ),
    (
        {"augmentation": {"kind": "symmetries"}},
        [{"augmentation": {"rotate": False}}, {"augmentation": {"mirror": True}}],
    ),
    (
        {
            "data": {"kind": "molecules", "size": 6, "samples": 60, "molecules": 12},
            "model": {"likelihood": GAUSSIAN},
            "training": {"batch_size": 20},
        },
        [
            {"split": {"whole_groups": False}},
            {"data": {"size": 5}},
            {"data": {"samples": 61}},
            {"data": {"molecules": 11}},
            {"data": {"resolution": 1.2}},
            {"data": {"channels": ["C", "*"]}},
            {"data": {"std": 0.1}},
            {"data": {"rotate": False}},
            {"data": {"translate": 1.0}},
            {"data": {"fresh": False}},
            {"data": {"seed": 1}},
        ],
    ),
    (
        {
            "data": {"kind": "bundles", "streamlines": 60, "points": 8},
            "transform": {"kind": "standardise", "per": "channel", "scale": "one"},
            "model": {"likelihood": GAUSSIAN},
            "training": {"batch_size": 20},
        },
        [
            {"transform": {"per": "all"}},
            {"transform": {"scale": "each"}},
            {"data": {"streamlines": 61}},
            {"data": {"points": 9}},
            {"data": {"spread": 1.0}},
            {"data": {"orient": False}},
            {"data": {"seed": 1}},
        ],
    ),
    (
        {
            "data": {"kind": "sprites", "size": 16, "scales": 2, "orientations": 3, "positions": 4},
            "training": {"batch_size": 100},
        },
        [
            {"data": {"size": 17}},
            {"data": {"scales": 3}},
            {"data": {"orientations": 4}},
            {"data": {"positions": 3}},
        ],
    ),
    (
        {
            "data": {
                "kind": "toys",
                "size": 16,
                "instances": 3,
                "elevations": 2,
                "azimuths": 3,
                "lightings": 1,
                "stereo": "left",
            },
            "training": {"batch_size": 20},
        },
        [
            {"data": {"size": 17}},
            {"data": {"instances": 4}},
            {"data": {"elevations": 1}},
            {"data": {"azimuths": 4}},
            {"data": {"lightings": 2}},
            {"data": {"stereo": "pair"}},
            {"data": {"label": "azimuth"}},
        ],
    ),
]

SINGLE = [(base, change) for base, changes in MUTATIONS for change in changes]


def fingerprint(recipe: Recipe, root: Path) -> dict[str, Any]:
    training.start(recipe, root, Silent(), given=Circumstances(guests_of(recipe)))
    weights = load_file(root / "model" / "model.safetensors")
    manifest = json.loads((root / "manifest.json").read_text())
    return {
        "history": (root / "history.jsonl").read_text(),
        "weights": {name: tensor.double().numpy().tobytes() for name, tensor in weights.items()},
        "plan": manifest["plan"],
        "labels": manifest["data"]["labels"],
        "files": sorted(str(p.relative_to(root)) for p in root.rglob("*") if "state" not in p.name),
    }


@pytest.fixture(scope="module")
def bases() -> dict[str, dict[str, Any]]:
    return {}


@pytest.mark.parametrize(
    ("base", "change"), SINGLE, ids=lambda value: json.dumps(value)[:60].replace(" ", "")
)
def test_each_field_changes_the_run(
    base: dict[str, Any],
    change: dict[str, Any],
    tmp_path: Path,
    bases: dict[str, dict[str, Any]],
) -> None:
    key = json.dumps(base)
    if key not in bases:
        bases[key] = fingerprint(small_recipe(**base), tmp_path / "base")
    assert fingerprint(small_recipe(**updated(base, change)), tmp_path / "other") != bases[key]


# Fields that choose among files or machines, each tested where its effect is:
ELSEWHERE = {
    "name",  # the run folder's name: tests/test_cli.py
    "about",  # shown by `vaestro recipes`: tests/test_cli.py
    "model.encoder.upsampling",  # the decoder's alone, refused in an encoder: tests/test_finta.py
    "model.encoder.output_activation",  # the same: tests/test_explicit.py
    "model.encoder.module",  # the name by which a module is asked for again: tests/test_parts.py
    "model.decoder.module",  # the same
    "model.decoder.gives",  # an encoder's alone, refused in a decoder: tests/test_parts.py
    "training.device",  # refused when it is not here: tests/test_plan.py
    "training.activation_checkpointing",  # same bits: tests/test_activation_checkpointing.py
    "training.compile",  # the compiled graph: tests/test_plan.py
    "training.checkpoint_seconds",  # the clock: tests/test_plan.py
}


def test_no_field_was_forgotten() -> None:
    """Every leaf of every recipe used above is mutated by some case, or tested elsewhere."""
    mutated: set[str] = set()
    for _, change in SINGLE:
        mutated |= set(dict(leaves(change)))
    for base, _ in MUTATIONS:
        for path in dict(leaves(small_recipe(**base).plain())):
            covered = any(
                path == m or path.startswith(m + ".") or m.startswith(path + ".") for m in mutated
            )
            kind = path.endswith(".kind")
            inside_length = path.endswith((".amount", ".unit")) and any(
                path.rsplit(".", 1)[0] == m for m in mutated
            )
            # `objective.beta: 2` stands for objective.beta.value
            value = path.removesuffix(".value") in mutated
            assert covered or kind or inside_length or value or path in ELSEWHERE, path


def test_data_fields_change_the_data(tmp_path: Path) -> None:
    """The fields of the array source: path, key, labels_key, values."""
    rng = np.random.default_rng(0)
    first, second = (rng.random((50, 6)).astype(np.float32) for _ in range(2))
    np.savez(tmp_path / "a.npz", one=first, two=second, labels=np.arange(50) % 3)
    from vaestro.data.source import load_data

    def load(**fields: Any) -> Any:
        base = {"kind": "arrays", "path": str(tmp_path / "a.npz"), "key": "one"}
        return load_data(Recipe.parse({"data": base | fields}).data)

    assert np.array_equal(load().values, first)
    assert np.array_equal(load(key="two").values, second)
    assert load().labels is None
    assert load(labels_key="labels").labels.tolist()[:4] == [0, 1, 2, 0]
    assert load(values="real").spec.values != load().spec.values
