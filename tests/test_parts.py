"""Encoders and decoders of the user's own, by name and as modules, from training to loading."""

import json
from collections.abc import Iterator
from copy import deepcopy
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import vaestro
from tests.conftest import Silent, small_recipe
from tests.test_resume import assert_same_run, train_killed, unchanged
from vaestro.experiments import train as training
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.errors import CheckpointError, DataError, RecipeError, RunFolderError
from vaestro.models.build import Guests
from vaestro.networks import registry
from vaestro.networks.contract import check_decoder, check_encoder
from vaestro.training import step as stepping

SHAPE = (1, 8, 8)


class Thirds(nn.Module):
    """An encoder as others write it: batch norm, dropout, and a width."""

    def __init__(self, shape: tuple[int, ...], width: int = 6) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(shape[0], width, 3, 2, 1),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.body(x)
        return out


class Raised(nn.Module):
    """A decoder (B, K) -> (B, outputs * elements)."""

    def __init__(
        self, latent: tuple[int, ...], shape: tuple[int, ...], outputs: int, width: int = 9
    ) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(latent[0], width), nn.Linear(width, 64 * outputs)

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = self.last(self.first(z).tanh())
        return out


class OwnPosterior(nn.Module):
    """An encoder that gives a mean and a raw scale itself."""

    def __init__(self, shape: tuple[int, ...] = SHAPE, latents: int = 4) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Flatten(), nn.Linear(64, 2 * latents))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.layer(x).chunk(2, dim=1)


class Listens(nn.Module):
    """A decoder whose forward takes the condition; its builder asks how wide that is."""

    def __init__(
        self, latent: tuple[int, ...], shape: tuple[int, ...], outputs: int, *, condition: int
    ) -> None:
        super().__init__()
        self.layer = nn.Linear(latent[0] + condition, 64 * outputs)

    def forward(self, z: Tensor, condition: Tensor) -> Tensor:
        out: Tensor = self.layer(torch.cat([z, condition], dim=1))
        return out


@pytest.fixture(autouse=True)
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A registry of this test's own."""
    monkeypatch.setattr(registry, "_REGISTERED", {})
    vaestro.part("thirds")(Thirds)
    vaestro.part("raised")(Raised)
    vaestro.part("own-posterior")(OwnPosterior)
    vaestro.part("listens")(Listens)
    yield


def recipe_of(encoder: Any = None, decoder: Any = None, **changes: Any) -> Recipe:
    encoder = {"kind": "part", "name": "thirds", **(encoder or {})}
    decoder = {"kind": "part", "name": "raised", **(decoder or {})}
    return small_recipe(model={"encoder": encoder, "decoder": decoder}, **changes)


def weights_of(root: Path) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = load_file(root / "model" / "model.safetensors")
    return weights


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def test_a_recipe_in_yaml_trains_parts_and_loads_them_again(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "data: digits\n"
        "model:\n"
        "  latent: 4\n"
        "  encoder: {kind: part, name: thirds, options: {width: 5}}\n"
        "  decoder: {kind: part, name: raised}\n"
        "training: {epochs: 3, batch_size: 200, threads: 1}\n"
    )
    run = vaestro.train(path, run=tmp_path / "r", report=False)
    assert run.vae.encoder.guest.module.body[0].out_channels == 5
    again = vaestro.load(tmp_path / "r")
    np.testing.assert_array_equal(run.sample(3), again.sample(3))
    assert run.evaluate("test", samples=2) == again.evaluate("test", samples=2)
    assert read_recipe(tmp_path / "r" / "recipe.yaml").model == read_recipe(path).model


def test_training_beats_the_best_constant(tmp_path: Path) -> None:
    recipe = recipe_of(
        decoder={"options": {"width": 32}}, training={"epochs": 20, "learning_rate": 0.01}
    )
    summary = training.start(recipe, tmp_path / "r", Silent())
    assert summary["validation"]["loss"] < summary["baseline_constant"] - 1.5


def test_the_registered_parts_keep_the_contract() -> None:
    check_encoder(lambda: Thirds(SHAPE), SHAPE)
    check_decoder(lambda: Raised((4,), SHAPE, 2), ((4,),), SHAPE, outputs=2)
    check_decoder(lambda: Listens((4,), SHAPE, 1, condition=3), ((4,),), SHAPE, condition=3)


