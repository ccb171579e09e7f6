"""The recipe: everything that defines a run, as typed, frozen data; YAML on disk."""

from collections.abc import Sequence
from contextlib import suppress
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from vaestro.data.augmentation import AsTheyAreConfig, AugmentationConfig
from vaestro.data.recognise import guess_source
from vaestro.data.source import DataConfig
from vaestro.data.split import SplitConfig
from vaestro.foundation.config import ByKind, Config, differences
from vaestro.foundation.edits import edited
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.foundation.schedules import Forecast
from vaestro.foundation.yaml_text import read_yaml, write_yaml
from vaestro.models.config import ModelConfig
from vaestro.probability.importance_objective import ImportanceConfig, require_weights
from vaestro.probability.objective import ObjectiveConfig
from vaestro.probability.priors.adversarial import AdversarialConfig, require_weighable
from vaestro.training.config import TrainingConfig
from vaestro.training.divisible import require_divisible
from vaestro.transforms.identity import NoneConfig
from vaestro.transforms.kinds import TransformConfig


def _elbo_unless_said(values: Any) -> Any:
    """An objective that names no kind is the ELBO."""
    return (
        {"kind": "elbo", **values} if isinstance(values, dict) and "kind" not in values else values
    )


AnyObjective = Annotated[
    Annotated[ObjectiveConfig | ImportanceConfig, Field(discriminator="kind")],
    BeforeValidator(_elbo_unless_said),
    ByKind,
]


class Recipe(Config):
    """A whole run. `name` and `about` describe it; every other field changes what is computed.

    `seed` is that of everything random but the split; `data` are the samples, `split` their parts
    for training, validation and test; `augmentation` shows training samples in other views, and
    `transform` all of them in other units. `model` is what is trained, `objective` what it
    minimises, `training` how and for how long.
    """

    name: str = Field(default="recipe", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)
    about: str = ""
    seed: int = Field(default=0, ge=0)
    data: DataConfig
    split: SplitConfig = SplitConfig()
    augmentation: AugmentationConfig = AsTheyAreConfig()
    transform: TransformConfig = NoneConfig()
    model: ModelConfig = ModelConfig()
    objective: AnyObjective = ObjectiveConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if isinstance(self.model.prior, AdversarialConfig):
            require_weighable(self.objective)
        if isinstance(self.objective, ImportanceConfig):
            require_weights(self.model.posterior)
        require_divisible(self.model, self.objective, self.training.accumulate)
        return self

    def to_yaml(self) -> str:
        """The recipe as YAML; reading it back gives an equal recipe."""
        return write_yaml(self.plain())


def built_in() -> list[str]:
    """The names of the built-in recipes."""
    folder = resources.files("vaestro.experiments") / "recipes"
    return sorted(
        f.name.removesuffix(".yaml") for f in folder.iterdir() if f.name.endswith(".yaml")
    )


def read_recipe(source: str | Path, assignments: Sequence[str] = ()) -> Recipe:
    """The recipe of a built-in name or a YAML path, with `field.path=value` edits applied.

    Raises RecipeError in one line for an unknown name, a missing file, bad YAML, an unknown field
    or an illegal value.
    """
    values = read_yaml(_text(str(source)), str(source))
    if not isinstance(values, dict):
        raise RecipeError(f"{source} is not a recipe: a mapping of fields is needed")
    recipe = Recipe.parse(values)
    return apply(recipe, assignments) if assignments else recipe


def apply(recipe: Recipe, assignments: Sequence[str]) -> Recipe:
    """`recipe` with `field.path=value` edits in order; only the last state must be legal."""
    return Recipe.parse(drafted(recipe, assignments))


def drafted(recipe: Recipe, assignments: Sequence[str]) -> dict[str, Any]:
    """The plain values of `apply`, before they are checked a last time: whoever edits field after
    field is shown them also where they are not legal yet. Raises RecipeError for a malformed edit
    or a field that does not exist."""
    values = _reading(recipe, assignments)
    for assignment in assignments:
        values = edited(values, (assignment,))
        with suppress(RecipeError):  # a new kind may need the fields that the next edits give
            values = Recipe.parse(values).plain()
    return values


