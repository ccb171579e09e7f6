"""What the sections of an evaluation found, as small tables: likelihood and latent space."""

from collections.abc import Iterator, Mapping
from typing import Any

from vaestro.reports.evaluation_samples import compared, copied, shaped
from vaestro.reports.facts import finite, mapping
from vaestro.reports.numerals import MINUS, NONE, number
from vaestro.reports.quantities import NATS, Row, Section, with_error

BASELINES = (
    ("constant", "Best constant"),
    ("linear", "Principal components"),
    ("nearest", "Nearest training sample"),
)


def sections(record: Mapping[str, Any]) -> list[Section]:
    """The tables of the sections that an evaluation record has."""
    likelihood, latent = (mapping(record.get(name)) for name in ("likelihood", "latent"))
    samples = mapping(record.get("samples"))
    found = [
        *_beside(record, mapping(likelihood.get("baselines"))),
        *_annealed(mapping(likelihood.get("ais"))),
        *_aggregate(latent),
        *_probed(mapping(latent.get("probes"))),
        *_disentangled(mapping(latent.get("disentanglement"))),
        *compared(samples),
        *copied(samples),
        *shaped(samples),
    ]
    return [section for section in found if section.rows]


def _beside(record: Mapping[str, Any], beside: Mapping[str, Any]) -> Iterator[Section]:
    if not beside:
        return
    rows = [Row("This model", "", (number(record.get("nll")), number(record.get("mse"))))]
    for key, words in BASELINES:
        figures = mapping(beside.get(key))
        rows.append(Row(words, "", (number(figures.get("nll")), number(figures.get("mse")))))
    note = f"{number(beside.get('n'))} samples, learned from {number(beside.get('trained_on'))}"
    columns = (f"{MINUS}log p(x), {NATS}", "squared error")
    yield Section("Beside what needs no network", columns, tuple(rows), note)


def _annealed(found: Mapping[str, Any]) -> Iterator[Section]:
    if not found:
        return
    rows = (
        Row(f"{MINUS}log p(x), annealed", NATS, (with_error(found, "nll"),)),
        Row("its Monte Carlo error", NATS, (number(found.get("monte_carlo_error")),)),
        Row(f"{MINUS}log p(x), importance-weighted", NATS, (number(found.get("importance_nll")),)),
        Row("moves accepted", "share", (number(found.get("accepted")),)),
    )
    note = f"{number(found.get('n'))} samples, {number(found.get('distributions'))} distributions"
    yield Section("Annealed importance sampling", ("value",), rows, note)


def _aggregate(found: Mapping[str, Any]) -> Iterator[Section]:
    test, apart = mapping(found.get("mmd")), mapping(found.get("told_apart"))
    told = with_error(apart, "accuracy", "standard_error")
    values = (
        ("Total correlation", "nats", number(found.get("total_correlation"))),
        ("of a Gaussian like it", "nats", number(found.get("total_correlation_gaussian"))),
        ("MMD² to the prior", "", number(test.get("squared"))),
        ("its p-value", "", number(test.get("p_value"))),
        ("Draws told from the prior's, chance 0.5", "share", told),
    )
    rows = tuple(Row(label, unit, (value,)) for label, unit, value in values if value != NONE)
    yield Section("Latent space", ("value",), rows, f"{number(test.get('n'))} draws")


def _probed(probes: Mapping[str, Any]) -> Iterator[Section]:
    labels, rows = mapping(probes.get("labels")), []
    if labels:
        share = with_error(labels, "accuracy", "standard_error")
        rows.append(Row(f"label, chance {number(labels.get('chance'))}", "accuracy", (share,)))
    for name, figures in mapping(probes.get("covariates")).items():
        value = with_error(mapping(figures), "r2", "standard_error")
        rows.append(Row(str(name), "R²", (value,)))
    yield Section("What lines read from z", ("value",), tuple(rows))


def _disentangled(scores: Mapping[str, Any]) -> Iterator[Section]:
    dci, votes = mapping(scores.get("dci")), mapping(scores.get("factor_vae"))
    named = (
        ("MIG", scores.get("mig")),
        ("SAP", scores.get("sap")),
        ("DCI disentanglement", dci.get("disentanglement")),
        ("DCI completeness", dci.get("completeness")),
        ("DCI informativeness", dci.get("informativeness")),
        (f"FactorVAE score, chance {number(votes.get('chance'))}", votes.get("accuracy")),
    )
    rows = tuple(
        Row(name, "", (number(value),)) for name, value in named if finite(value) is not None
    )
    factors = ", ".join(map(str, scores.get("factors") or ()))
    yield Section("Disentanglement", ("value",), rows, f"factors {factors}")