def test_parts_resume_bit_identically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file(Thirds(SHAPE).state_dict(), tmp_path / "w.safetensors")
    recipe = recipe_of(
        encoder={"weights": str(tmp_path / "w.safetensors")},
        training={"checkpoint_steps": 4},
    )
    training.start(recipe, tmp_path / "straight", Silent())
    train_killed(recipe, tmp_path / "killed", 9, monkeypatch)
    (tmp_path / "w.safetensors").unlink()  # a run that has begun has its own weights
    display = Silent()
    training.resume(tmp_path / "killed", unchanged, display)
    assert display.steps[0] == 8
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    configs = [(tmp_path / n / "model" / "config.json").read_text() for n in ("straight", "killed")]
    assert configs[0] == configs[1]
    assert vaestro.load(tmp_path / "killed").sample(2).shape == (2, *SHAPE)


def test_given_modules_train_as_copies_and_load_into_others(tmp_path: Path) -> None:
    encoder, decoder = Thirds(SHAPE), Raised((4,), SHAPE, 1)
    before = deepcopy(encoder.state_dict()), deepcopy(decoder.state_dict())
    given = {"encoder": encoder, "decoder": decoder}
    run = vaestro.train(small_recipe(), run=tmp_path / "r", report=False, **given)
    assert equal(encoder.state_dict(), before[0]) and equal(decoder.state_dict(), before[1])
    trained = run.vae.decoder.guest.module.state_dict()
    assert not torch.equal(trained["last.weight"], before[1]["last.weight"])
    assert run.recipe.model.encoder.plain()["module"] == "Thirds"
    mine = Thirds(SHAPE), Raised((4,), SHAPE, 1)
    again = vaestro.load(tmp_path / "r", encoder=mine[0], decoder=mine[1])
    np.testing.assert_array_equal(run.sample(3), again.sample(3))
    assert equal(mine[1].state_dict(), trained) and again.vae.decoder.guest.module is mine[1]
    with pytest.raises(RecipeError, match=r"a module from Python, Thirds,.*encoder=\.\.\.") as said:
        vaestro.load(tmp_path / "r")
    assert "\n" not in str(said.value)
    with pytest.raises(CheckpointError, match=r"has shape .* in the checkpoint"):
        vaestro.load(tmp_path / "r", encoder=Thirds(SHAPE), decoder=Raised((4,), SHAPE, 1, 8))


def test_the_doctor_takes_given_modules(tmp_path: Path) -> None:
    """The end of training examined the same model; its networks lie in no file."""
    given = {"encoder": Thirds(SHAPE), "decoder": Raised((4,), SHAPE, 1)}
    root = vaestro.train(small_recipe(), run=tmp_path / "r", report=False, **given).folder.root
    at_the_end = json.loads((root / "diagnosis.json").read_text())
    (root / "diagnosis.json").unlink()
    others = Thirds(SHAPE), Raised((4,), SHAPE, 1)
    found = diagnose_run(root, *others)
    assert (found.verdict, found.sentence) == (at_the_end["verdict"], at_the_end["sentence"])
    assert (root / "diagnosis.json").is_file()
    with pytest.raises(RecipeError, match="a module from Python, Thirds"):
        diagnose_run(root)


def test_given_modules_resume_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = small_recipe(training={"checkpoint_steps": 4})
    modules = {"encoder": Thirds(SHAPE), "decoder": Raised((4,), SHAPE, 1)}
    vaestro.train(recipe, run=tmp_path / "straight", report=False, **modules)
    take = stepping.Stepper.take

    def dying(self: stepping.Stepper, state: Any, batch: Any) -> None:
        if state.step == 9:
            raise KeyError("killed")
        take(self, state, batch)

    with monkeypatch.context() as patched:
        patched.setattr(stepping.Stepper, "take", dying)
        with pytest.raises(KeyError):
            vaestro.train(recipe, run=tmp_path / "killed", report=False, **modules)
    with pytest.raises(RecipeError, match="a module from Python, Thirds"):
        vaestro.train(run=tmp_path / "killed", resume=True)
    fresh = {"encoder": Thirds(SHAPE), "decoder": Raised((4,), SHAPE, 1)}
    run = vaestro.train(run=tmp_path / "killed", resume=True, report=False, **fresh)
    assert_same_run(tmp_path / "straight", tmp_path / "killed")
    assert run.summary["status"] == "finished"


