"""Another file for a trained run: read by the settings and the names of the run's own."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import arrays_in, printed
from tests.test_data_python import Frame
from vaestro.cli.main import main
from vaestro.data.arrays import ArraysConfig, load_arrays
from vaestro.data.reading import natural_samples, read_new, read_samples
from vaestro.estimator import VAE
from vaestro.experiments.face import train
from vaestro.experiments.run import Run
from vaestro.foundation.errors import DataError
from vaestro.foundation.samples import SampleSpec

RANDOM = np.random.default_rng(0)
COLUMNS = {
    "a": RANDOM.normal(size=40),
    "b": RANDOM.normal(5, 2, 40),
    "c": RANDOM.normal(-30, 9, 40),
}
SITES = np.array(["north", "south"] * 20)
ABC = np.stack(list(COLUMNS.values()), axis=1)
TINY = ["training.epochs=1", "training.batch_size=8", "training.threads=1", "model.latent=2"]


def table(path: Path, order: str, **beside: np.ndarray) -> Path:
    """A CSV with the columns of `order`, a name each, and those `beside` behind them."""
    columns = {name: COLUMNS[name] for name in order} | beside
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]))
    return path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line in which a command refuses."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr()
    assert (ended.value.code, shown.out, shown.err.count("\n")) == (2, "", 1)
    return shown.err


OWN: list[tuple[dict[str, Any], str]] = [
    ({"columns": ["c", "b", "a"]}, "abc"),
    ({"columns": ["c", "a"], "covariate_keys": ["b"]}, "abc"),
    ({"labels_key": "site"}, "abc"),
    ({"labels_key": "site", "covariate_keys": ["a"], "columns": ["c", "b"]}, "abc"),
]


@pytest.mark.parametrize(("settings", "order"), OWN)
def test_a_run_reads_its_own_table_as_it_did(
    settings: dict[str, Any], order: str, tmp_path: Path
) -> None:
    path = table(tmp_path / "t.csv", order, site=SITES)
    own = ArraysConfig.parse({"path": str(path), **settings})
    if "labels_key" not in settings:
        own = own.model_copy(update={"path": str(table(path, order))})
    data = load_arrays(own)
    new = read_new(path, data.spec, own)
    np.testing.assert_array_equal(new.values, data.natural(slice(None)))
    assert list(new.covariates) == list(data.covariates)
    assert (new.labels is None) == (data.labels is None)


SPEC = SampleSpec((3,), "real", names=("a", "b", "c"))
OF_ABC = ArraysConfig(path="abc.csv")


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_columns_are_taken_by_name(ending: str, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "cab", site=SITES)  # another column is left out
    if ending == "parquet":
        pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
        path = tmp_path / "t.parquet"
        parquet.write_table(pa.table({n: COLUMNS[n] for n in "cab"} | {"site": SITES}), path)
    np.testing.assert_allclose(read_samples(path, SPEC, OF_ABC), ABC, rtol=1e-6)


def test_arrays_without_names_go_by_position(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", ABC)
    np.savetxt(tmp_path / "x.csv", ABC, delimiter=",", header="0,1,2", comments="")
    for name in ("x.npy", "x.csv"):
        np.testing.assert_allclose(read_samples(tmp_path / name, SPEC, OF_ABC), ABC, rtol=1e-6)
    np.savez(tmp_path / "x.npz", values=ABC[:, ::-1], names=np.array(list("cba")))
    np.testing.assert_allclose(read_samples(tmp_path / "x.npz", SPEC, OF_ABC), ABC, rtol=1e-6)


def test_columns_that_are_not_there_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,b,z\n1,2,3\n4,5,6\n")
    with pytest.raises(DataError, match=r"no column a, c, and .* trained on a, b, c; it has x, b"):
        read_samples(path, SPEC, OF_ABC)
    path.write_text("a,b,c,a\n1,2,3,4\n4,5,6,7\n")
    with pytest.raises(DataError, match="two columns called 'a'"):
        read_samples(path, SPEC, OF_ABC)


def test_the_arrays_that_the_run_read_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "two.npz"
    np.savez(path, other=ABC * 2, mine=ABC, age=COLUMNS["a"], site=SITES)
    own = ArraysConfig(path=str(path), key="mine", covariate_keys=("age",), labels_key="site")
    new = read_new(path, load_arrays(own).spec, own)
    np.testing.assert_allclose(new.values, ABC, rtol=1e-6)
    np.testing.assert_array_equal(new.covariates["age"], COLUMNS["a"])
    assert new.labels is not None
    assert new.labels.tolist() == SITES.tolist()
    np.savez(path, x=ABC)  # the only array needs no name
    np.testing.assert_allclose(read_samples(path, SPEC, own), ABC, rtol=1e-6)


def test_bits_are_unpacked_again(tmp_path: Path) -> None:
    bits = RANDOM.integers(0, 2, (6, 12)).astype(np.uint8)
    np.save(tmp_path / "x.npy", np.packbits(bits, axis=1))
    own = ArraysConfig(path=str(tmp_path / "x.npy"), packed_columns=12)
    spec = load_arrays(own).spec
    np.testing.assert_array_equal(read_samples(tmp_path / "x.npy", spec, own), bits)
    np.save(tmp_path / "x.npy", bits)
    np.testing.assert_array_equal(read_samples(tmp_path / "x.npy", spec, own), bits)


def test_frames_are_taken_by_name() -> None:
    moved = Frame(**{name: COLUMNS[name] for name in "cab"})
    np.testing.assert_allclose(natural_samples("x", moved, SPEC), ABC, rtol=1e-6)
    with pytest.raises(DataError, match="x has no column b, "):
        natural_samples("x", Frame(a=COLUMNS["a"], B=COLUMNS["b"], c=COLUMNS["c"]), SPEC)


def test_the_estimator_knows_the_names_of_its_columns() -> None:
    vae = VAE(latent=2, epochs=1, width=8).fit(Frame(**COLUMNS))
    assert vae.feature_names_in_.tolist() == ["a", "b", "c"]
    moved = vae.transform(Frame(**{name: COLUMNS[name] for name in "bca"}))
    np.testing.assert_array_equal(moved, vae.transform(ABC))
    assert not hasattr(vae.fit(ABC), "feature_names_in_")


def test_a_column_is_named_once(tmp_path: Path) -> None:
    twice = ArraysConfig(path=str(table(tmp_path / "t.csv", "abc")), columns=("a", "c", "a"))
    with pytest.raises(DataError, match=r"data\.columns names 'a' 2 times; name each"):
        load_arrays(twice)


def test_floats_that_are_bytes_in_truth_are_refused() -> None:
    spec = SampleSpec((2,), "unit", 1 / 255, 256)
    whole = RANDOM.integers(0, 256, (9, 2)).astype(np.uint8)
    whole[0] = 255
    with pytest.raises(DataError, match=r"from 0 to 1 and these are float32 up to 255; give whole"):
        natural_samples("x", whole.astype(np.float32), spec, any_real=True)
    noisy = natural_samples("x", whole / 255 + 0.8, spec, any_real=True)
    np.testing.assert_allclose(noisy, natural_samples("x", whole, spec) + 0.8, rtol=1e-5)


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """A run that is told the site and a, and the table that it learned from."""
    root = tmp_path_factory.mktemp("again")
    path = table(root / "t.csv", "abc", site=SITES)
    told = "model.condition={kind: covariates, names: [a], labels: true}"
    reading = ["data.labels_key=site", "data.covariate_keys=a", "data.columns=[c,b]"]
    few = [*TINY, *reading, told]
    return train("vectors", data=path, run=root / "r", set=few, report=False), path


def test_a_conditional_run_takes_new_samples_and_its_own_codes(
    conditional: tuple[Run, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, path = conditional
    root, codes, back = str(run.folder.root), tmp_path / "z.npz", tmp_path / "x.npz"
    assert printed(capsys, "evaluate", root, "--data", str(path), "--samples", "2")["n"] == 40
    for which in (["--data", str(path)], ["--split", "train"]):
        count = printed(capsys, "encode", root, "--out", str(codes), *which)["n"]
        printed(capsys, "decode", root, str(codes), "--out", str(back))
        pairs = ["reconstruct", root, "--out", str(tmp_path / "p.npz"), "--n", "99", *which]
        assert printed(capsys, *pairs)["n"] == count
        copies = arrays_in(tmp_path / "p.npz")["reconstruction"]
        np.testing.assert_allclose(arrays_in(back)["samples"], copies, rtol=1e-4)


def test_new_samples_are_told_what_those_of_a_split_are(conditional: tuple[Run, Path]) -> None:
    run, _ = conditional
    data, chosen = run.material.data, run.material.split.test
    x, age = data.natural(chosen), {"a": data.covariates["a"][chosen]}
    assert data.labels is not None
    numbers = data.labels[chosen]
    expected = run.encode("test").mean.numpy()
    for labels in (numbers, np.array(["north", "south"])[numbers]):
        found = run.encode(x=x, labels=labels, covariates=age)
        np.testing.assert_allclose(found.mean.numpy(), expected, rtol=1e-5)
    decoded = run.decode(expected, labels=1 - numbers, covariates=age)
    assert np.abs(decoded - run.decode(expected, labels=numbers, covariates=age)).max() > 0
    with pytest.raises(DataError, match="are those of x, and none was given"):
        run.encode(labels=numbers)


UNTOLD: list[tuple[dict[str, Any], str]] = [
    ({}, "conditioned on covariates and none were given; take a split"),
    ({"labels": ["east"] * 3}, "label east: the model knows no such label"),
    ({"labels": [0, 1, 2]}, "label 2: the model knows no such label; legal: 0 to 1"),
    ({"labels": [0, 1]}, r"labels: shape \(2,\) beside 3 samples"),
    ({"covariates": {"a": [1.0]}}, r"covariate a: shape \(1,\) beside 3 samples"),
    ({"covariates": {"a": [1.0, np.nan, 0]}}, "covariate a: 1 of 3 samples hold NaN"),
]


@pytest.mark.parametrize(("given", "message"), UNTOLD, ids=[m for _, m in UNTOLD])
def test_conditions_that_do_not_fit(
    given: dict[str, Any], message: str, conditional: tuple[Run, Path]
) -> None:
    run, _ = conditional
    for call in (
        lambda: run.decode(np.zeros((3, 2)), **given),
        lambda: run.encode(x=ABC[:3, :2], **given),
    ):
        with pytest.raises(Exception, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)


def test_codes_without_conditions_are_refused_in_one_line(
    conditional: tuple[Run, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "z.npy", np.zeros((3, 2)))
    out = ["--out", str(tmp_path / "x.npz")]
    said = refused(capsys, "decode", str(conditional[0].folder.root), str(tmp_path / "z.npy"), *out)
    assert "the model is conditioned on covariates and none were given" in said
