"""vaestro arithmetic"""

from pathlib import Path
from typing import Annotated

import torch
from cyclopts import Parameter, validators

from vaestro.cli.output import AT_LEAST_ONE, Json, Out, finish, require_parent
from vaestro.data.writing import require_writable, write_rows
from vaestro.experiments.run import load
from vaestro.experiments.sample_set import members
from vaestro.generation.traversals import between, moved


def arithmetic(
    run: Path,
    /,
    *,
    plus: Annotated[
        str, Parameter(help="The set to go to: a label, or NAME>NUMBER or NAME<NUMBER.")
    ],
    minus: Annotated[str, Parameter(help="The set to come from, named in the same way.")],
    out: Out,
    split: Annotated[str, Parameter(help="Whose samples are moved: validation or test.")] = "test",
    n: Annotated[int, Parameter(help="How many samples, one a row.", validator=AT_LEAST_ONE)] = 8,
    steps: Annotated[
        int,
        Parameter(help="Pictures a row, both ends included.", validator=validators.Number(gte=2)),
    ] = 8,
    json: Json = False,
) -> None:
    """Write what becomes of held-out samples of one set on the way to another.

    The way is the mean code of the set --plus less that of the set --minus, both of the training
    split; each row goes from a sample of the set --minus, as the model reconstructs it, all along
    it.
    """
    require_parent(out)
    loaded = load(run)
    require_writable(out, loaded.spec)
    known = loaded.encode("train").mean
    data, parts = loaded.material.data, loaded.material.split
    sets = [members(text, data, parts.of("train")) for text in (plus, minus)]
    way = between(*(known[inside] for inside in sets))
    held = loaded.encode(split)
    rows = torch.from_numpy(members(minus, data, parts.of(split)).nonzero()[0][:n])
    samples = moved(loaded.vae, held.mean[rows], way, steps, held.given.part(rows))
    write_rows(out, samples.numpy(), loaded.spec)
    record = {
        "run": str(run),
        "out": str(out),
        "plus": plus,
        "minus": minus,
        "n": len(rows),
        "steps": steps,
        "distance": float(way.norm()),
        "sets": [int(inside.sum()) for inside in sets],
    }
    finish(record, f"{len(rows)} samples of {minus} on the way to {plus} in {out}", json)
