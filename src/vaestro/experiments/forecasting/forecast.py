"""From a recipe, or from data alone, to a forecast: the parts are put together here.

Shape letters: N samples, D elements, * the sample's axes.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

from torch import nn

from vaestro.experiments.assemble import Assembly, assemble, weighted
from vaestro.experiments.forecasting.numerics import numbers_of
from vaestro.experiments.forecasting.probed import Probing, may_probe, probed
from vaestro.experiments.forecasting.samples import groups_of, halved
from vaestro.experiments.recipe import Recipe
from vaestro.experiments.remedies import edited
from vaestro.experiments.snapshots import write_snapshot
from vaestro.foundation.schedules import Forecast as WarmUp
from vaestro.health.forecast.cost import Cost, expected_cost
from vaestro.health.forecast.escape import Growth, Verdict
from vaestro.health.forecast.forecast import Forecast, Judgement, judgement
from vaestro.health.forecast.forecast import forecast as forecast_of
from vaestro.health.forecast.look import Look, look
from vaestro.health.forecast.setting import Setting
from vaestro.health.remedies.against_collapse import against_collapse
from vaestro.probability.importance_objective import ImportanceConfig
from vaestro.probability.likelihoods.gaussian import GaussianConfig
from vaestro.probability.likelihoods.spread import Fixed, Optimal, Shared
from vaestro.probability.objective import ObjectiveConfig


def forecast_assembly(
    assembly: Assembly,
    probing: Probing = "none",
    timed: bool = False,
    found: Look | None = None,
) -> tuple[Assembly, Forecast]:
    """An assembled run, its warm-up settled where the recipe leaves it to the forecast, and its
    forecast: the training samples are looked at, and one batch goes through the untrained model.

    `probing`: whether a copy of the run takes its first steps. `timed`: some of them are timed.
    `found`: what `look_at` says of another run on the same data under the same likelihood.
    """
    found = look_at(assembly) if found is None else found
    assembly = settled(assembly, found)
    told = judged_recipe(assembly, found, probing)
    cost = cost_of(assembly) if timed else None
    return assembly, replace(told, findings=numbers_of(assembly), cost=cost)


def cost_of(assembly: Assembly) -> Cost:
    """What the run will take, from some of its steps on a copy and one snapshot elsewhere."""
    with tempfile.TemporaryDirectory() as elsewhere:
        return expected_cost(
            assembly.task,
            assembly.stream,
            assembly.material.batches("validation")(),
            len(assembly.material.samples["validation"]),
            assembly.recipe.training,
            assembly.horizon,
            assembly.recipe.seed,
            snapshot=lambda: _snapshot(Path(elsewhere) / "epoch-0000.npz", assembly),
        )


def _snapshot(path: Path, assembly: Assembly) -> None:
    """As the loop writes it; batch normalisation must not learn from it."""
    training = assembly.vae.training
    assembly.vae.eval()
    write_snapshot(path, assembly)
    assembly.vae.train(training)


def look_at(assembly: Assembly) -> Look:
    """What the training samples of an assembled run say, whatever its objective."""
    samples = halved(assembly)
    material, vae = assembly.material, assembly.vae
    training = material.samples["train"]
    unseen = training.augmentation is not None or training.store.changes
    return look(
        vae.likelihood, samples.rows, vae.latent, groups_of(assembly, samples.positions), unseen
    )


def settled(assembly: Assembly, found: Look) -> Assembly:
    """The assembly with `objective.beta: forecast` made what a run trains with: constant if that
    is forecast to be ok, else a warm-up; any other assembly as it is."""
    objective = assembly.recipe.objective
    if isinstance(objective, ImportanceConfig) or not isinstance(objective.beta, WarmUp):
        return assembly
    log_det = float(assembly.vae.transform.log_det.double())
    cold = objective.model_copy(update={"beta": objective.beta.settled(sure=True)})
    changed = assembly.recipe.model_copy(update={"objective": cold})
    sure = judgement(found, setting_of(assembly, changed), log_det).verdict == "ok"
    return weighted(assembly, objective.beta.settled(sure))


def plain_verdict(assembly: Assembly, found: Look) -> Verdict:
    """The verdict of `judged_recipe` without a probe, and nothing that takes longer to say."""
    log_det = float(assembly.vae.transform.log_det.double())
    return judgement(found, setting_of(assembly, assembly.recipe), log_det).verdict


def judged_recipe(assembly: Assembly, found: Look, probing: Probing = "none") -> Forecast:
    """The forecast from what the data say, with the edits that would make it ok. A full probe is
    also taken of the run with each edit, a brief one of the run alone."""
    setting = setting_of(assembly, assembly.recipe)
    log_det = float(assembly.vae.transform.log_det.double())
    full = probing == "full"

    def would(edit: str) -> Verdict | None:
        recipe = edited(assembly.recipe, edit)
        if recipe is None:
            return None
        changed = setting_of(assembly, recipe)
        seen = _rescaled(found, setting, changed)
        plain = judgement(seen, changed, log_det)
        grown = _growth(assembly, recipe, plain, changed, probing) if full else None
        return judgement(seen, changed, log_det, grown).verdict

    made = judgement(found, setting, log_det)
    tried = may_probe(assembly, probing) and (full or made.open)
    grown = _growth(assembly, assembly.recipe, made, setting, probing) if tried else None
    made = judgement(found, setting, log_det, grown)
    helping = against_collapse(made, setting, would, full)
    return forecast_of(found, setting, log_det, helping, grown, tried)


def _growth(
    assembly: Assembly, recipe: Recipe, made: Judgement, setting: Setting, probing: Probing
) -> Growth | None:
    """What a probe of `recipe` sees on the data of `assembly`; None where none is needed."""
    if made.verdict == "collapse" or setting.controlled or setting.objective.free_bits > 0:
        return None
    if recipe == assembly.recipe:
        return probed(assembly, made.threshold.effective, probing)
    other = assemble(recipe, assembly.plan, assembly.material.data)
    try:
        return probed(other, made.threshold.effective, probing)
    finally:
        other.stream.close()


def setting_of(assembly: Assembly, recipe: Recipe) -> Setting:
    """What of `recipe` decides, on the data and the networks of `assembly`."""
    weighted = recipe.objective
    per_epoch = assembly.horizon.steps_per_epoch
    likelihood = recipe.model.likelihood
    fixed = likelihood.variance if isinstance(likelihood, GaussianConfig) else None
    return Setting(
        objective=ObjectiveConfig() if isinstance(weighted, ImportanceConfig) else weighted,
        elements=assembly.material.spec.elements,
        latent=assembly.vae.latent,
        horizon=assembly.horizon._replace(steps=recipe.training.epochs * per_epoch),
        training=recipe.training,
        posterior=recipe.model.posterior,
        prior=recipe.model.prior.kind,
        fixed_variance=fixed.value if isinstance(fixed, Fixed) else None,
        importance=isinstance(weighted, ImportanceConfig),
        hidden_layers=_hidden_layers(assembly.vae.decoder),
        learned_variance=isinstance(fixed, Shared | Optimal),
    )


def _hidden_layers(decoder: nn.Module) -> int:
    """How many layers with weights stand between the code and the decoder's last one."""
    kinds = (nn.Linear, nn.modules.conv._ConvNd)
    return max(0, sum(isinstance(part, kinds) for part in decoder.modules()) - 1)


def _rescaled(found: Look, before: Setting, after: Setting) -> Look:
    """The look under another fixed variance: M = C / variance."""
    old, new = before.fixed_variance, after.fixed_variance
    if old is None or new is None or old == new:
        return found
    return replace(found, deciding=found.deciding.times(old / new), proxy=found.proxy * old / new)
