"""vaestro data list, vaestro data show"""

import shlex
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from vaestro.cli.output import Assignments, Json, finish, require_parent
from vaestro.data.catalogue import describe
from vaestro.data.dataset import DataSet
from vaestro.data.recognise import guess_source
from vaestro.data.source import listing as known
from vaestro.data.source import load_data
from vaestro.data.writing import require_writable, write_samples
from vaestro.experiments.default_recipe import recipe_for
from vaestro.experiments.recipe import Recipe, apply, built_in, read_recipe
from vaestro.foundation.samples import Domain

SHOWN: dict[Domain, int] = {"vector": 64, "streamline": 500, "image": 64, "volume": 16}
"""So many samples, evenly spread over the data, are written."""
MOST_LABELS = 8


def listing(*, json: Json = False) -> None:
    """List what can be trained on without a file, and the files that are read."""
    rows = known()
    width = max(len(row["name"]) for row in rows)
    lines = [f"{row['name']:<{width}}  {row['about']}{_files(row)}" for row in rows]
    embedded = sum(row["embedded"] for row in rows)
    prose = "\n".join(
        [
            "Here without a file:",
            *lines[:embedded],
            "",
            "Read from files and folders of yours, gzipped or not:",
            *lines[embedded:],
        ]
    )
    finish({"data": rows}, prose, json)


def _files(row: dict[str, Any]) -> str:
    return f" ({row['files']})" if row["files"] else ""


def show(
    name: str,
    /,
    *,
    set_: Assignments = None,
    out: Annotated[
        Path | None, Parameter(name="--out", help="Also write some samples to a file (.png).")
    ] = None,
    json: Json = False,
) -> None:
    """Describe a data set by name, a recipe's data, or a file or folder of yours.

    --set data.key=NAME chooses an array of an .npz, and so on for any field of the source.
    """
    if out is not None:
        require_parent(out)
    recipe = apply(_recipe(name), list(set_ or ()))
    data = load_data(recipe.data)
    if out is not None:
        require_writable(out, data.spec)
        chosen = np.linspace(0, len(data.values) - 1, SHOWN[data.spec.domain])
        write_samples(out, data.natural(np.unique(chosen.astype(int))), data.spec)
    record = describe(data) | {"train": _command(name, data, set_ or [])}
    finish(record, _prose(record), json)


def _recipe(name: str) -> Recipe:
    if Path(name).exists() and not name.endswith((".yaml", ".yml")):
        return Recipe.parse({"data": guess_source(Path(name)).plain()})
    if name in {row["name"] for row in known()}:
        return Recipe.parse({"data": name})
    if name in built_in() or name.endswith((".yaml", ".yml")):
        return read_recipe(name)
    return Recipe.parse({"data": guess_source(Path(name)).plain()})


def _command(name: str, data: DataSet, edits: list[str]) -> str:
    """The command that trains on what was shown, as a shell takes it."""
    words = ["vaestro", "train"]
    if name in built_in() or name.endswith((".yaml", ".yml")):
        words += [name]
    elif Path(name).exists():
        words += [recipe_for(data), "--data", name]
    else:
        words += [recipe_for(data), "--set", f"data={name}"]
    alone = data.groups is not None and len(np.unique(data.groups)) == 1
    for edit in [*edits, *(["split.whole_groups=false"] if alone else [])]:
        words += ["--set", edit]
    return shlex.join(words)


def _prose(record: dict[str, Any]) -> str:
    rows = {key.replace("_", " "): _worded(key, value) for key, value in record.items()}
    rows = {key: value for key, value in rows.items() if value}
    width = max(map(len, rows))
    return "\n".join(f"{key:>{width}}  {value}" for key, value in rows.items())


def _worded(key: str, value: Any) -> str:
    """A fact in words; empty for what there is none of."""
    match key:
        case "labels" if value:
            some = [f"{name} ({count})" for name, count in list(value.items())[:MOST_LABELS]]
            return f"{len(value)}: {', '.join(some)}{', ...' if len(value) > MOST_LABELS else ''}"
        case "covariates":
            return "; ".join(
                f"{name} {f['minimum']:.4g} to {f['maximum']:.4g} (mean {f['mean']:.4g})"
                for name, f in value.items()
            )
        case "notes":
            return "; ".join(value)
        case "shape" | "voxel_sizes" if value:
            return " x ".join(f"{size:g}" for size in value)
        case "names" if value:
            return ", ".join(value[:MOST_LABELS]) + (", ..." if len(value) > MOST_LABELS else "")
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else f"{value:,}" if isinstance(value, int) else str(value)
