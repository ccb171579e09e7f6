"""The package's face: what is exported, and what Python users call."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

import vaestro
from vaestro.foundation.errors import DataError, RecipeError, RunFolderError

X = (load_digits().data / 16).astype(np.float32)
Y = load_digits().target


def test_the_face_is_pinned() -> None:
    faces = ["VAE", "Recipe", "Run", "UserError", "VaestroError"]
    names = [*faces, "diagnose", "forecast", "load", "part", "train"]
    assert vaestro.__all__ == names
    assert all(hasattr(vaestro, name) for name in names)
    with pytest.raises(AttributeError):
        _ = vaestro.nothing  # type: ignore[attr-defined]


SET = ["training.epochs=3", "training.early_stopping=null", "training.threads=1"]


def test_train_a_recipe_and_load_it_again(tmp_path: Path) -> None:
    run = vaestro.train("digits", run=tmp_path / "r", seed=1, set=SET)
    assert run.recipe.seed == 1
    assert (tmp_path / "r" / "report.html").exists()
    again = vaestro.load(tmp_path / "r")
    np.testing.assert_array_equal(run.sample(4), again.sample(4))
    assert run.evaluate("validation", samples=4) == again.evaluate("validation", samples=4)


@pytest.mark.parametrize("kind", ["array", "tensor", "dataset"])
def test_train_on_data_from_python(kind: str, tmp_path: Path) -> None:
    given = {
        "array": X,
        "tensor": torch.from_numpy(X),
        "dataset": torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)),
    }[kind]
    run = vaestro.train("digits", data=given, run=tmp_path / "r", set=SET, report=False)
    assert run.spec.shape == (64,)
    assert run.material.split.train.shape == (1222,)
    loaded = vaestro.load(tmp_path / "r")
    assert loaded.evaluate("test", samples=2)["n"] == 270


def test_a_run_that_keeps_its_data_may_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = vaestro.train("digits", data=X, run="here", set=SET, report=False).evaluate()
    (tmp_path / "here").rename(tmp_path / "there")
    monkeypatch.chdir("/")
    after = vaestro.load(tmp_path / "there").evaluate()
    assert after["elbo"] == before["elbo"]


def test_labels_come_along(tmp_path: Path) -> None:
    run = vaestro.train("digits", data=X, labels=Y, run=tmp_path / "r", set=SET, report=False)
    labels = run.encode("train").labels
    assert labels is not None
    assert set(labels.tolist()) == set(range(10))


def test_estimator(tmp_path: Path) -> None:
    vae = vaestro.VAE(latent=4, likelihood="bernoulli", epochs=4, width=32)
    z = vae.fit(X).transform(X)
    assert z.shape == (len(X), 4)
    assert vae.inverse_transform(z[:5]).shape == (5, 64)
    assert vae.sample(3).shape == (3, 64)
    better = vaestro.VAE(latent=4, likelihood="bernoulli", epochs=30, width=32).fit(X)
    assert better.score(X) > vae.score(X)
    assert vae.get_params()["latent"] == 4


def test_estimator_in_a_pipeline() -> None:
    pipeline = make_pipeline(MinMaxScaler(), vaestro.VAE(latent=3, epochs=2))
    assert pipeline.fit_transform(X[:200] * 5).shape == (200, 3)


def test_mistakes_from_python(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="no recipe"):
        vaestro.train("nothing")
    with pytest.raises(DataError, match="without data"):
        vaestro.train("digits", labels=Y)
    with pytest.raises(RunFolderError):
        vaestro.load(tmp_path)
    run = vaestro.train("digits", run=tmp_path / "r", set=SET, report=False)
    with pytest.raises(DataError, match=r"\(8, 9\).*\(1, 8, 8\); give an array \(samples, 1, 8, 8"):
        run.encode(x=np.zeros((3, 8, 9), np.float32))
    with pytest.raises(DataError, match="12"):
        run.decode(np.zeros((3, 5)))
    with pytest.raises(DataError, match="latents: 1 of 2 samples hold NaN"):
        run.decode(np.array([[0.0] * 12, [np.nan] * 12]))
    for count in (0, -1, 1.5):
        with pytest.raises(RecipeError, match="legal: a whole number from 1 up"):
            run.sample(count)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="at most 0 samples were asked for"):
        run.reconstruct(most=0)
    assert "latent" in run.evaluate("test", samples=1, sections="latent")


def test_new_samples_are_read_as_the_training_data_were(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
    few = ["training.epochs=1", "training.batch_size=8"]
    run = vaestro.train("images", data=pictures, run=tmp_path / "r", set=few, report=False)
    assert run.spec.shape == (3, 6, 5)
    expected = run.encode(x=np.moveaxis(pictures, 3, 1) / 255).mean
    torch.testing.assert_close(run.encode(x=pictures).mean, expected)  # bytes, channels last
    for wrong in (np.full((2, 3, 6, 5), np.nan), pictures[:0]):
        with pytest.raises(DataError, match="the given data"):
            run.encode(x=wrong)


def test_the_estimator_as_scikit_learn_uses_it() -> None:
    vae = vaestro.VAE(latent=2, epochs=1, width=8, settings="training.clip_norm=1").fit(X[:60])
    assert vae.run_.recipe.training.clip_norm == 1
    assert list(vae.get_feature_names_out()) == ["vae0", "vae1"]
    assert vae.transform(X[:4] * 1.01).shape == (4, 2)  # beyond the greys of X
    for wrong in (X[:3, :5], X[0], np.full((2, 64), np.inf), X[:0]):
        with pytest.raises(DataError):
            vae.transform(wrong)
    for wrong in (None, "table.csv", 3, X[0]):
        with pytest.raises(DataError):
            vaestro.VAE().fit(wrong)
    assert vaestro.VAE(latent=2, epochs=1, width=8).fit(csr_matrix(X[:60])).n_features_in_ == 64


def test_one_edit_may_be_given_as_a_text(tmp_path: Path) -> None:
    told = vaestro.forecast(X[:200], set="model.latent=3", variance=np.float32(1), beta=np.int64(1))
    assert told.live_dimensions is not None
    assert told.live_dimensions <= 3
    with pytest.raises(RecipeError, match="did you mean beta"):
        vaestro.train("digits", set="objective.bata=3", run=tmp_path / "r")
    with pytest.raises(RecipeError, match=r"set=\[3\]: 3 is no text of the form field.path=value"):
        vaestro.train("digits", set=[3], run=tmp_path / "r")


def test_no_edits_may_be_given_as_none() -> None:
    assert vaestro.forecast(X[:60], set=None).live_dimensions is not None
    with pytest.raises(RecipeError, match="no recipe 'nothing'"):
        vaestro.train("nothing", set=None)
    vae = vaestro.VAE(latent=2, epochs=1, width=8, settings=None).fit(X[:60])
    assert vae.get_params()["settings"] is None


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"batch_size": "x"}, "training.batch_size is 'x'; legal: a valid integer"),
        ({"batch_size": None}, "training.batch_size is None; legal: a valid integer"),
        ({"settings": 5}, "settings=5: 5 is no text of the form field.path=value"),
        ({"settings": [5]}, "settings=[5]: 5 is no text of the form field.path=value"),
        ({"run": 5}, "5 is no path; give that of a run's folder"),
    ],
)
def test_the_estimator_refuses_its_arguments_when_it_fits(given: dict[str, Any], says: str) -> None:
    vae = vaestro.VAE(**given)
    with pytest.raises(vaestro.UserError) as caught:
        vae.fit(X[:60])
    assert str(caught.value).startswith(says)


def test_what_is_no_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"^None is no path; give that of a run's folder"):
        vaestro.load(None)  # type: ignore[arg-type]
    for resume in (False, True):
        with pytest.raises(RunFolderError, match=r"^5 is no path"):
            vaestro.train("digits", run=5, set=SET, resume=resume)  # type: ignore[arg-type]
    with pytest.raises(RunFolderError) as caught:
        vaestro.load(np.zeros((30, 30)))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
