"""The bench of a log's study: where it trains, draws and keeps what it made.

runs/NAME      runs, populations and grids
pictures/      pictures

What is finished is loaded and not made again, what was stopped goes on: so does the study.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copytree, rmtree
from typing import TYPE_CHECKING, Any, TypeVar

from vaestro.experiments import train as training
from vaestro.experiments.change import LOADED, Change, change_model
from vaestro.experiments.circumstances import Circumstances
from vaestro.experiments.population import population as populations
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.population.parts import SharedParts
from vaestro.experiments.population.surroundings import Surroundings
from vaestro.experiments.population.variations import Edits
from vaestro.experiments.recipe import Recipe, apply, located, read_recipe, require_same
from vaestro.experiments.run import Run, load
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import write_bytes
from vaestro.studies.cells import Cell
from vaestro.studies.config import StudyConfig
from vaestro.studies.faults.catalogue import changes_of
from vaestro.studies.logs.chapter import Picture
from vaestro.studies.logs.shown import LogDisplay
from vaestro.studies.study import carry_out, cells_in
from vaestro.sweeps.sweep import Wanted
from vaestro.sweeps.worker import LEASE_SECONDS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Value = TypeVar("Value")


class StoppedError(Exception):
    """Somebody stopped the study; what is finished is kept, and the same command goes on."""


@dataclass(frozen=True)
class Bench:
    """`root`: the study's folder. `quick`: minutes on two cores. `data`: a file or folder of the
    user's, in place of what is drawn. `shared`: the data that its runs have in common."""

    root: Path
    quick: bool
    display: LogDisplay
    data: Path | None = None
    shared: SharedParts = field(default_factory=SharedParts)

    def pick(self, quick: Value, full: Value) -> Value:
        """The first value in the quick form of a study, else the second."""
        return quick if self.quick else full

    def folder(self, name: str) -> Path:
        """Where the run, population or grid of that name lies."""
        return self.root / "runs" / name

    def recipe(self, recipe: str | Recipe, changes: Sequence[str] = ()) -> Recipe:
        """A built-in recipe (or any other) with `field=value` edits, on one thread."""
        known = read_recipe(recipe) if isinstance(recipe, str) else recipe
        return located(apply(known, [ONE_THREAD, *changes]))

    def train(
        self,
        name: str,
        recipe: str | Recipe,
        changes: Sequence[str] = (),
        faults: Sequence[str] = (),
    ) -> Run:
        """Train a run in runs/NAME with `field=value` edits and planted faults, and load it, faults
        and all. One that diverged is loaded too; its summary says so. Raises StoppedError."""
        asked, root = self.recipe(recipe, changes), self.folder(name)
        given = Circumstances(shared=self.shared, changes=changes_of(faults))
        shown = self.display.run(name)
        if (root / "recipe.yaml").is_file():
            told = training.resume(root, lambda stored: _same(stored, asked), shown, given)
        else:
            told = training.start(asked, root, shown, given=given)
        if told["status"] == "interrupted":
            raise StoppedError
        return loaded(root, given.changes)

    def continued(self, name: str, under: str, epochs: int, faults: Sequence[str] = ()) -> Run:
        """Go on with a copy, runs/UNDER, of the finished run NAME until it has so many epochs, its
        faults the same: what a resume does to them. Raises StoppedError."""
        root = self.folder(under)
        given = Circumstances(shared=self.shared, changes=changes_of(faults))
        if not root.is_dir():
            with _new_tree(root) as staging:
                copytree(self.folder(name), staging, dirs_exist_ok=True)
        edit = f"training.epochs={epochs}"
        shown = self.display.run(under)
        told = training.resume(root, lambda stored: apply(stored, [edit]), shown, given)
        if told["status"] == "interrupted":
            raise StoppedError
        return loaded(root, given.changes)

    def population(
        self,
        name: str,
        recipe: str | Recipe,
        members: Sequence[Edits],
        faults: Sequence[str] = (),
        width: int | None = None,
    ) -> list[dict[str, Any]]:
        """Train a member for each of `members` (its `field=value` edits, the seed among them), as
        one program where that is faster; returns their rows: number, set, run, status, verdict,
        data_term, prior_term, loss, live_dimensions, mse (validation). Raises StoppedError."""
        folder = PopulationFolder(self.folder(name))
        around = Surroundings(shared=self.shared, changes=changes_of(faults))
        shown = self.display.population(name)
        if folder.record.is_file():
            _require_members(folder, self.recipe(recipe), members)
            told = populations.resume(folder.root, shown, around)
        else:
            asked = self.recipe(recipe)
            told = populations.start(asked, members, folder.root, shown, width, around)
        if told["status"] == "interrupted":
            raise StoppedError
        rows: list[dict[str, Any]] = told["members"]
        return rows

    def member(self, name: str, number: int, faults: Sequence[str] = ()) -> Run:
        """A member of a population as a run."""
        root = PopulationFolder(self.folder(name)).member(number).root
        return loaded(root, changes_of(faults))

    def study(self, name: str, config: StudyConfig) -> list[Cell]:
        """Carry out a grid of settings with seeds; returns its cells. Raises StoppedError."""
        root = self.folder(name)
        shown = self.display.study(name)
        told = carry_out(config, root, Wanted(1, None, LEASE_SECONDS), shown)
        if told["status"] != "finished":
            raise StoppedError
        return cells_in(root, config)

    def picture(self, file: str, figure: "Figure", caption: str) -> Picture:
        """Keep a figure as pictures/FILE.png."""
        from vaestro.studies.logs.drawn import small_png  # matplotlib takes a while to import

        write_bytes(self.root / "pictures" / f"{file}.png", small_png(figure))
        return Picture(f"{file}.png", caption)


ONE_THREAD = "training.threads=1"


def loaded(root: Path, changes: Sequence[Change] = ()) -> Run:
    """The run in `root`, its model changed as that which was trained."""
    run = load(root)
    if changes:
        weights = {name: tensor.clone() for name, tensor in run.vae.state_dict().items()}
        change_model(run.vae, changes, run.recipe.seed, LOADED)
        run.vae.load_state_dict(weights)
    return run


def _same(stored: Recipe, asked: Recipe) -> Recipe:
    """What is asked for. Raises RecipeError where the folder holds another run."""
    require_same(stored, asked)
    return asked


def _require_members(folder: PopulationFolder, recipe: Recipe, members: Sequence[Edits]) -> None:
    record = folder.read()
    require_same(Recipe.parse(record["recipe"]), recipe)
    if [tuple(one) for one in record["members"]] != [tuple(one) for one in members]:
        raise RunFolderError(
            f"{folder.root} holds a population of other members; give another --out"
        )


@contextmanager
def _new_tree(path: Path) -> Iterator[Path]:
    """A folder to fill that appears under its name when it is full."""
    staging = path.with_name(f".{path.name}.partial")
    rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    yield staging
    staging.replace(path)
