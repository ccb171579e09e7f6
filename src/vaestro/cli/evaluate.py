"""vaestro evaluate"""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators

from vaestro.cli.output import AT_LEAST_ONE, Json, finish
from vaestro.data.reading import read_new
from vaestro.evaluation.settings import SECTIONS
from vaestro.experiments.run import load
from vaestro.foundation.errors import RecipeError
from vaestro.reports.conditioning import ignored
from vaestro.reports.evaluation_text import printed

NOT_NEGATIVE = validators.Number(gte=0)
NOT_KEPT = (
    "(printed only: evaluation.json and the report keep what was measured on the run's own splits)"
)


def evaluate(
    run: Path,
    /,
    *,
    split: Annotated[str, Parameter(help="train, validation or test.")] = "test",
    data: Annotated[
        Path | None,
        Parameter(help="A file of samples instead of a split; told, not kept with the run."),
    ] = None,
    samples: Annotated[
        int, Parameter(help="Importance samples for the NLL.", validator=AT_LEAST_ONE)
    ] = 64,
    sections: Annotated[
        str | None,
        Parameter(help="Measure more, of likelihood, latent and samples: names with commas."),
    ] = None,
    full: Annotated[bool, Parameter(negative="", help="Measure all sections.")] = False,
    ais: Annotated[
        int,
        Parameter(
            help="Anneal the NLL of 100 samples over so many distributions; 0 for none.",
            validator=NOT_NEGATIVE,
        ),
    ] = 0,
    source: Annotated[
        str,
        Parameter(
            name="--from", help="What the samples are drawn from, names with commas: prior, mixture"
        ),
    ] = "prior",
    conditioning: Annotated[
        bool, Parameter(help="Of a conditional model, measure whether samples carry the condition.")
    ] = True,
    seed: int = 0,
    json: Json = False,
) -> None:
    """Measure a run on a split: one record, all in nats per sample.

    Quick by default: the bound, the importance-weighted NLL, both terms, live dimensions,
    reconstructions. --full adds baselines, tests of the latent space, and sample quality. The
    record is kept as evaluation.json, which the report shows; that of other --data is only printed.
    """
    wanted = SECTIONS if full else _names(sections)
    sources = _names(source) or ("prior",)
    if sources != ("prior",) and "samples" not in wanted:
        raise RecipeError(
            f"--from {source} says what samples are drawn from, and no samples are looked at; "
            "add --sections samples or --full"
        )
    loaded = load(run)
    new = None if data is None else read_new(data, loaded.spec, loaded.recipe.data)
    x, labels, covariates = (None, None, None) if new is None else new
    record = loaded.evaluate(
        split, x, samples, seed, conditioning, wanted, ais, sources, labels, covariates
    )
    if data is not None:
        record["settings"]["data"] = str(data)
    lines = [printed(record), *ignored(record, loaded.recipe.plain())]
    try:
        if data is None:
            loaded.keep_evaluation(record)
        else:
            lines.append(NOT_KEPT)
    finally:  # it is told also where it cannot be kept
        finish(record, "\n".join(lines), json)


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
