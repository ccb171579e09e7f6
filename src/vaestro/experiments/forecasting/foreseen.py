"""What a run's forecast.json tells those that look at the run later: the monitor and the doctor."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from vaestro.experiments.assemble import Assembly
from vaestro.foundation.errors import RunFolderError
from vaestro.foundation.files import read_object
from vaestro.health.remedies.edits import Edits
from vaestro.probability.likelihoods.gaussian import GaussianConfig
from vaestro.probability.likelihoods.spread import Fixed
from vaestro.runs.folder import RunFolder


class Foreseen(NamedTuple):
    """eigenvalue: the largest one relative to the effective beta; ppca: the loss of probabilistic
    PCA with as many latents, nats per sample, None where it does not compare; escape: the edits
    that were found to help against a collapse; cures: the edits, by the kind of finding, that put
    the numbers of the first step right."""

    eigenvalue: float | None = None
    ppca: float | None = None
    escape: Edits = ()
    cures: Mapping[str, Edits] = MappingProxyType({})


NOTHING = Foreseen()


def foreseen(folder: RunFolder, assembly: Assembly) -> Foreseen:
    """What the forecast in `folder` says of the run; NOTHING where there is none. A remedy may have
    changed beta or a fixed variance since. Raises RunFolderError for a damaged one."""
    if not folder.forecast.is_file():
        return NOTHING
    try:
        return _read(read_object(folder.forecast), assembly)
    except (KeyError, TypeError) as fault:
        raise RunFolderError(
            f"{folder.forecast} is damaged ({fault!r}): restore it, or remove it to do without"
        ) from None


def _read(told: dict[str, Any], assembly: Assembly) -> Foreseen:
    escape, found = tuple(told.get("against_collapse", ())), told["findings"]
    cures = {one["kind"]: tuple(one["remedies"]) for one in reversed(found)}
    fixed = told["effective_variance"] is not None
    unit = "effective_variance" if fixed else "effective_beta"
    then, now = told[unit], assembly.effective[unit]
    if not told["eigenvalues"] or not then or not now:
        return Foreseen(escape=escape, cures=cures)
    leading = (told["eigenvalues_held_out"] or told["eigenvalues"])[0]
    ppca = _ppca(told["baselines"], assembly, changed=now != then)
    return Foreseen(float(leading * then / now), ppca, escape, cures)


def _ppca(told: dict[str, Any], assembly: Assembly, changed: bool) -> float | None:
    """Of a Gaussian with a fixed variance the optimum of the linear VAE under the same loss, which
    is probabilistic PCA (Lucas et al. 2019); of a learned variance minus the log-likelihood of
    probabilistic PCA at its own, of which the loss is a bound where beta is 1."""
    likelihood = assembly.recipe.model.likelihood
    if not isinstance(likelihood, GaussianConfig) or not assembly.vae.head.stochastic:
        return None
    if isinstance(likelihood.variance, Fixed):
        return None if changed else told["linear"]
    return told["ppca"] if assembly.effective["effective_beta"] == 1.0 else None
