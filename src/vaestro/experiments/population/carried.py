"""Carry a population of any family out: its stacks one after the other, and who trains alone."""

import time
from collections.abc import Sequence
from typing import Any

from vaestro.experiments.population.family import Asked, Family
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.population.shown import PopulationDisplay
from vaestro.experiments.population.stacked import StackRun
from vaestro.training import plan as planning
from vaestro.training.interruption import interruption
from vaestro.training.plan import Plan
from vaestro.training.population.trial import Choice


def stacks_of(made: Sequence[Asked], family: Family) -> list[list[int]]:
    """The members' numbers, those together whose runs can stand in one stack."""
    found: dict[str, list[int]] = {}
    for number, recipe in enumerate(made):
        found.setdefault(family.kind_of(recipe), []).append(number)
    return list(found.values())


def carry_out(
    folder: PopulationFolder, made: Sequence[Asked], display: PopulationDisplay, family: Family
) -> dict[str, Any]:
    """Train every member that is not done to its end; returns what is printed. The population's
    record is there, and its folder locked."""
    began = time.monotonic()
    record = folder.read()
    display.opened(len(made), [len(stack["members"]) for stack in record["stacks"]])
    with interruption() as asked:
        whole = all(
            _train_stack(folder, place, stack, made, display, family)
            for place, stack in enumerate(record["stacks"])
        )
        status = "finished" if whole and not asked.is_set() else "interrupted"
    folder.write({**folder.read(), "status": status})
    return _summary(folder, status, time.monotonic() - began, family)


def _train_stack(
    folder: PopulationFolder,
    place: int,
    stack: dict[str, Any],
    made: Sequence[Asked],
    display: PopulationDisplay,
    family: Family,
) -> bool:
    """Train the members of one stack to their ends; False when interrupted."""
    numbers = [number for number in stack["members"] if not _done(folder, number)]
    if not numbers:
        return True
    plan = _plan(stack, made[numbers[0]], display)
    with planning.in_force(plan):
        run = StackRun(folder, place, made, plan, display, family)
        choice = _choice(run, stack["choice"], folder.read()["width"])
        display.say(choice.reason)
        in_turn = choice.width == 1 and family.judge is not None
        width = min(choice.most, len(numbers)) if in_turn else choice.width
        if in_turn and width > 1:
            display.say(f"They take turns, {width} of them, to be compared at each validation.")
        if width > 1 and not run.train(width, in_turn):
            return False
    return all(_alone(folder, number, made[number], display, family) for number in stack["members"])


def _plan(stack: dict[str, Any], recipe: Asked, display: PopulationDisplay) -> Plan:
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
    reason = run.family.not_stacked(run.made[run.numbers[0]])
    if reason is not None:
        most = 1 if run.family.judge is None else run.most()  # to be compared, they take turns
        choice = Choice(1, f"One by one: {reason}.", most=most)
    elif width is None:
        choice = run.choose()
    else:
        at_once = min(width, len(run.numbers))
        choice = Choice(at_once, f"{at_once} at once, as asked.")
    run.note(plan=run.plan.describe(), choice=choice.as_json())
    return choice


def _alone(
    folder: PopulationFolder,
    number: int,
    recipe: Asked,
    display: PopulationDisplay,
    family: Family,
) -> bool:
    """Train a member that is not done like any run, from where it is; False when interrupted."""
    if _done(folder, number):
        return True
    if not folder.member(number).recipe.is_file():
        folder.clear(number)
    summary = family.alone(number, folder.member(number), recipe, display.member(number))
    if summary["status"] == "interrupted":
        return False
    display.done(number, summary)
    return True


def _done(folder: PopulationFolder, number: int) -> bool:
    summary = folder.member(number).read_summary()
    return summary is not None and summary["status"] != "interrupted"


def _summary(
    folder: PopulationFolder, status: str, seconds: float, family: Family
) -> dict[str, Any]:
    """What is printed at the end: a row for each member."""
    record = folder.read()
    rows = []
    for number, edits in enumerate(record["members"]):
        summary = folder.member(number).read_summary()
        rows.append({"number": number, "set": edits} | _row(folder, number, summary, family))
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


def _row(
    folder: PopulationFolder, number: int, summary: dict[str, Any] | None, family: Family
) -> dict[str, Any]:
    if summary is None:
        return {"run": None, "status": "waiting"}
    head = {"run": str(folder.member(number).root), "status": summary["status"]}
    return {**head, **family.row(summary)}
