"""A sweep made by hand for the tests of its page: nothing is trained."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaestro.reports.sweep.facts import Axis, Figure, Importance, State, SweepFacts, Trial

AXES = (
    Axis("objective.beta", 1.0, 64.0, log=True),
    Axis("model.encoder.kind", values=("dense", "conv")),
    Axis("model.encoder.channels", values=("[16, 32]", "[32, 64]"), conditional=True),
    Axis("model.likelihood.variance.value", 0.01, 1.0, log=True),
    Axis("training.batch_size", 32, 256),
)
TERMS = (Figure("data_term", "minimize"), Figure("prior_term", "minimize"))
ELBO = (Figure("elbo", "maximize"),)
BASELINE = 206.0


def made_trial(number: int, draw: np.random.Generator, run: Path | None = None) -> Trial:
    """A trial whose data term rises and whose prior term falls with beta."""
    beta = float(np.exp(draw.uniform(0, np.log(64.0))))
    kind = str(draw.choice(["dense", "conv"]))
    params: dict[str, Any] = {
        "objective.beta": beta,
        "model.encoder.kind": kind,
        "model.likelihood.variance.value": float(10 ** draw.uniform(-2, 0)),
        "training.batch_size": int(draw.integers(32, 257)),
    }
    if kind == "conv":
        params["model.encoder.channels"] = str(draw.choice(["[16, 32]", "[32, 64]"]))
    prior_term = max(0.0, 28 * (1 - np.log(beta) / 4)) * float(draw.uniform(0.85, 1.1))
    data_term = BASELINE - 130 * (1 - np.exp(-prior_term / 12)) + float(draw.uniform(0, 9))
    values = {"data_term": data_term, "prior_term": prior_term, "elbo": -data_term - prior_term}
    state: State = "finished"
    trained, reason = True, ""
    if beta > 30:
        state, trained = "pruned", False
        reason = "This run will collapse: no direction of the data can live."
        values = {"data_term": BASELINE, "prior_term": 0.0, "elbo": -BASELINE}
    elif beta > 22:
        state, reason = "pruned", "No latent dimension carried anything after 5 epochs."
    elif number % 17 == 3:
        state, trained, reason, values = "failed", False, "The layers <b>do not fit</b>.", {}
    return Trial(
        number=number,
        params=params,
        edits=tuple(f"{name}={_text(value)}" for name, value in params.items()),
        values=values,
        state=state,
        reason=reason,
        verdict="healthy" if state == "finished" else "",
        seconds=3.0 if trained else None,
        trained=trained,
        run=run if state == "finished" else None,
    )


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def made_sweep(
    folder: Path, count: int = 40, run: Path | None = None, **changes: Any
) -> SweepFacts:
    """A finished sweep of `count` trials in both terms; `changes` replace its fields."""
    draw = np.random.default_rng(3)
    trials = tuple(made_trial(number, draw, run) for number in range(count))
    done = sorted(
        (trial for trial in trials if trial.state == "finished"),
        key=lambda trial: trial.values["data_term"] or 0.0,
    )
    front: list[Trial] = []
    for trial in done:
        if not front or (trial.values["prior_term"] or 0) < (front[-1].values["prior_term"] or 0):
            front.append(trial)
    shares = {axis.field: 0.1 for axis in AXES if not axis.conditional} | {"objective.beta": 0.66}
    facts = SweepFacts(
        folder=folder,
        name="digits & <script>alert(1)</script>",
        about="made by hand",
        status="finished",
        base="name: digits\nabout: <i>made</i>\n",
        search="tpe",
        axes=AXES,
        figures=TERMS,
        order="pareto",
        limits=("objective.beta>=1",),
        trials=trials,
        wanted=count,
        best=front[len(front) // 2].number if front else None,
        front=tuple(trial.number for trial in front),
        importance=(Importance("data_term", shares), Importance("prior_term", shares)),
        seconds=212.0,
        recipe="name: digits\nobjective: {beta: 3}\n",
        train="vaestro train s/best.yaml --set training.epochs=90",
        go_on="vaestro sweep digits --out s --trials 80",
    )
    return replace(facts, **changes)


def made_sweep_of_one(folder: Path, **changes: Any) -> SweepFacts:
    """The made sweep as one that looks at the ELBO alone."""
    facts = made_sweep(folder)
    done = [trial for trial in facts.trials if trial.state == "finished"]
    best = max(done, key=lambda trial: trial.values["elbo"] or 0.0).number
    return replace(facts, figures=ELBO, best=best, front=(best,), importance=(), **changes)


def made_run(folder: Path, shape: tuple[int, ...] = (1, 8, 8), seed: int = 0) -> Path:
    """A run folder with the pictures that a page reads, and no more."""
    (folder / "snapshots").mkdir(parents=True)
    (folder / "recipe.yaml").write_text("name: made\nmodel: {latent: 2}\n")
    manifest = {"name": "made", "status": "finished", "data": {"shape": list(shape)}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    data, model = np.random.default_rng(0), np.random.default_rng(seed + 1)
    np.savez(
        folder / "snapshots" / "final.npz",
        validation_original=data.random((16, *shape)).astype(np.float32),
        validation_reconstruction=model.random((16, *shape)).astype(np.float32),
        samples=model.random((64, *shape)).astype(np.float32),
    )
    return folder
