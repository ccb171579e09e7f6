"""What the brief end of a run left out, made when somebody looks at the run."""

from pathlib import Path

from vaestro.experiments.attempt import Ended
from vaestro.experiments.circumstances import PLAIN
from vaestro.experiments.finish import BRIEF, finish
from vaestro.experiments.guests import located, unfilled
from vaestro.experiments.recipe import read_recipe
from vaestro.experiments.same_data import MEASURED, require_same_data
from vaestro.foundation.files import write_json
from vaestro.runs.folder import RunFolder
from vaestro.runs.lock import locked
from vaestro.training import checkpoints
from vaestro.training import plan as planning
from vaestro.training.state import starting

TIMES = ("steps", "seconds", "samples_per_second")


def complete(root: Path) -> bool:
    """Evaluate the training split of the run in `root`, draw its pictures and ask the doctor, as
    the end of any run does; whether there was something to do.

    Raises RunFolderError, RecipeError, DataError or CheckpointError in one line, also where the run
    is held by another process.
    """
    folder = RunFolder(root)
    told = folder.read_summary()
    if told is None or not told.get(BRIEF):
        return False
    with locked(root):
        found = checkpoints.newest(folder.checkpoints, lambda text: None)
        if found is None:
            return False
        tensors, body = found
        recipe = located(read_recipe(folder.recipe), root)
        plan, _ = planning.resumed(body["plan"], recipe.training)
        with planning.in_force(plan):
            kept = starting("module/transform.", tensors)
            assembly = PLAIN.assembly(unfilled(recipe), plan, kept=kept)
            state = assembly.fresh_state()
            state.load(tensors, body["numbers"])
            try:
                require_same_data(folder, recipe, assembly.material, MEASURED)
                ended = Ended(told["status"], None, False)
                summary = finish(folder, assembly, state, ended, lambda text: None)
            finally:
                assembly.stream.close()
        write_json(folder.summary, summary | {name: told[name] for name in TIMES})
    return True