def test_resuming_from_python_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="needs run="):
        vaestro.train("digits", resume=True)
    with pytest.raises(DataError, match=r"leave data=\.\.\. out"):
        vaestro.train("digits", run=tmp_path, resume=True, data=np.zeros((9, 2), np.float32))
    with pytest.raises(RunFolderError):
        vaestro.train(run=tmp_path / "none", resume=True)


def test_an_encoder_with_its_own_posterior(tmp_path: Path) -> None:
    recipe = recipe_of(encoder={"name": "own-posterior", "gives": "posterior"})
    run = vaestro.train(recipe, run=tmp_path / "r", report=False)
    assert not list(run.vae.head.parameters())
    x = torch.rand(3, *SHAPE)
    mean, raw = run.vae.encoder.guest.module(x)
    posterior = run.vae.encode(x)
    torch.testing.assert_close(posterior.mean, mean)
    torch.testing.assert_close(posterior.log_variance, raw)
    again = vaestro.load(tmp_path / "r")
    np.testing.assert_array_equal(run.encode().mean, again.encode().mean)
    given = vaestro.train(
        recipe,
        run=tmp_path / "g",
        report=False,
        encoder=OwnPosterior(),
        set=["model.encoder={kind: given, gives: posterior}"],
    )
    assert given.vae.encoder.gives == "posterior"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            {"latent": 5},
            r"of 4 latents, .* give model\.latent=4 and model\.spatial=false",
        ),
        ({"spatial": True}, r"give model\.latent=4 and model\.spatial=false"),
        ({"posterior": {"hidden": [3]}}, r"give model\.posterior\.hidden=\[\]"),
        ({"decoder": {"gives": "posterior"}}, r"model\.decoder\.gives=posterior is for encoders"),
    ],
)
def test_a_posterior_that_the_recipe_contradicts(
    model: dict[str, Any], message: str, tmp_path: Path
) -> None:
    parts = {"kind": "part", "name": "own-posterior", "gives": "posterior"}
    decoder = {"kind": "part", "name": "raised"} | model.pop("decoder", {})
    recipe = small_recipe(model={"encoder": parts, "decoder": decoder, **model})
    with pytest.raises(RecipeError, match=message) as said:
        training.start(recipe, tmp_path / "r", Silent())
    assert "\n" not in str(said.value) and not (tmp_path / "r").exists()


@pytest.mark.parametrize("name", ["thirds", "listens"])
def test_a_condition_is_joined_or_told(name: str, tmp_path: Path) -> None:
    decoder = {"name": "listens" if name == "listens" else "raised"}
    recipe = recipe_of(decoder=decoder)
    recipe = Recipe.parse(
        recipe.plain() | {"model": recipe.model.plain() | {"condition": {"kind": "labels"}}}
    )
    run = vaestro.train(recipe, run=tmp_path / "r", report=False)
    module = run.vae.decoder.guest.module
    layer = module.layer if name == "listens" else module.first
    assert layer.in_features == 4 + 10
    assert run.sample(2, label=3).shape == (2, *SHAPE)


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_frozen_parts_keep_the_weights_of_their_file(
    side: str, suffix: str, tmp_path: Path
) -> None:
    module = Thirds(SHAPE) if side == "encoder" else Raised((4,), SHAPE, 1)
    path = tmp_path / f"w{suffix}"
    save = save_file if suffix == ".safetensors" else torch.save
    save(module.state_dict(), path)
    recipe = recipe_of(**{side: {"weights": str(path), "frozen": True}})
    training.start(recipe, tmp_path / "r", Silent())
    start = f"{side}.guest.module."
    trained = weights_of(tmp_path / "r")
    kept = {n.removeprefix(start): t for n, t in trained.items() if n.startswith(start)}
    assert equal(kept, dict(module.state_dict()))
    path.unlink()
    vaestro.load(tmp_path / "r")


