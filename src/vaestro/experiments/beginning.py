"""What a run's folder holds before the run's first step."""

import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from vaestro.data.arrays import ArraysConfig
from vaestro.data.dataset import DataSet
from vaestro.experiments.assemble import Assembly
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.same_data import known_by
from vaestro.foundation.files import write_json, write_text
from vaestro.health.forecast.forecast import Forecast
from vaestro.runs.folder import RunFolder


def write_beginning(folder: RunFolder, recipe: Recipe, assembly: Assembly, told: Forecast) -> None:
    """Write what a run's folder holds before its first step; `recipe` as it is kept there."""
    write_text(folder.recipe, recipe.to_yaml())
    write_json(folder.forecast, told.as_json())
    _write_manifest(folder, recipe, assembly)


def kept_data(recipe: Recipe, data: DataSet, root: Path) -> Recipe:
    """Data from Python are kept in the run folder, so that it can resume and evaluate alone."""
    path = root / "data.npz"
    data.write(path)
    source = ArraysConfig.parse(
        {
            "path": str(path.resolve()),
            "key": "values",
            "labels_key": None if data.labels is None else "labels",
            "covariate_keys": list(data.covariates),
            "layout": f"{data.spec.domain}s",
            "values": data.spec.values,
        }
    )
    return recipe.model_copy(update={"data": source})


def _write_manifest(folder: RunFolder, recipe: Recipe, assembly: Assembly) -> None:
    material, vae = assembly.material, assembly.vae
    spec = material.data.spec
    parameters = sum(p.numel() for p in vae.parameters())
    folder.update_manifest(
        vaestro=version("vaestro"),
        torch=torch.__version__,
        python=platform.python_version(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        status="running",
        name=recipe.name,
        data={
            "name": material.data.name,
            "samples": len(material.data.values),
            "domain": spec.domain,
            "shape": list(spec.shape),
            "elements": spec.elements,
            "values": spec.values,
            "labels": None if spec.label_names is None else list(spec.label_names),
            "covariates": list(material.data.covariates),
            "notes": list(material.data.notes),
            **known_by(recipe, material),
            **{name: len(material.split.of(name)) for name in ("train", "validation", "test")},
        },
        transform=material.transform.facts(),
        parameters=parameters,
        compression=material.spec.elements / vae.latent,
        **assembly.effective,
        plan=assembly.plan.describe(),
        **({"faults": list(assembly.changes)} if assembly.changes else {}),
    )
