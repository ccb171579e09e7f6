"""A bench for the studies of the logs that shows nothing."""

from pathlib import Path
from typing import Any

from vaestro.studies.logs.bench import Bench


class Unseen:
    """A display of a study, of a population, of a grid and of a run: nobody looks."""

    def opened(self, *told: object) -> None: ...

    def begun(self, number: int) -> None: ...

    def done(self, *told: object) -> None: ...

    def started(self, assembly: object, step: int) -> None: ...

    def stepped(self, step: int) -> None: ...

    def recorded(self, record: dict[str, Any]) -> None: ...

    def looked(self, standing: object) -> None: ...

    def say(self, text: str) -> None: ...

    def run(self, name: str) -> "Unseen":
        return self

    def population(self, name: str) -> "Unseen":
        return self

    def study(self, name: str) -> "Unseen":
        return self

    def member(self, number: int) -> "Unseen":
        return self


def bench(root: Path, quick: bool = True, data: Path | None = None) -> Bench:
    return Bench(root, quick, Unseen(), data)
