"""An edit of a run's recipe as a command to paste."""

import re
import shlex

from vaestro.reports.facts import RunFacts, mapping

LENGTH = re.compile(r"training\.epochs=(\d+)")


def command(facts: RunFacts, edit: str) -> str:
    """What trains the run's recipe with `edit`; a longer run goes on where this one ended.

    A run whose networks came from Python has none to begin it with: the option alone.
    """
    option = f"--set {shlex.quote(edit)}"
    folder = shlex.quote(str(facts.folder))
    longer = LENGTH.fullmatch(edit)
    if _given(facts):
        return option
    if longer and int(longer[1]) > _epochs(facts) > 0:
        return f"vaestro train --resume --run {folder} {option}"
    return f"vaestro train {shlex.quote(str(facts.folder / 'recipe.yaml'))} {option}"


def resuming(facts: RunFacts) -> str:
    """What goes on with the run."""
    return f"vaestro train --resume --run {shlex.quote(str(facts.folder))}"


def examining(facts: RunFacts) -> str:
    """What examines the run."""
    return f"vaestro doctor {shlex.quote(str(facts.folder))}"


def _given(facts: RunFacts) -> bool:
    model = mapping(facts.settings.get("model"))
    return any(mapping(model.get(side)).get("kind") == "given" for side in ("encoder", "decoder"))


def _epochs(facts: RunFacts) -> int:
    epochs = mapping(facts.settings.get("training")).get("epochs")
    return epochs if isinstance(epochs, int) else 0
