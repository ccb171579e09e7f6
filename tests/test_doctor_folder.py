"""`vaestro doctor` at folders that other libraries wrote."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.test_adapters import STRANGE, autoencoder_kl, pythae_model
from vaestro.cli.main import main
from vaestro.experiments.diagnosis.foreign import diagnose_folder
from vaestro.foundation.errors import DataError
from vaestro.health.adapters.folder import from_folder

pytestmark = [pytest.mark.filterwarnings(warning) for warning in STRANGE]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """(200, 1, 4, 4) numbers from 0 to 1 of two factors."""
    random = np.random.default_rng(0)
    mixing = random.standard_normal((2, 16))
    x = 1 / (1 + np.exp(-random.standard_normal((200, 2)) @ mixing))
    np.save(tmp_path / "x.npy", x.reshape(200, 1, 4, 4).astype(np.float32))
    return tmp_path / "x.npy"


def said(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """The exit code, stdout and stderr of one command."""
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line that a refused command says."""
    code, out, err = said(arguments, capsys)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


@pytest.fixture
def untrusted(tmp_path: Path) -> Path:
    """A pythae folder whose weights end the program that reads them."""
    folder = tmp_path / "pythae"
    folder.mkdir()
    (folder / "model_config.json").write_text(json.dumps({"name": "VAEConfig"}))
    (folder / "model.pt").write_bytes(b"cos\n_exit\n(I9\ntR.")
    return folder


def test_a_pythae_folder_needs_the_flag(
    untrusted: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(untrusted), "--data", str(pictures)], capsys)
    assert "pickles" in line and "--trust-pickle" in line


def test_options_of_folders_are_refused_elsewhere(
    tmp_path: Path, untrusted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused([str(tmp_path), "--trust-pickle", "--beta", "2"], capsys)
    assert line.startswith("error: --trust-pickle, --beta: only for a folder of pythae")
    line = refused([str(untrusted), "--beta", "2", "--trust-pickle"], capsys)
    assert "leave --beta out" in line
    (tmp_path / "config.json").write_text("{no json")
    assert "recipe.yaml" in refused([str(tmp_path)], capsys)
    with pytest.raises(DataError, match="no folder of another library's VAE"):
        diagnose_folder(tmp_path, None)


def test_a_trusted_pythae_folder_is_examined(
    tmp_path: Path, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "model"
    pythae_model().save(str(folder))
    before = sorted(folder.iterdir())
    code, out, _ = said([str(folder), "--trust-pickle", "--data", str(pictures), "--json"], capsys)
    record = json.loads(out)
    assert code == 0 and record["run"] == str(folder)
    assert record["verdict"] != "healthy"
    assert not any("(give loss)" in one for one in record["unchecked"])
    kinds = {one["kind"] for one in record["findings"]}
    assert not kinds & {"wrong_reduction", "scale_mismatch", "untrained_parameter"}
    assert sorted(folder.iterdir()) == before
    line = refused([str(folder), "--trust-pickle"], capsys)
    assert "--data PATH" in line
    np.save(tmp_path / "wide.npy", np.zeros((9, 5), np.float32))
    line = refused([str(folder), "--trust-pickle", "--data", str(tmp_path / "wide.npy")], capsys)
    assert "samples of shape (5,)" in line and "does not take" in line
    np.save(tmp_path / "one.npy", np.zeros((1, 16), np.float32))
    with pytest.raises(DataError):
        diagnose_folder(folder, tmp_path / "one.npy", trust_pickle=True)


def test_a_diffusers_folder_or_pipeline_is_examined(tmp_path: Path) -> None:
    model: Any = autoencoder_kl()
    model.save_pretrained(tmp_path / "plain")
    model.save_pretrained(tmp_path / "pipeline" / "vae")
    x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    np.save(tmp_path / "x.npy", x.numpy())
    for name in ("plain", "pipeline"):
        found = diagnose_folder(tmp_path / name, tmp_path / "x.npy", beta=1e-6)
        assert found.verdict == "undertrained"
        assert from_folder(tmp_path / name, beta=1e-6).beta == 1e-6
