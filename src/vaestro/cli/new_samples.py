"""The samples of `--data`, as a run takes them in the place of a split."""

from pathlib import Path
from typing import Any

from vaestro.data.reading import read_new
from vaestro.experiments.run import Run


def instead(run: Run, data: Path | None) -> dict[str, Any]:
    """The arguments `x`, `labels` and `covariates` of a run's methods; none without a file. Raises
    DataError as `read_new` does."""
    if data is None:
        return {}
    new = read_new(data, run.spec, run.recipe.data)
    return {"x": new.values, "labels": new.labels, "covariates": new.covariates}
