"""What processes that train one run together settle before its first step."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vaestro.experiments.assemble import Assembly
from vaestro.runs.lock import locked
from vaestro.training.distribution.agreement import require_alike, require_spreadable
from vaestro.training.distribution.ranks import Ranks


def require_together(ranks: Ranks, assembly: Assembly) -> None:
    """Raise RecipeError unless `ranks` have built the same parts, which several can train."""
    require_spreadable(ranks, assembly.task, assembly.recipe.training)
    require_alike(ranks, assembly.recipe.to_yaml(), assembly.vae)


@contextmanager
def held(root: Path, ranks: Ranks) -> Iterator[None]:
    """The run folder `root` is made and locked by the first process for all. Raises RunFolderError
    when another run holds it."""
    if not ranks.first:
        yield
        return
    root.mkdir(parents=True, exist_ok=True)
    with locked(root):
        yield
