"""Train a population into a folder, or go on with the one that is in it.

Members that can be stacked are, if that is faster here; the others train one by one. Each has a run
folder like any run.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaestro.experiments import train as training
from vaestro.experiments.guests import located
from vaestro.experiments.population.alike import kind_of, not_stacked
from vaestro.experiments.population.folder import PopulationFolder, first_record
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.population.stacked import StackRun
from vaestro.experiments.population.surroundings import ITS_OWN, Surroundings
from vaestro.experiments.population.variations import Edits, recipes
from vaestro.experiments.recipe import Recipe
from vaestro.runs.lock import locked
from vaestro.training import plan as planning
from vaestro.training.plan import Plan
from vaestro.training.population.trial import Choice


def start(
    recipe: Recipe,
    edits: Sequence[Edits],
    root: Path,
    display: PopulationDisplay,
    width: int | None = None,
    around: Surroundings = ITS_OWN,
) -> dict[str, Any]:
    """Train a member for each of `edits` into the new folder `root`; returns what `vaestro train
    --json` prints. `width`: so many at once at most (1: one by one); None measures what is best.
    `around`: what its members share with those of other populations. Raises UserError
    before the folder exists."""
    folder = PopulationFolder(root)
    folder.require_free()
    recipe = located(recipe)
    made = recipes(recipe, edits)
    root.mkdir(parents=True, exist_ok=True)
    with locked(root):
        folder.write(first_record(recipe.plain(), edits, _stacks(made), width))
        return _train(folder, made, display, around)


def resume(
    root: Path, display: PopulationDisplay, around: Surroundings = ITS_OWN
) -> dict[str, Any]:
    """Go on with the population in `root`. Members that are done stay as they are. Raises
    RunFolderError or CheckpointError in one line when it cannot go on."""
    folder = PopulationFolder(root)
    record = folder.read()
    made = recipes(Recipe.parse(record["recipe"]), [tuple(one) for one in record["members"]])
    with locked(root):
        return _train(folder, made, display, around)


def _stacks(made: Sequence[Recipe]) -> list[list[int]]:
    """The members' numbers, those together whose runs can stand in one stack."""
    found: dict[str, list[int]] = {}
    for number, recipe in enumerate(made):
        found.setdefault(kind_of(recipe), []).append(number)
    return list(found.values())


def _train(
    folder: PopulationFolder,
    made: list[Recipe],
    display: PopulationDisplay,
    around: Surroundings,
) -> dict[str, Any]:
    began, status = time.monotonic(), "finished"
    around = around.filled()
    record = folder.read()
    display.opened(len(made), [len(stack["members"]) for stack in record["stacks"]])
    for place, stack in enumerate(record["stacks"]):
        if not _train_stack(folder, place, stack, made, display, around):
            status = "interrupted"
            break
    folder.write({**folder.read(), "status": status})
    return _summary(folder, status, time.monotonic() - began)


def _train_stack(
    folder: PopulationFolder,
    place: int,
    stack: dict[str, Any],
    made: list[Recipe],
    display: PopulationDisplay,
    around: Surroundings,
) -> bool:
    """Train the members of one stack to their ends; False when interrupted."""
    numbers = [number for number in stack["members"] if not _done(folder, number)]
    if not numbers:
        return True
    plan = _plan(stack, made[numbers[0]], display)
    with planning.in_force(plan):
        run = StackRun(folder, place, made, plan, display, around)
        choice = _choice(run, stack["choice"], folder.read()["width"])
        display.say(choice.reason)
        if choice.width > 1 and not run.train(choice.width):
            return False
    return all(_alone(folder, number, made[number], display, around) for number in stack["members"])


def _plan(stack: dict[str, Any], recipe: Recipe, display: PopulationDisplay) -> Plan:
    if stack["plan"] is None:
        return planning.choose(recipe.training)
    plan, warnings = planning.resumed(stack["plan"], recipe.training)
    for warning in warnings:
        display.say(warning)
    return plan


def _choice(run: StackRun, stored: dict[str, Any] | None, width: int | None) -> Choice:
    """What was chosen when the stack began; a resumed one keeps it."""
    if stored is not None:
        return Choice(**stored)
    reason = not_stacked(run.made[run.numbers[0]]) or _apart(run)
    if reason is not None:
        choice = Choice(1, f"One by one: {reason}.")
    elif width is None:
        choice = run.choose()
    else:
        at_once = min(width, len(run.numbers))
        choice = Choice(at_once, f"{at_once} at once, as asked.")
    run.note(plan=run.plan.describe(), choice=choice.as_json())
    return choice


def _apart(run: StackRun) -> str | None:
    """Why models that are changed so cannot stand in a stack, as a clause; None where they can."""
    marks = [change.mark for change in run.changes if not change.stacks]
    return f"models with {', '.join(marks)} are not stacked" if marks else None


def _alone(
    folder: PopulationFolder,
    number: int,
    recipe: Recipe,
    display: PopulationDisplay,
    around: Surroundings,
) -> bool:
    """Train a member that is not done like any run, from where it is; False when interrupted."""
    if _done(folder, number):
        return True
    root, shown, given = folder.member(number).root, display.member(number), around.of(number)
    if folder.member(number).recipe.is_file():
        summary = training.resume(root, lambda stored: stored, shown, given)
    else:
        folder.clear(number)
        summary = training.start(recipe, root, shown, given=given)
    if summary["status"] == "interrupted":
        return False
    display.done(number, summary)
    return True


def _done(folder: PopulationFolder, number: int) -> bool:
    summary = folder.member(number).read_summary()
    return summary is not None and summary["status"] != "interrupted"


def _summary(folder: PopulationFolder, status: str, seconds: float) -> dict[str, Any]:
    """What is printed at the end: a row for each member."""
    record = folder.read()
    rows = []
    for number, edits in enumerate(record["members"]):
        summary = folder.member(number).read_summary()
        rows.append({"number": number, "set": edits} | _row(summary))
    done = sum(row["status"] not in ("waiting", "interrupted") for row in rows)
    return {
        "run": str(folder.root),
        "status": status,
        "sentence": f"{done} of {len(rows)} members are done, in {seconds:.1f} s.",
        "seconds": round(seconds, 3),
        "stacks": [
            {"members": stack["members"], "choice": stack["choice"]} for stack in record["stacks"]
        ],
        "members": rows,
    }


def _row(summary: dict[str, Any] | None) -> dict[str, Any]:
    if summary is None:
        return {"run": None, "status": "waiting"}
    held_out = summary["validation"]
    kept = ("data_term", "prior_term", "loss", "live_dimensions", "mse")
    return {
        "run": summary["run"],
        "status": summary["status"],
        "verdict": summary["verdict"],
        **{name: held_out[name] for name in kept},
    }
