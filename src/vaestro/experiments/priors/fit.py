"""Fit priors to a run's aggregate posterior, measure them on held-out latents and keep them.

Shape letters: N samples, K latents.
"""

import time
from collections.abc import Sequence
from typing import Any

from vaestro.experiments.priors.second_stage import fit_second_stage
from vaestro.experiments.priors.subject import Subject, keep_samples, measured
from vaestro.experiments.watch import Display
from vaestro.foundation.edits import edited, listed
from vaestro.foundation.errors import RecipeError, nearest
from vaestro.foundation.files import read_json
from vaestro.generation.priors.config import (
    FitConfig,
    Fitting,
    FlowConfig,
    MafConfig,
    MixtureConfig,
    TwoStageConfig,
)
from vaestro.generation.priors.fitted import CONFIG, FittedPrior, Kept, write_prior
from vaestro.generation.priors.flow_training import Tick, fit_flow
from vaestro.generation.priors.gaussian import fit_gaussian
from vaestro.generation.priors.groups import Grouped
from vaestro.generation.priors.kinds import is_outdated
from vaestro.generation.priors.mixture import fit_mixture
from vaestro.generation.priors.names import FITTED, TRAINED
from vaestro.runs.weights_digest import weights_digest

MOST_DIMENSIONS = 512
"""Gaussians, mixtures and flows of more latents are refused."""


def configs(kind: str, assignments: Sequence[str] | None = ()) -> list[FitConfig]:
    """What to fit for `--kind`: one prior with its `field=value` edits, or every kind for best.

    Raises RecipeError for a kind or a field that does not exist.
    """
    legal, edits = [*FITTED, "best"], listed(assignments)
    if kind == "diffusion":
        raise RecipeError("--kind diffusion is trained, not fitted: `vaestro diffuse RUN`")
    if kind not in legal:
        raise RecipeError(f"--kind {kind}: there is no such prior; {nearest(kind, legal)}")
    if kind == "best" and edits:
        raise RecipeError(
            f"--set {edits[0]!r} is for one kind of prior, and --kind best fits them all; "
            "give --kind mixture, say"
        )
    if kind == "best":
        return [Fitting.parse({"prior": name}).prior for name in FITTED]
    plain = Fitting.parse({"prior": kind}).plain()["prior"]
    return [Fitting.parse({"prior": edited(plain, tuple(edits))}).prior]


def fit_priors(
    subject: Subject, wanted: Sequence[FitConfig], seed: int, display: Display, tick: Tick
) -> dict[str, Any]:
    """Fit each wanted prior and keep it in RUN/priors/KIND; returns what `fit-prior --json` prints.

    `priors`: the figures of the model's own prior, then of every one that the run now has, each on
    the same held-out draws; `best`: the one with the greatest held-out log density. Where
    several are wanted, one that does not serve this model is left out and said. Raises RecipeError
    for a single one.
    """
    own = {"kind": "prior", **measured(subject, None).plain(), "seconds": None, "fitted": {}}
    for config in wanted:
        try:
            _require_fitting(subject, config)
        except RecipeError as fault:
            if len(wanted) == 1:
                raise
            display.say(f"{config.kind} is left out: {fault}")
            continue
        display.say(f"fitting {config.kind} to {len(subject.train):,} posteriors")
        _fit(subject, config, seed, display, tick)
    kept = _kept(subject)
    known = [one for one in (own, *kept) if one["held_out_nats"] is not None]
    best = max(known, key=lambda one: one["held_out_nats"])["kind"] if known else None
    return {"run": str(subject.root), "best": best, "priors": [own, *kept]}


def _fit(subject: Subject, config: FitConfig, seed: int, display: Display, tick: Tick) -> None:
    """Fit one prior and write its folder, its samples first and its configuration last."""
    began = time.monotonic()
    folder = subject.root / "priors" / config.kind
    prior, kept = _made(subject, config, seed, display, tick)
    (folder / CONFIG).unlink(missing_ok=True)
    keep_samples(folder / "samples.npz", subject.vae, prior, subject.seed)
    figures = measured(subject, prior, bound=isinstance(config, TwoStageConfig)).plain()
    facts = {
        "kind": config.kind,
        "fields": config.plain(),
        "seed": seed,
        "told": list(subject.told),
        "latents": subject.vae.latent,
        "model_sha256": weights_digest(subject.root),
        "measured": {**figures, "seconds": round(time.monotonic() - began, 3)},
    }
    write_prior(folder, Kept({**facts, **kept.config}, kept.tensors))


def _made(
    subject: Subject, config: FitConfig, seed: int, display: Display, tick: Tick
) -> tuple[FittedPrior, Kept]:
    """The prior of `config`, and what of it is kept."""
    train, told = subject.train, subject.told
    match config:
        case MixtureConfig():
            return _grouped(fit_mixture(train, told, config, seed), subject)
        case FlowConfig() | MafConfig():
            flow, steps = fit_flow(train, told, config, seed, tick)
            return flow, Kept({"fitted": {"steps": steps}}, flow.tensors())
        case TwoStageConfig():
            folder = subject.root / "priors" / "two-stage"
            return fit_second_stage(folder, train, told, subject.vae.told, config, seed, display)
        case _:
            return _grouped(fit_gaussian(train, told), subject)


def _grouped(found: Grouped, subject: Subject) -> tuple[FittedPrior, Kept]:
    """A mixture with how many components each label has, and which labels share one."""
    components = found.components
    counts = components.log_weights.isfinite().sum(1).tolist()
    facts: dict[str, Any] = {"components": counts if subject.told.labels else counts[0]}
    if subject.told.labels:
        facts["pooled_labels"] = found.pooled
    return components, Kept({"fitted": facts}, components.tensors())


def _require_fitting(subject: Subject, config: FitConfig) -> None:
    """Raise RecipeError when a prior of this kind cannot be fitted to these latents."""
    size, count = subject.vae.latent, len(subject.train)
    if not isinstance(config, TwoStageConfig) and size > MOST_DIMENSIONS:
        raise RecipeError(
            f"--kind {config.kind}: the model has {size:,} latents, and this kind is for at most "
            f"{MOST_DIMENSIONS}, since it relates each to each; give --kind two-stage, or "
            f"`vaestro diffuse {subject.root}`"
        )
    if isinstance(config, FlowConfig | MafConfig) and size < 2:
        raise RecipeError(
            f"--kind {config.kind}: a flow changes latents by what others are, and this model has "
            "1; give --kind mixture"
        )
    if count < 20:
        raise RecipeError(
            f"--kind {config.kind}: the training split has {count} samples, and at least 20 are "
            "needed to fit a prior"
        )


def _kept(subject: Subject) -> list[dict[str, Any]]:
    """The figures of every whole prior in the run's folder that was made for its model."""
    paths = [subject.root / "priors" / name / CONFIG for name in TRAINED]
    configs = [read_json(path) for path in paths if path.is_file()]
    return [
        {"kind": config["kind"], **config["measured"], "fitted": config["fitted"]}
        for config in configs
        if not is_outdated(subject.root, config)
    ]