def test_weights_are_where_training_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = Raised((4,), SHAPE, 1)
    torch.save(module.state_dict(), tmp_path / "w.pt")
    monkeypatch.chdir(tmp_path)
    recipe = recipe_of(decoder={"weights": "w.pt"}, training={"learning_rate": 0.0})
    run = vaestro.train(recipe, run=tmp_path / "r", report=False)
    assert equal(run.vae.decoder.guest.module.state_dict(), dict(module.state_dict()))
    stored = read_recipe(tmp_path / "r" / "recipe.yaml").model.decoder.plain()["weights"]
    assert stored == str(tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"v\.pt is missing; give a file"):
        training.start(recipe_of(decoder={"weights": "v.pt"}), tmp_path / "s", Silent())


def test_a_frozen_given_module_stays(tmp_path: Path) -> None:
    encoder = Thirds(SHAPE)
    run = vaestro.train(
        small_recipe(),
        run=tmp_path / "r",
        report=False,
        encoder=encoder,
        set=["model.encoder={kind: given, frozen: true}"],
    )
    assert equal(run.vae.encoder.guest.module.state_dict(), encoder.state_dict())


def test_every_field_changes_the_run(tmp_path: Path) -> None:
    @vaestro.part("sixths")
    def build(shape: tuple[int, ...], *, width: int = 6) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width))

    torch.save(Thirds(SHAPE).state_dict(), tmp_path / "w.pt")
    posterior = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Unflatten(1, (2, 4)))
    vaestro.part("both")(lambda shape: deepcopy(posterior))
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({}, {"name": "sixths"}),
        ({}, {"options": {"width": 7}}),
        ({}, {"weights": str(tmp_path / "w.pt")}),
        ({}, {"frozen": True}),
        ({"name": "both"}, {"gives": "posterior"}),
    ]
    for number, (base, change) in enumerate(changes):
        shapes = []
        for name, encoder in (("base", base), ("other", base | change)):
            root = tmp_path / f"{name}{number}"
            training.start(recipe_of(encoder=encoder), root, Silent())
            shapes.append(((root / "history.jsonl").read_bytes(), str(weights_of(root).keys())))
        assert shapes[0] != shapes[1], change


def test_the_recipes_seed_decides_the_weights_not_torchs(tmp_path: Path) -> None:
    for number, root in enumerate((tmp_path / "one", tmp_path / "two")):
        torch.manual_seed(number)
        training.start(recipe_of(), root, Silent())

    assert_same_run(tmp_path / "one", tmp_path / "two")


def no_part(shape: tuple[int, ...]) -> Any:
    return 3


def fails(shape: tuple[int, ...], depth: int) -> nn.Module:
    raise OSError("no\nsuch thing")


@pytest.mark.parametrize(
    ("encoder", "message"),
    [
        (
            {"name": "third"},
            r'no part \'third\'; did you mean thirds\?; .*@vaestro\.part\("third"\)',
        ),
        ({"options": {"widht": 3}}, r"takes no option 'widht'; did you mean width\?"),
        ({"options": {"shape": 3}}, r"takes no option 'shape'; "),
        ({"name": "raised"}, r"part 'raised' .*'latent'"),
        ({"name": "no-part"}, "gives 3; its builder must return a torch module"),
        ({"name": "fails"}, "needs the option 'depth'; give it in options"),
        ({"name": "fails", "options": {"depth": 2}}, "cannot be built: OSError: no such thing$"),
    ],
)
def test_a_part_that_cannot_be_built_is_refused_in_one_line(
    encoder: dict[str, Any], message: str, tmp_path: Path
) -> None:
    vaestro.part("no-part")(no_part)
    vaestro.part("fails")(fails)
    with pytest.raises(RecipeError, match=message) as said:
        training.start(recipe_of(encoder=encoder), tmp_path / "r", Silent())
    assert "\n" not in str(said.value) and not (tmp_path / "r").exists()


def test_an_encoder_is_no_decoder(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="takes no latent and no outputs; it must take"):
        training.start(recipe_of(decoder={"name": "thirds"}), tmp_path / "r", Silent())


