"""The four steps of a case: what is forecast, what training makes of it, what the doctor says, and
the same of the recipe with a remedy."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import Silent
from vaestro.experiments.diagnosis.doctor import diagnose_run
from vaestro.experiments.forecasting.face import forecast
from vaestro.experiments.recipe import Recipe, apply
from vaestro.experiments.train import start
from vaestro.health.diagnosis.diagnosis import Diagnosis
from vaestro.health.forecast.forecast import Forecast


@dataclass(frozen=True)
class Shown:
    """A recipe: its forecast, the summary of its run in the folder `root`, its diagnosis."""

    recipe: Recipe
    told: Forecast
    root: Path
    summary: dict[str, Any]
    found: Diagnosis

    @property
    def foretold(self) -> set[str]:
        """The verdict, if it is not ok, and the kinds of what is found before the first step."""
        verdict = {self.told.verdict} - {"ok"}
        return verdict | {finding.kind for finding in self.told.findings}

    @property
    def diagnosed(self) -> list[str]:
        """The kinds of what the doctor finds, the cause first."""
        return [finding.kind for finding in self.found.findings]

    @property
    def first_remedies(self) -> tuple[str, ...]:
        """The first that the forecast proposes and the first that the doctor does, once if they are
        one: each is what a person would take who reads only that page."""
        asked = (*self.told.remedies, *(edit for f in self.told.findings for edit in f.remedies))
        return tuple(dict.fromkeys((asked[0], self.found.findings[0].remedies[0])))


def shown(recipe: Recipe, root: Path) -> Shown:
    """Forecast `recipe`, train it into the folder `root` whatever was forecast, and examine it."""
    told = forecast(recipe)
    summary = start(recipe, root, Silent())
    return Shown(recipe, told, root, summary, diagnose_run(root))


def remedied(case: Shown) -> list[Shown]:
    """The same with each of the first remedies, as `--set` takes it."""
    return [
        shown(apply(case.recipe, [edit]), case.root.with_name(f"remedied-{number}"))
        for number, edit in enumerate(case.first_remedies)
    ]
