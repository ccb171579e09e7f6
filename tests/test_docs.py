"""The README's code blocks do what they say."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from vaestro.cli.main import COMMANDS
from vaestro.data.source import SOURCES
from vaestro.experiments.population.variations import listed, recipes
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.foundation.yaml_text import read_yaml
from vaestro.studies.config import read_study
from vaestro.sweeps.space import space_of

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DATA = (ROOT / "docs" / "data.md").read_text()
FORECAST = (ROOT / "docs" / "forecast.md").read_text()
MODELS = (ROOT / "docs" / "models.md").read_text()
POPULATIONS = (ROOT / "docs" / "populations.md").read_text()
SWEEPS = (ROOT / "docs" / "sweeps.md").read_text()
SPEED = (ROOT / "docs" / "speed.md").read_text()
GENERATE = (ROOT / "docs" / "generate.md").read_text()
EVALUATE = (ROOT / "docs" / "evaluate.md").read_text()
DISTRIBUTED = (ROOT / "docs" / "distributed.md").read_text()
PAGES = (README, DATA, MODELS, FORECAST, POPULATIONS, SWEEPS)
TUTORIALS = {path.stem: path.read_text() for path in (ROOT / "docs" / "tutorials").glob("*.md")}
PAGES += (SPEED, GENERATE, EVALUATE, DISTRIBUTED, *TUTORIALS.values())
PAGES += tuple((ROOT / "docs" / name).read_text() for name in ("studio.md", "logs/README.md"))


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def commands(text: str = README) -> list[list[str]]:
    """Every vaestro command of a page, in order."""
    whole = (block.replace("\\\n", " ") for block in blocks("sh", text))
    lines = [line for block in whole for line in block.splitlines()]
    split = [shlex.split(line.partition("#")[0]) for line in lines]
    return [words for words in split if words[:1] == ["vaestro"]]


def test_the_recipe_is_legal() -> None:
    (text,) = blocks("yaml")
    recipe = Recipe.parse(read_yaml(text, "README"))
    assert recipe.name == "mine"


def test_the_python_block_runs(tmp_path: Path) -> None:
    (text,) = blocks("python")
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "The run is healthy" in done.stdout


def run_python(folder: Path, *arguments: str) -> str:
    """What Python prints in `folder`, whose modules it finds as if they were installed."""
    paths = [str(folder), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_networks_of_ones_own_run(tmp_path: Path) -> None:
    """The page's blocks in order: a package and its recipe, used from Python, then installed."""
    package, *rest = blocks("python", MODELS)
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "networks.py").write_text(package)
    (recipe,), (installed,) = blocks("yaml", MODELS), blocks("toml", MODELS)
    (tmp_path / "mine.yaml").write_text(recipe)
    assert Recipe.parse(read_yaml(recipe, "the page")).model.encoder.kind == "part"
    assert run_python(tmp_path, "-c", "\n".join(rest)) == "(4, 1, 8, 8)\n270\n"
    info = tmp_path / "my_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-package\nVersion: 1\n")
    ((group, names),) = tomllib.loads(installed)["project"]["entry-points"].items()
    lines = [f"[{group}]", *(f"{name} = {place}" for name, place in names.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    run_python(tmp_path, "-m", "vaestro", "train", "mine.yaml", "--run", "runs/installed")
    assert (tmp_path / "runs" / "installed" / "model").is_dir()


def test_every_kind_is_named() -> None:
    for line in ("bernoulli", "geco", "mean-batch-sum", "standardise", "discretised-logistic"):
        assert line in README


def test_every_command_exists() -> None:
    written = [found for page in PAGES for found in commands(page)]
    assert {words[1] for words in written} <= {*COMMANDS, "data"}


def test_every_source_has_its_row() -> None:
    for entry in SOURCES:
        assert f"| `{entry.name}` |" in DATA
        assert entry.name in README


def test_links_lead_somewhere() -> None:
    pages = [*(path.relative_to(ROOT) for path in ROOT.glob("docs/**/*.md"))]
    for page in ("README.md", "CONTRIBUTING.md", *pages):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
            assert target.startswith("http") or ((ROOT / page).parent / target).exists(), target


def run_all(text: str, folder: Path, real_data: Path) -> None:
    for words in commands(text):
        given = [w.replace("path/to/", f"{real_data}/") for w in words[1:]]
        done = subprocess.run(
            [sys.executable, "-m", "vaestro", *given], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, (words, done.stderr)


def run_page(text: str, folder: Path) -> None:
    """Every block of a page in order, as its reader would run them: commands one by one, and blocks
    of Python between two of commands as one program."""
    program = ""
    for language, body in re.findall(r"```(sh|python)\n(.*?)```", text, re.S):
        if language == "python":
            program += body
            continue
        if program:
            run_python(folder, "-c", program)
            program = ""
        run_all(f"```sh\n{body}```", folder, folder)
    if program:
        run_python(folder, "-c", program)


LEFT = {
    "voxels": ("molecules.png", "pairs.mrc", "new.mrc", "new.png"),
    "streamlines": ("short.trk", "long.trk", "traversal.png", "runs/beta/report.html"),
    "labelled-images": ("sevens.png", "better.png", "studies/x-var/report.html"),
    "tables": ("table.csv", "latents.npz", "new.csv", "runs/fitted/report.html"),
    "your-own-vae": ("runs/own/report.html",),
}
"""What a reader of each tutorial has in the end."""


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TUTORIALS))
def test_a_tutorial_runs_to_the_letter(name: str, tmp_path: Path) -> None:
    run_page(TUTORIALS[name], tmp_path)
    for file in LEFT[name]:
        assert (tmp_path / file).stat().st_size > 500, file


@pytest.mark.slow
def test_the_tour_runs(tmp_path: Path, real_data: Path) -> None:
    import numpy as np

    np.save(tmp_path / "mine.npy", np.random.default_rng(0).random((400, 6)))
    run_all(README, tmp_path, real_data)
    names = ("samples.png", "pairs.png", "traversal.png", "latents.npz", "back.npz", "some.png")
    for name in names:
        assert (tmp_path / name).stat().st_size > 0
    for run in ("mine", "mnist", "own"):
        assert (tmp_path / "runs" / run / "report.html").stat().st_size > 10_000


def test_the_forecast_in_python(tmp_path: Path) -> None:
    (text,) = blocks("python", FORECAST)
    printed = run_python(tmp_path, "-c", text).splitlines()
    assert printed[0].startswith("ok (") and printed[0].endswith(" 1")
    assert printed[1] == "objective.reduction=sum"


@pytest.mark.slow
def test_the_page_on_the_forecast_runs(tmp_path: Path, real_data: Path) -> None:
    run_all(FORECAST, tmp_path, real_data)


@pytest.mark.slow
def test_the_page_on_data_runs(tmp_path: Path, real_data: Path) -> None:
    run_all(DATA, tmp_path, real_data)
    for name in ("bundles.png", "new.trk", "latents.npz"):
        assert (tmp_path / name).stat().st_size > 1000


@pytest.mark.slow
def test_the_page_on_models_runs(tmp_path: Path, real_data: Path) -> None:
    run_all(MODELS, tmp_path, real_data)
    for name in ("long.trk", "sevens.png", "shaped.png", "threes.png"):
        assert (tmp_path / name).stat().st_size > 1000


def test_the_file_of_members_is_read(tmp_path: Path) -> None:
    (text,) = blocks("yaml", POPULATIONS)
    (tmp_path / "members.yaml").write_text(text)
    made = recipes(read_recipe("digits"), listed(tmp_path / "members.yaml"))
    assert [one.objective.reduction for one in made] == ["sum", "sum", "mean"]  # type: ignore[union-attr]


@pytest.mark.slow
def test_the_page_on_populations_runs(tmp_path: Path, real_data: Path) -> None:
    run_all(POPULATIONS, tmp_path, real_data)
    assert len(list((tmp_path / "runs" / "betas" / "members").glob("*/summary.json"))) == 4


def test_the_space_and_the_study_of_the_page_on_sweeps_are_legal(tmp_path: Path) -> None:
    space, study = blocks("yaml", SWEEPS)
    (tmp_path / "space.yaml").write_text(space)
    (tmp_path / "wider.yaml").write_text(study)
    space_of([], tmp_path / "space.yaml").require_fitting(read_recipe("digits"))
    read_study(str(tmp_path / "wider.yaml")).definition().require_sound()


@pytest.mark.slow
def test_the_page_on_sweeps_runs(tmp_path: Path, real_data: Path) -> None:
    run_all(SWEEPS, tmp_path, real_data)
    assert (tmp_path / "runs" / "sweep" / "report.html").is_file()
    assert (tmp_path / "runs" / "x-var" / "study.json").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("page", [SPEED, GENERATE, EVALUATE], ids=["speed", "generate", "evaluate"])
def test_the_pages_on_one_run_run(page: str, tmp_path: Path, real_data: Path) -> None:
    assert commands(page), "a page shows how it is done"
    run_all(page, tmp_path, real_data)