def _reading(recipe: Recipe, assignments: Sequence[str]) -> dict[str, Any]:
    """The recipe's plain values, with the source that reads what `data.path` is set to: a path
    alone is enough to train any recipe on data of one's own. A `data.kind` beside it rules."""
    values = recipe.plain()
    given = dict(assignment.partition("=")[::2] for assignment in assignments)
    path = Path(str(read_yaml(given.get("data.path", "''"), "--set data.path")))
    if "data.path" not in given or {"data", "data.kind"} & given.keys() or not path.exists():
        return values
    guessed = guess_source(path)
    if guessed.kind != recipe.data.kind:
        values["data"] = guessed.plain()
    return values


def quoted(path: Path) -> str:
    """The path as a YAML string, so that no character in it means anything."""
    return "'" + str(path).replace("'", "''") + "'"


def located(recipe: Recipe, run: Path | None = None) -> Recipe:
    """`recipe` with its data's path made absolute, so that the run works from any folder.

    Data that a run keeps are found in its own folder `run`, also after that has been moved.
    """
    given = getattr(recipe.data, "path", None)
    if given is None:
        return recipe
    path = Path(given)
    if run is not None and not path.exists() and (run / path.name).is_file():
        path = run / path.name
    data = recipe.data.model_copy(update={"path": str(path.resolve())})
    return recipe.model_copy(update={"data": data})


def require_same(stored: Recipe, wanted: Recipe) -> None:
    """Raise RecipeError naming the fields in which a resumed run's recipe was changed.

    A larger training.epochs is allowed; so are fields that decide only when files are written.
    """
    changed = [p for p in differences(stored.plain(), wanted.plain()) if p not in MAY_CHANGE]
    if wanted.training.epochs < stored.training.epochs:
        changed.append("training.epochs (a smaller number)")
    if changed:
        raise RecipeError(
            f"--resume with a changed recipe: {', '.join(changed)}; a resumed run keeps its recipe "
            "(only training.epochs may grow): leave these as they were, or start a new run"
        )


def as_settled(stored: Recipe, wanted: Recipe) -> Recipe:
    """`wanted` with the warm-up that the stored run's forecast chose, where it leaves it to one."""
    given, chosen = wanted.objective, stored.objective
    if isinstance(given, ImportanceConfig) or not isinstance(given.beta, Forecast):
        return wanted
    could = (given.beta.settled(sure=True), given.beta.settled(sure=False))
    if isinstance(chosen, ImportanceConfig) or chosen.beta not in could:
        return wanted
    objective = given.model_copy(update={"beta": chosen.beta})
    return wanted.model_copy(update={"objective": objective})


MAY_CHANGE = {
    "about",
    "training.epochs",
    "training.checkpoint_seconds",
    "training.checkpoint_steps",
}


def _text(source: str) -> str:
    names = built_in()
    if source in names:
        kept = resources.files("vaestro.experiments") / "recipes" / f"{source}.yaml"
        return kept.read_text("utf-8")
    path = Path(source)
    if path.is_file():
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as fault:
            raise RecipeError(f"{source} cannot be read as text: {fault}") from None
    if path.suffix in (".yaml", ".yml") or "/" in source:
        raise RecipeError(f"there is no recipe file {source}; built in: {', '.join(names)}")
    raise RecipeError(f"there is no recipe {source!r}; {nearest(source, names)}")


def summary(recipe: Recipe) -> dict[str, Any]:
    """One row about a recipe for listings."""
    return {
        "name": recipe.name,
        "about": recipe.about,
        "data": recipe.data.kind,
        "likelihood": recipe.model.likelihood.kind,
        "latent": recipe.model.latent,
        "epochs": recipe.training.epochs,
    }
