"""Other libraries' models as the doctor's functions: the same numbers as the library's own."""

import json
import re
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vaestro.foundation.errors import DataError
from vaestro.health.adapters.diffusers import from_diffusers
from vaestro.health.adapters.foreign import Foreign, Grid
from vaestro.health.adapters.lightning import from_lightning
from vaestro.health.adapters.monai import from_monai
from vaestro.health.adapters.pythae import from_pythae
from vaestro.health.adapters.scvi import from_scvi

PAGE = (Path(__file__).parents[1] / "docs" / "adapters.md").read_text()
STRANGE = [
    "ignore::DeprecationWarning",
    "ignore::FutureWarning",
    "ignore::UserWarning",
    "ignore::SyntaxWarning",
    "ignore::ResourceWarning",
]
"""Other libraries warn when they are imported; that is no fault of ours."""

pytestmark = [pytest.mark.filterwarnings(warning) for warning in STRANGE]


def same(given: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(given, wanted, rtol=1e-5, atol=1e-6)


def library(name: str) -> Any:
    """The package, or a skip: `pip install` of the adapters' extra brings it."""
    return pytest.importorskip(name, exc_type=ImportError)


# pythae


def pythae_model(kind: str = "VAE", **settings: Any) -> Any:
    models = library("pythae.models")
    torch.manual_seed(0)
    config = getattr(models, f"{kind}Config")(input_dim=(1, 4, 4), latent_dim=3, **settings)
    return getattr(models, kind)(config)


@pytest.mark.parametrize("loss", ["mse", "bce"])
def test_a_pythae_vae_gives_its_own_numbers(loss: str) -> None:
    model = pythae_model(reconstruction_loss=loss)
    foreign = from_pythae(model)
    x = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    output = model.encoder(x)
    mean, log_variance = foreign.encode(x)
    same(mean, output.embedding)
    same(log_variance, output.log_covariance)
    assert foreign.decode(mean).shape == x.shape
    same(foreign.decode(mean), model.decoder(mean)["reconstruction"].reshape(x.shape))
    assert foreign.likelihood == ("bernoulli" if loss == "bce" else "gaussian")
    torch.manual_seed(2)
    ours = foreign.loss(x)
    torch.manual_seed(2)
    same(ours, model({"data": x}).loss)


def test_the_loss_of_a_pythae_vae_is_what_the_adapter_says_it_means() -> None:
    """Half the summed squared error plus beta times the KL, a mean over the batch."""
    foreign = from_pythae(pythae_model("BetaVAE", beta=3.0))
    assert (foreign.variance, foreign.beta) == (1.0, 3.0)
    x = torch.rand(6, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)
    given = foreign.loss(x)
    torch.manual_seed(2)
    mean, log_variance = foreign.encode(x)
    z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    squared = (foreign.decode(z) - x).square().flatten(1).sum(1)
    posterior = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = torch.distributions.Normal(0.0, 1.0)
    kl = torch.distributions.kl_divergence(posterior, prior).sum(1)
    same(given, (0.5 * squared + 3.0 * kl).mean())


def test_a_pythae_model_without_a_posterior_is_refused() -> None:
    with pytest.raises(DataError, match="gives no log_covariance"):
        from_pythae(pythae_model("AE"))


def test_losses_that_are_no_elbo_are_left_out() -> None:
    models = library("pythae.models")
    config = models.INFOVAE_MMD_Config(input_dim=(1, 4, 4), latent_dim=3)
    assert from_pythae(models.INFOVAE_MMD(config)).loss is None


def test_a_pythae_folder_is_read_only_where_it_is_trusted(tmp_path: Path) -> None:
    model = pythae_model()
    model.save(str(tmp_path))
    with pytest.raises(DataError, match=r"holds pickles.*trust_pickle=True"):
        from_pythae(tmp_path)
    foreign = from_pythae(tmp_path, trust_pickle=True)
    x = torch.rand(2, 1, 4, 4)
    same(foreign.encode(x)[0], model.eval().encoder(x).embedding)


def test_a_refused_folder_is_not_opened(tmp_path: Path) -> None:
    """Without pythae and without reading a pickle: the refusal needs neither."""
    (tmp_path / "model_config.json").write_text(json.dumps({"name": "VAEConfig"}))
    (tmp_path / "model.pt").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(DataError, match="pickles"):
        from_pythae(str(tmp_path))
    with pytest.raises(DataError, match=r"no model_config\.json"):
        from_pythae(tmp_path / "elsewhere", trust_pickle=True)


# diffusers


def autoencoder_kl() -> Any:
    kind = library("diffusers").AutoencoderKL
    torch.manual_seed(0)
    return kind(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        up_block_types=("UpDecoderBlock2D", "UpDecoderBlock2D"),
        block_out_channels=(8, 8),
        latent_channels=2,
        norm_num_groups=4,
        sample_size=8,
    ).eval()


def test_a_diffusers_autoencoder_gives_its_own_numbers(tmp_path: Path) -> None:
    model = autoencoder_kl()
    model.save_pretrained(tmp_path)
    x = torch.randn(3, 1, 8, 12, generator=torch.Generator().manual_seed(1))
    wanted = model.encode(x).latent_dist
    for foreign in (from_diffusers(model, beta=1e-6), from_diffusers(tmp_path, beta=1e-6)):
        mean, log_variance = foreign.encode(x)
        assert mean.shape == (3, 2 * 4 * 6)
        same(mean, wanted.mean.flatten(1))
        same(log_variance, wanted.logvar.flatten(1))
        same(foreign.decode(mean), model.decode(wanted.mean).sample)
        assert foreign.beta == 1e-6


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    model = autoencoder_kl()
    model.save_pretrained(tmp_path, safe_serialization=False)
    with pytest.raises(DataError, match="safetensors only"):
        from_diffusers(tmp_path)
    with pytest.raises(DataError, match=r"no config\.json"):
        from_diffusers(tmp_path / "elsewhere")


def test_a_grid_is_square_until_samples_tell() -> None:
    grid = Grid(2)
    assert grid.spread(torch.zeros(3, 18)).shape == (3, 2, 3, 3)
    grid.flat(torch.zeros(1, 2, 4, 6))
    assert grid.spread(torch.zeros(5, 48)).shape == (5, 2, 4, 6)
    with pytest.raises(DataError, match="47 latents"):
        grid.spread(torch.zeros(5, 47))


# MONAI


def test_a_monai_autoencoder_gives_its_own_numbers() -> None:
    nets = library("monai.networks.nets")
    torch.manual_seed(0)
    model = nets.AutoencoderKL(
        spatial_dims=3,
        in_channels=1,
        out_channels=1,
        channels=(4, 4),
        num_res_blocks=(1, 1),
        attention_levels=(False, False),
        with_encoder_nonlocal_attn=False,
        with_decoder_nonlocal_attn=False,
        latent_channels=2,
        norm_num_groups=2,
    ).eval()
    foreign = from_monai(model)
    x = torch.randn(2, 1, 8, 8, 8, generator=torch.Generator().manual_seed(1))
    mean, std = model.encode(x)
    given, log_variance = foreign.encode(x)
    same(given, mean.flatten(1))
    same(torch.exp(0.5 * log_variance), std.flatten(1))
    same(foreign.decode(given), model.decode(mean))
    assert from_monai(model).decode(torch.zeros(1, 2 * 4**3)).shape == (1, 1, 8, 8, 8)


# scvi-tools: its interface, without its weight


class Counted(nn.Module):
    """A module with the two methods of an scvi module that the adapter calls."""

    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = nn.Linear(5, 4), nn.Linear(2, 5)

    def inference(self, x: Tensor, batch_index: Tensor) -> dict[str, Any]:
        mean, raw = self.into(torch.log1p(x)).chunk(2, dim=1)
        return {"qz": torch.distributions.Normal(mean, raw.exp())}

    def generative(self, z: Tensor, library: Tensor, batch_index: Tensor) -> dict[str, Any]:
        rate = library.exp() * torch.softmax(self.out(z), dim=1) * (1 + batch_index)
        return {"px": torch.distributions.Poisson(rate)}


def test_an_scvi_model_decodes_for_a_median_cell() -> None:
    counts = torch.tensor([[1.0, 0, 0, 0, 1], [2, 2, 2, 2, 2], [9, 9, 9, 9, 9]])
    manager = types.SimpleNamespace(get_from_registry={"X": counts.numpy()}.__getitem__)
    model = types.SimpleNamespace(module=Counted(), adata_manager=manager)
    foreign = from_scvi(model, batch=1)
    mean, log_variance = foreign.encode(counts)
    wanted = model.module.inference(counts, torch.zeros(3, 1))["qz"]
    same(mean, wanted.loc)
    same(torch.exp(0.5 * log_variance), wanted.scale)
    same(foreign.decode(mean).sum(1), torch.full((3,), 10.0 * 2))


def test_a_real_scvi_model_gives_its_own_latents() -> None:
    scvi, anndata = library("scvi"), library("anndata")
    counts = torch.poisson(torch.full((40, 12), 3.0)).numpy()
    data = anndata.AnnData(counts)
    scvi.model.SCVI.setup_anndata(data)
    model = scvi.model.SCVI(data, n_latent=3, n_hidden=8)
    model.train(max_epochs=1, accelerator="cpu", enable_progress_bar=False, logger=False)
    model.module.eval()
    foreign = from_scvi(model)
    mean, log_variance = foreign.encode(torch.from_numpy(counts))
    same(mean, torch.from_numpy(model.get_latent_representation()))
    assert log_variance.shape == mean.shape
    assert foreign.decode(mean).shape == counts.shape


# Lightning: by its methods


class Lit(nn.Module):
    """What a LightningModule with encode and decode offers."""

    def __init__(self, kind: str = "pair") -> None:
        super().__init__()
        torch.manual_seed(0)
        self.into, self.out, self.kind = nn.Linear(6, 4), nn.Linear(2, 6), kind

    def encode(self, x: Tensor) -> Any:
        mean, raw = self.into(x).chunk(2, dim=1)
        if self.kind == "normal":
            return torch.distributions.Normal(mean, torch.exp(0.5 * raw))
        return mean if self.kind == "point" else (mean, raw)

    def decode(self, z: Tensor) -> Tensor:
        return self.out(z)

    def training_step(self, batch: tuple[Tensor, Any], index: int) -> dict[str, Tensor]:
        x, _ = batch
        return {"loss": (self.decode(self.encode(x)[0]) - x).square().sum(1).mean()}

    def configure_optimizers(self) -> Any:
        return {"optimizer": torch.optim.Adam(self.parameters())}


@pytest.mark.parametrize("kind", ["pair", "normal"])
def test_a_lightning_module_is_read_by_its_methods(kind: str) -> None:
    module = Lit(kind)
    foreign = from_lightning(module, as_batch=lambda x: (x, None))
    x = torch.randn(3, 6)
    mean, raw = module.into(x).chunk(2, dim=1)
    same(foreign.encode(x)[0], mean)
    same(foreign.encode(x)[1], raw)
    same(foreign.decode(mean), module.out(mean))
    if kind == "pair":
        same(foreign.loss(x), (module.out(mean) - x).square().sum(1).mean())
    assert isinstance(foreign.optimiser, torch.optim.Adam)
    assert "loss" not in set(from_lightning(module).keys())


def test_a_real_lightning_module() -> None:
    lightning = library("lightning")
    module = type("Real", (Lit, lightning.LightningModule), {})()
    foreign = from_lightning(module, as_batch=lambda x: (x, None))
    x = torch.randn(3, 6)
    same(foreign.encode(x)[0], module.encode(x)[0])
    assert foreign.loss(x).requires_grad
    assert isinstance(foreign.optimiser, torch.optim.Adam)


def test_what_does_not_fit_is_refused_in_one_line() -> None:
    with pytest.raises(DataError, match="has no encode and no decode"):
        from_lightning(nn.Linear(2, 2))
    with pytest.raises(DataError, match=r"Lit\.encode gives Tensor"):
        from_lightning(Lit("point")).encode(torch.zeros(2, 6))
    with pytest.raises(DataError, match="has no sampling"):
        from_monai(Lit())


def test_an_absent_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DataError, match=r"needs the package diffusers.*pip install diffusers"):
        from_diffusers(tmp_path)


