"""The measured conditioning effect in words: rows for a table, lines for a terminal, advice."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaestro.health.remedies.edits import BY_FILM, TELL_BOTH
from vaestro.reports.facts import finite
from vaestro.reports.numerals import number

IGNORED = 0.2
"""Samples that come less than this part of the way from chance to the judge's ceiling ignore what
was asked for."""

OF_LABELS = (
    ("sample_accuracy", "samples with the label asked for", "sample_chance", "chance"),
    ("judge_accuracy", "real samples judged right", None, "the ceiling"),
    ("latent_leak", "labels read from z", "chance", "chance"),
)
OF_COVARIATE = (
    ("covariate_r2", "in samples, against what was asked for"),
    ("monotone", "rank correlation with what was asked for"),
    ("judge_r2", "in real samples (the ceiling)"),
    ("latent_leak_r2", "read from z"),
    ("predictor_r2", "as the model predicts it"),
)


def effect_rows(evaluation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(quantity, unit, value) of every figure that an evaluation record has of conditions."""
    effect = _part(evaluation, "conditioning")
    labels = _part(effect, "labels")
    for key, words, beside, meaning in OF_LABELS:
        value = finite(labels.get(key))
        if value is not None:
            told = f" ({meaning} {number(finite(labels.get(beside)))})" if beside else ""
            shown = words if beside else f"{words} ({meaning})"
            yield shown.capitalize(), "share", f"{number(value)}{told}"
    for name, figures in _part(effect, "covariates").items():
        for key, words in OF_COVARIATE:
            value = finite(figures.get(key))
            if value is not None:
                unit = "correlation" if key == "monotone" else "R\u00b2"
                yield f"{name} {words}", unit, number(value)


def effect_lines(evaluation: Mapping[str, Any]) -> list[str]:
    """The same for a terminal, under a heading; nothing for an unconditional model."""
    rows = list(effect_rows(evaluation))
    if not rows:
        return []
    lines = [f"{value:>20}  {unit + ', ' + words}" for words, unit, value in rows]
    return ["conditions, as judges see them that learned from real training samples:", *lines]


def ignored(evaluation: Mapping[str, Any], recipe: Mapping[str, Any]) -> list[str]:
    """A sentence for each condition that samples do not carry, with what to do about it."""
    effect = _part(evaluation, "conditioning")
    labels = _part(effect, "labels")
    reached = [finite(labels.get(k)) for k in ("sample_accuracy", "sample_chance")]
    ceiling = finite(labels.get("judge_accuracy"))
    names = ["the label"] if _is_ignored(reached[0], reached[1], ceiling) else []
    for name, figures in _part(effect, "covariates").items():
        asked, most = finite(figures.get("covariate_r2")), finite(figures.get("judge_r2"))
        names += [name] if _is_ignored(asked, 0.0, most) else []
    return [f"Samples do not carry {name}: {_remedy(recipe)}" for name in names]


def _is_ignored(value: float | None, chance: float | None, ceiling: float | None) -> bool:
    """False where the judge itself does not see the condition, and so cannot tell."""
    if value is None or chance is None or ceiling is None or ceiling - chance < IGNORED:
        return False
    return (value - chance) / (ceiling - chance) < IGNORED


def _remedy(recipe: Mapping[str, Any]) -> str:
    into = _part(_part(recipe, "model"), "condition").get("into")
    if into in ("encoder", "neither"):
        return (
            f"the decoder is not told it (model.condition.into={into}); "
            f"train with --set {TELL_BOTH}."
        )
    return f"the model has not learned to use it; train longer, or with --set {BY_FILM}."


def _part(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = values.get(key)
    return part if isinstance(part, Mapping) else {}
