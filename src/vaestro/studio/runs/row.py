"""One row of the list: what can be told of a run at a glance, and a sentence where nothing can."""

import re
from pathlib import Path
from typing import Any

from vaestro.foundation.errors import one_line
from vaestro.reports.advice import TONES, verdict
from vaestro.reports.facts import RunFacts, finite
from vaestro.reports.run_files import read_manifest, read_object
from vaestro.runs.folder import RunFolder
from vaestro.studio.runs.guarded import require_file, require_readable
from vaestro.studio.runs.history import few_rows
from vaestro.studio.runs.places import Place
from vaestro.studio.runs.small_curve import small_curve

LATENT = re.compile(r"^model:\n(?:  .*\n)*?  latent: (\d{1,9})$", re.MULTILINE)
SPATIAL = re.compile(r"^  spatial: true$", re.MULTILINE)
LONGEST = 300
"""Characters of a text in a row."""


def row(root: Path, place: Place) -> dict[str, Any]:
    """The row of a run; of one that cannot be read, its name and an `error` sentence. Populations
    and sweeps have a name only: the rest their members say."""
    base = {"id": place.id, "kind": place.kind, "parent": place.parent}
    if place.kind != "run":
        return {**base, "name": place.path.name}
    try:
        return {**base, **_told(root, place.path)}
    except Exception as fault:  # whatever is wrong with a folder stays in its row
        told = one_line(str(fault)) or type(fault).__name__
        return {**base, "name": place.path.name, "error": told[:LONGEST]}


def _told(root: Path, folder: Path) -> dict[str, Any]:
    facts = brief_facts(root, folder)
    shown = facts.figures("validation") or facts.figures("train")
    word = facts.verdict
    return {
        "name": facts.name[:LONGEST],
        "verdict": word.replace("_", " "),
        "tone": TONES.get(word, "neutral"),
        "status": facts.status.replace("_", " "),
        "sentence": verdict(facts).sentence[:LONGEST],
        "steps": facts.steps,
        "live": facts.live,
        "latent": _latent(folder / "recipe.yaml"),
        **{key: finite(shown.get(key)) for key in ("data_term", "prior_term", "loss")},
        "curve": small_curve(facts),
        "created": str(facts.manifest.get("created", ""))[:LONGEST],
        "pictures": (folder / "snapshots").is_dir(),
        "planted": [str(one)[:LONGEST] for one in facts.manifest.get("faults") or ()],
    }


def brief_facts(root: Path, folder: Path) -> RunFacts:
    """The facts of a run without what costs time: arrays, recipe, forecast, most of a long history.

    Raises RunFolderError for a folder that may not be read.
    """
    require_readable(root, folder)
    require_file(root, folder / "history.jsonl", None)
    paths, notes = RunFolder(folder), list[str]()
    return RunFacts(
        folder=folder,
        recipe="",
        settings={},
        manifest=read_manifest(paths.manifest),
        history=few_rows(paths.history),
        summary=read_object(paths.summary, notes),
        diagnosis=read_object(paths.diagnosis, notes),
        notes=tuple(notes),
    )


def _latent(recipe: Path) -> int | None:
    """K as the recipe's own line has it; to parse hundreds of recipes would take seconds. None for
    latents on a grid, of which that line counts the channels."""
    if not recipe.is_file():
        return None
    text = recipe.read_text(encoding="utf-8", errors="replace")
    found = LATENT.search(text)
    return int(found[1]) if found and not SPATIAL.search(text) else None
