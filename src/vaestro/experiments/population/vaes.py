"""Populations of VAEs: what a member is that `vaestro train` trains."""

from pathlib import Path
from typing import Any

from torch import Tensor

from vaestro.experiments import remedied
from vaestro.experiments import train as training
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.attempt import close, diverged, ended, engine
from vaestro.experiments.beginning import write_beginning
from vaestro.experiments.change import BEGINNING, GOING_ON, changed, require_same_changes
from vaestro.experiments.forecasting.forecast import forecast_assembly, look_at
from vaestro.experiments.guests import located
from vaestro.experiments.population import alike
from vaestro.experiments.population.family import End
from vaestro.experiments.population.surroundings import Surroundings
from vaestro.experiments.recipe import Recipe, read_recipe
from vaestro.experiments.same_data import require_same_data
from vaestro.experiments.watch import Display
from vaestro.foundation.errors import DivergedError
from vaestro.runs.folder import RunFolder
from vaestro.training.loop import Loop
from vaestro.training.plan import Plan
from vaestro.training.population.member import OF_THE_DATA, Member
from vaestro.training.population.trial import Choice
from vaestro.training.state import TrainState, starting
from vaestro.training.watching import Judge

KEPT = ("data_term", "prior_term", "loss", "live_dimensions", "mse")
"""What the population's summary has of a member's validation."""


class Vaes:
    """The family of runs of recipes, with what is `around` them."""

    def __init__(self, around: Surroundings) -> None:
        self.around = around.filled()
        self.shared, self.changes = self.around.parts, self.around.changes

    @property
    def of_the_data(self) -> tuple[str, ...]:
        """The transform."""
        return OF_THE_DATA

    @property
    def judge(self) -> Judge | None:
        """That of the surroundings."""
        return self.around.judge

    def kind_of(self, recipe: Recipe) -> str:
        """Equal for recipes that differ only in what a stack keeps by row."""
        return alike.kind_of(recipe)

    def not_stacked(self, recipe: Recipe) -> str | None:
        """What of the recipe, or of what is changed in the models, does not go together."""
        marks = [change.mark for change in self.changes if not change.stacks]
        changes = f"models with {', '.join(marks)} are not stacked" if marks else None
        return alike.not_stacked(recipe.training) or changes

    def known_choice(self, recipe: Recipe, count: int) -> Choice | None:
        """What was measured for members of this population or of one that shares its parts."""
        return self.shared.choice(recipe, count)

    def keep_choice(self, recipe: Recipe, count: int, choice: Choice) -> None:
        """Kept with the shared parts."""
        self.shared.keep_choice(recipe, count, choice)

    def fresh(self, recipe: Recipe, plan: Plan) -> Assembly:
        """The parts of a run, on data that members share which see the same."""
        return self._assembly(recipe, plan)

    def begun(self, folder: RunFolder, recipe: Recipe, plan: Plan, shown: Display) -> Assembly:
        """The parts of a run that was forecast."""
        assembly = self._assembly(located(recipe), plan)
        seen = look_at(assembly) if self.changes else self.shared.look(assembly)
        assembly, told = forecast_assembly(assembly, found=seen)
        if told.verdict != "ok":
            shown.say(told.sentence)
        folder.root.mkdir(parents=True)
        write_beginning(folder, assembly.recipe, assembly, told)
        return assembly

    def back(self, folder: RunFolder, plan: Plan, kept: dict[str, Tensor]) -> Assembly:
        """The parts of a run with the transform that it has."""
        require_same_changes(folder, self.changes)
        recipe = located(read_recipe(folder.recipe), folder.root)
        assembly = self._assembly(recipe, plan, starting("module/transform.", kept))
        require_same_data(folder, recipe, assembly.material)
        return assembly

    def stays(self, folder: RunFolder) -> bool:
        """Yes, unless a remedy sent it elsewhere."""
        return not remedied.entries(folder)

    def loop(self, folder: RunFolder, parts: Assembly, state: TrainState, shown: Display) -> Loop:
        """That of any run."""
        return engine(folder, parts, state, shown)

    def close(self, loop: Loop, parts: Assembly) -> None:
        """As any run."""
        close(loop, parts)

    def left(
        self, folder: RunFolder, parts: Assembly, member: Member, end: End, shown: Display
    ) -> dict[str, Any] | None:
        """The summary of the run, or None where a remedy is noted with which it is to go on."""
        if isinstance(end.how, DivergedError):
            found = diverged(member.loop, parts, member.state, end.how, shown)
        else:
            found = ended(member.loop, end.how)
        edit = remedied.edit_for(folder, parts.recipe, found.event)
        if found.event is not None and edit is not None:
            remedied.commit(folder, found.event, edit, remedied.back_to(folder, found.event))
            return None
        judged = self.judge is not None and member.number in self.judge.ended
        told = (folder, parts, member.state, found, shown, end.seconds, end.trained)
        return training.write_end(*told, brief=judged)

    def alone(
        self, number: int, folder: RunFolder, recipe: Recipe, shown: Display
    ) -> dict[str, Any]:
        """Trained, or gone on with, like any run."""
        given = self.around.of(number)
        if folder.recipe.is_file():
            return training.resume(folder.root, lambda stored: stored, shown, given)
        return training.start(recipe, Path(folder.root), shown, given=given)

    def row(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Its verdict and its figures on the validation split."""
        held_out = summary["validation"]
        return {"verdict": summary["verdict"], **{name: held_out[name] for name in KEPT}}

    def _assembly(self, recipe: Recipe, plan: Plan, kept: Any = None) -> Assembly:
        made = self.shared.assembly(recipe, plan, kept)
        return changed(made, self.changes, BEGINNING if kept is None else GOING_ON)