def test_loading_an_unregistered_part_says_how_to_register(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training.start(recipe_of(), tmp_path / "r", Silent())
    monkeypatch.setattr(registry, "_REGISTERED", {})
    with pytest.raises(RecipeError, match=r"no part 'thirds'; none is registered; import") as said:
        vaestro.load(tmp_path / "r")
    assert "\n" not in str(said.value)
    installed = EntryPoints(
        [
            EntryPoint("thirds", "tests.test_parts:Thirds", registry.GROUP),
            EntryPoint("raised", "tests.test_parts:Raised", registry.GROUP),
            EntryPoint("gone", "no_such_package:build", registry.GROUP),
            EntryPoint("shape", "tests.test_parts:SHAPE", registry.GROUP),
        ]
    )
    monkeypatch.setattr(registry, "entry_points", lambda group: installed.select(group=group))
    assert vaestro.load(tmp_path / "r").sample(2).shape == (2, *SHAPE)
    with pytest.raises(RecipeError, match=r"'gone' \(no_such_package:build\) cannot be imp"):
        registry.builder_of("gone")
    with pytest.raises(RecipeError, match="nothing that can be called"):
        registry.builder_of("shape")
    with pytest.raises(RecipeError, match="did you mean raised"):
        registry.builder_of("raise")


@pytest.mark.parametrize("name", ["", "a b", "../up", 3, Thirds])
def test_a_name_that_is_none(name: Any) -> None:
    with pytest.raises(RecipeError, match=r"is no name for a part; write @vaestro\.part"):
        vaestro.part(name)
    with pytest.raises(RecipeError, match="decorate a function"):
        vaestro.part("fine")(3)  # type: ignore[type-var]


def test_registering_returns_what_it_decorates_and_the_newer_one_counts() -> None:
    assert vaestro.part("thirds")(Raised) is Raised
    assert registry.builder_of("thirds") is Raised


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encoder": nn.Linear}, "give an instance of torch.nn.Module"),
        ({"encoder": nn.Linear(3, 2)}, r"the encoder Linear fails on \(B, 1, 8, 8\)"),
        ({"set": ["model.encoder=given"]}, r"a module from Python, Module, .*encoder=\.\.\."),
        (
            {"set": ["model.encoder={kind: part, name: thirds, options: {width: .nan}}"]},
            r"model\.encoder\.options\.width is nan; legal: a finite number",
        ),
        ({"set": ["model.encoder={kind: part}"]}, r"model\.encoder\.name is missing"),
    ],
)
def test_mistakes_from_python(given: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=message) as said:
        vaestro.train(small_recipe(), run=tmp_path / "r", **given)
    assert "\n" not in str(said.value) and not (tmp_path / "r").exists()


def test_a_module_that_cannot_be_copied(tmp_path: Path) -> None:
    module = nn.Linear(4, 64)
    module.extra = module.weight * 2  # a tensor that is no leaf
    with pytest.raises(RecipeError, match="the decoder Linear cannot be copied"):
        vaestro.train(small_recipe(), run=tmp_path / "r", decoder=module)


def test_a_module_for_a_network_of_the_recipes_own_is_refused(tmp_path: Path) -> None:
    training.start(small_recipe(), tmp_path / "r", Silent())
    with pytest.raises(RecipeError, match=r"model\.encoder is of kind dense, which needs no modu"):
        vaestro.load(tmp_path / "r", encoder=Thirds(SHAPE))
    with pytest.raises(RecipeError, match=r"kind dense"):
        given = Circumstances(Guests(Thirds(SHAPE)))
        training.start(small_recipe(), tmp_path / "s", Silent(), given=given)


def test_one_option_is_set_by_its_path() -> None:
    recipe = recipe_of(encoder={"options": {"width": 5}})
    from vaestro.experiments.recipe import apply

    changed = apply(recipe, ["model.encoder.options.width=3"])
    assert changed.model.encoder.plain()["options"] == {"width": 3}
    with pytest.raises(RecipeError, match=r"options is empty; give it whole: --set 'model\.enc"):
        apply(recipe_of(), ["model.encoder.options.width=3"])
