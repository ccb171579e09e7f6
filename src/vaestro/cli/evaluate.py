"""vaestro evaluate"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter, validators

from vaestro.cli.new_samples import instead
from vaestro.cli.output import AT_LEAST_ONE, Json, finish
from vaestro.evaluation.settings import SECTIONS
from vaestro.experiments.run import Run, load
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
    sources = _sources(source, wanted)
    loaded = load(run)
    record = loaded.evaluate(
        split,
        samples=samples,
        seed=seed,
        conditioning=conditioning,
        sections=wanted,
        ais=ais,
        sources=sources,
        **instead(loaded, data),
    )
    _told(loaded, record, data, json)


def _told(run: Run, record: dict[str, Any], data: Path | None, json: bool) -> None:
    """Keep the record, unless it is of other data, and print it."""
    lines = [*ignored(record, run.recipe.plain())]
    if data is not None:
        record["settings"]["data"] = str(data)
        lines.append(NOT_KEPT)
    try:
        if data is None:
            run.keep_evaluation(record)
    finally:  # it is told also where it cannot be kept
        finish(record, "\n".join([printed(record), *lines]), json)


def _sources(text: str, sections: Sequence[str]) -> tuple[str, ...]:
    """What samples are drawn from. Raises RecipeError where none are looked at."""
    sources = _names(text) or ("prior",)
    if sources != ("prior",) and "samples" not in sections:
        raise RecipeError(
            f"--from {text} says what samples are drawn from, and no samples are looked at; "
            "add --sections samples or --full"
        )
    return sources


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
