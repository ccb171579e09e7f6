"""vaestro trains variational autoencoders that do not silently die.

Names are loaded when first used, so that importing the package loads no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaestro.estimator import VAE
    from vaestro.experiments.face import train
    from vaestro.experiments.forecasting.face import forecast
    from vaestro.experiments.recipe import Recipe
    from vaestro.experiments.run import Run, load
    from vaestro.foundation.errors import UserError, VaestroError
    from vaestro.health.diagnosis.diagnose import diagnose
    from vaestro.networks.registry import part

_HOMES = {
    "VAE": "vaestro.estimator",
    "Recipe": "vaestro.experiments.recipe",
    "Run": "vaestro.experiments.run",
    "UserError": "vaestro.foundation.errors",
    "VaestroError": "vaestro.foundation.errors",
    "diagnose": "vaestro.health.diagnosis.diagnose",
    "forecast": "vaestro.experiments.forecasting.face",
    "load": "vaestro.experiments.run",
    "part": "vaestro.networks.registry",
    "train": "vaestro.experiments.face",
}

__all__ = [
    "VAE",
    "Recipe",
    "Run",
    "UserError",
    "VaestroError",
    "diagnose",
    "forecast",
    "load",
    "part",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'vaestro' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
