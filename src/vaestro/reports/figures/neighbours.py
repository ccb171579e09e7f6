"""The samples of an evaluation that lie nearest to training samples, over those.

Letters: P pairs; * the axes of one sample.
"""

from vaestro.data.tiles.look import Look
from vaestro.reports.facts import RunFacts, mapping
from vaestro.reports.figures.pairs import MOST_PAIRS, Pairs
from vaestro.reports.run_files import read_npz

LETTERS = ("s", "t")


def neighbours(facts: RunFacts, look: Look) -> list[Pairs]:
    """Pairs (P, *) for every source of samples that the run's evaluation looked at."""
    sources = mapping(mapping(facts.evaluation.get("samples")).get("sources"))
    path = facts.folder / "features" / "neighbours.npz"
    if not sources or not path.is_file():
        return []
    arrays = read_npz(path, [])
    found = []
    for name in sources:
        above, below = (arrays.get(f"{name}_{kind}") for kind in ("samples", "neighbours"))
        if above is not None and below is not None and above.shape == below.shape:
            most = MOST_PAIRS[look.kind]
            found.append(Pairs(f"From {name}", above[:most], below[:most], LETTERS))
    return found
