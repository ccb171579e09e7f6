"""A log as a list of steps."""

from collections.abc import Callable
from dataclasses import dataclass

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter


@dataclass(frozen=True)
class Step:
    """One step: `do` trains and measures on a bench and says what it found. `share`: how long it
    takes beside the other steps of its log, for the time left."""

    name: str
    title: str
    do: Callable[[Bench], Chapter]
    share: float = 1.0


@dataclass(frozen=True)
class Log:
    """`name`: log-000. `question`: what it is about, in a line. `source`: what the log is."""

    name: str
    title: str
    question: str
    source: str
    steps: tuple[Step, ...]