# the record and its page


def test_the_record_is_what_diagnose_takes() -> None:
    import inspect

    vaestro = pytest.importorskip("vaestro")
    names = set(Foreign(torch.exp, torch.exp, Lit(), loss=torch.exp).keys())
    assert {"encode", "decode", "module", "likelihood", "variance", "beta", "loss"} == names
    if hasattr(vaestro, "diagnose"):
        assert names | {"optimiser"} <= set(inspect.signature(vaestro.diagnose).parameters)


def test_the_doctor_takes_a_pythae_model_as_it_is() -> None:
    """An untrained one: nothing that reads the loss, the scales or the parameters finds a fault."""
    from vaestro.health.diagnosis.diagnose import diagnose

    x = torch.rand(300, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    diagnosis = diagnose(x=x, **from_pythae(pythae_model()))
    wrong = {"wrong_reduction", "scale_mismatch", "untrained_parameter", "dead_output"}
    assert not wrong & {finding.kind for finding in diagnosis.findings}
    assert not any("(give loss)" in check for check in diagnosis.unchecked)


def test_every_adapter_has_its_three_lines() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert [len([line for line in b.splitlines() if line]) for b in blocks] == [3] * 5
    for block in blocks:
        scope: dict[str, Any] = {}
        exec(block.splitlines()[0], scope)
        name = next(name for name in scope if name.startswith("from_"))
        assert f"foreign = {name}(" in block
        assert "vaestro.diagnose(x=" in block
