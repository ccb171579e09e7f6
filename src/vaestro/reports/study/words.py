"""What a study has found, in plain sentences made from its numbers."""

from collections.abc import Iterator, Sequence

from vaestro.reports.advice import Tone, Verdict
from vaestro.reports.numerals import NONE, counted, duration, typeset
from vaestro.reports.study.facts import Cell, Comparison, Mean, StudyFacts
from vaestro.reports.study.means import told
from vaestro.reports.sweep.facts import Figure
from vaestro.reports.sweep.labels import label, unit

MOST = 4
"""So many cells are named in a sentence; more are counted."""


def verdict(facts: StudyFacts) -> Verdict:
    """What was asked, a few words about what came of it, and how to go on."""
    word, tone = _word(facts)
    commands = (facts.go_on,) if facts.go_on else ()
    return Verdict(word, tone, facts.question, "", "", commands)


def answer(facts: StudyFacts) -> list[str]:
    """The sentences that answer the question: who died, who is best, who can be told apart."""
    if not facts.cells:
        return [counts(facts)]
    return [counts(facts), *_deaths(facts), *(_figure(facts, f) for f in facts.figures)]


def _word(facts: StudyFacts) -> tuple[str, Tone]:
    if facts.status != "finished":
        return facts.status, "neutral"
    if facts.dead:
        every = facts.dead == facts.ended
        return f"{facts.dead} of {facts.ended} runs died", "bad" if every else "doubtful"
    if any(one.apart for one in facts.comparisons):
        return "the cells differ", "good"
    return "no difference found", "neutral"


def counts(facts: StudyFacts) -> str:
    """How many runs there are."""
    spent = f" in {duration(facts.seconds)} of training" if facts.seconds else ""
    if facts.ended < facts.wanted:
        return f"{facts.ended:,} of {facts.wanted:,} runs have ended{spent}; this is so far."
    most = max((len(cell.runs) for cell in facts.cells), default=0)
    return (
        f"{counted(facts.ended, 'run')}{spent}: {counted(len(facts.cells), 'cell')}, "
        f"{counted(most, 'seed')} each."
    )


def _deaths(facts: StudyFacts) -> Iterator[str]:
    """How many runs died, by cell and verdict."""
    if not facts.dead:
        yield "No run died."
        return
    deaths = [_death(cell) for cell in facts.cells if cell.dead]
    yield f"{facts.dead:,} of {counted(facts.ended, 'run')} died: {listed(deaths)}."


def _death(cell: Cell) -> str:
    words: list[str] = []
    for word in cell.words():
        dead = sum(run.dead and run.word == word for run in cell.runs)
        if dead:
            words.append(f"{dead} {word.replace('_', ' ')}")
    return f"{cell.dead} of {len(cell.runs)} with {cell.label} ({', '.join(words)})"


def _figure(facts: StudyFacts, figure: Figure) -> str:
    """The best cell by a figure, and which others cannot be told from it."""
    best = facts.best(figure)
    if best is None:
        return f"{label(figure.name)}: known of no cell that lives."
    known, level = facts.cells[best].means[figure.name], facts.level(figure)
    end = "lowest" if figure.direction == "minimize" else "highest"
    if any(not cell.alive and figure.name in cell.means for cell in facts.cells):
        end += " among the cells that live"
    amount = f"{mean(known)}{_unit(figure.name)}"
    if len(level) > 1:
        head = f"{end} with {_named([facts.cells[place] for place in level])}, {amount} each."
        return f"{label(figure.name)}: {head}{_pairs(facts, figure)}"
    head = f"{end} with {facts.cells[best].label}, {amount}."
    return f"{label(figure.name)}: {head}{_against(facts, figure, best)}{_pairs(facts, figure)}"


def _unit(name: str) -> str:
    return f" {unit(name)}" if unit(name) else ""


def _against(facts: StudyFacts, figure: Figure, best: int) -> str:
    """How the best cell stands against each other one."""
    pairs = [one for one in facts.of(figure.name) if best in (one.one, one.other)]
    tested = [one for one in pairs if one.adjusted is not None]
    if not tested:
        return ""
    close = [
        facts.cells[one.other if one.one == best else one.one] for one in tested if not one.apart
    ]
    if not close:
        return f" {_others(tested, pairs)} differs from it by more than chance."
    if len(close) == len(tested):
        return f" Chance may explain how {_others(tested, pairs).lower()} differs from it."
    return f" Chance may explain how {_named(close)} {_verb(len(close))} from it, but no other."


def _others(tested: Sequence[Comparison], pairs: Sequence[Comparison]) -> str:
    """The cells that a best one was tested against: two that have no spread leave no test."""
    return "Every other cell" if len(tested) == len(pairs) else "Every other cell with a spread"


def _pairs(facts: StudyFacts, figure: Figure) -> str:
    """How many pairs of cells differ, and how many of these the correction leaves."""
    pairs = facts.of(figure.name)
    tested = [one for one in pairs if one.half is not None]
    if not tested:
        single = all(cell.means[figure.name].n == 1 for cell in _knowing(facts, figure))
        why = "there is one seed a cell" if single else "the seeds of a cell all agree"
        return f" No difference can be tested: {why}." if pairs else ""
    larger = sum(abs(one.difference) > (one.half or 0.0) for one in tested)
    left = sum(one.apart for one in tested)
    return (
        f" Of {counted(len(tested), 'pair')} of cells, {larger} {_verb(larger)} by more than the "
        f"interval of the difference; after Holm's correction for "
        f"{counted(len(tested), 'comparison')}, {left or 'none'} {_verb(left or 1)}."
    )


def _verb(count: int) -> str:
    return "differs" if count == 1 else "differ"


def _knowing(facts: StudyFacts, figure: Figure) -> list[Cell]:
    return [cell for cell in facts.cells if figure.name in cell.means]


def _named(cells: Sequence[Cell]) -> str:
    if len(cells) > MOST:
        return f"{len(cells)} cells"
    return listed([cell.label for cell in cells], ";")


def listed(parts: Sequence[str], mark: str = ",") -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{f'{mark} '.join(parts[:-1])} and {parts[-1]}"


def mean(known: Mean | None) -> str:
    """A mean with half its interval: 12.30 ± 0.41."""
    return NONE if known is None else typeset(told(known))
