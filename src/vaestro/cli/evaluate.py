"""vaestro evaluate"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vaestro.cli.output import AT_LEAST_ONE, Json, finish
from vaestro.data.reading import read_samples
from vaestro.experiments.run import load
from vaestro.reports.conditioning import effect_lines, ignored


def evaluate(
    run: Path,
    /,
    *,
    split: Annotated[str, Parameter(help="train, validation or test.")] = "test",
    data: Annotated[Path | None, Parameter(help="A file of samples instead of a split.")] = None,
    samples: Annotated[
        int, Parameter(help="Importance samples for the NLL.", validator=AT_LEAST_ONE)
    ] = 64,
    conditioning: Annotated[
        bool, Parameter(help="Of a conditional model, measure whether samples carry the condition.")
    ] = True,
    json: Json = False,
) -> None:
    """Measure a run on a split: one record, all in nats per sample."""
    loaded = load(run)
    x = None if data is None else read_samples(data, loaded.spec, loaded.recipe.data)
    record = loaded.evaluate(split, x, samples, conditioning=conditioning)
    loaded.keep_evaluation(record)
    finish(record, "\n".join([_prose(record), *ignored(record, loaded.recipe.plain())]), json)


def _prose(record: dict[str, object]) -> str:
    names = ("elbo", "nll", "data_term", "prior_term", "mse", "live_dimensions")
    more = ("mutual_information", "prior_mismatch", "bits_per_dimension", "n")
    skips = ("skip_term",) if record["skip_term"] is not None else ()
    rows = [(name, record[name]) for name in (*names, *skips, *more)]
    lines = [f"{name:>20}  {_shown(value)}" for name, value in rows]
    if record["mutual_information_cap"] is not None:
        cap = _shown(record["mutual_information_cap"])
        lines.append(
            f"(the mutual information is an estimate that cannot exceed {cap}; what it "
            "misses is counted as prior mismatch)"
        )
    lines += effect_lines(record)
    return "\n".join([f"{record['run']}, {record['split']} split, nats per sample:", *lines])


def _shown(value: object) -> str:
    if value is None:
        return "not defined"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
