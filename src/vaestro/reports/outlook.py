"""What the forecast said before the first step, beside what happened."""

from collections.abc import Iterator
from dataclasses import dataclass

from vaestro.reports.facts import ENDED, RunFacts, finite, mapping
from vaestro.reports.findings import Shown, commands, of_forecast
from vaestro.reports.numerals import NONE, counted, number
from vaestro.reports.tables import TIMES, cost

WORDS = {"ok": "can work", "at_risk": "at risk", "collapse": "will collapse"}


@dataclass(frozen=True)
class Beside:
    """One quantity as it was forecast and as it came."""

    label: str
    unit: str
    forecast: str
    happened: str


@dataclass(frozen=True)
class Outlook:
    """The forecast's sentence, whether it came true, the two side by side, why, and what it found
    and proposed."""

    sentence: str
    outcome: str
    rows: tuple[Beside, ...]
    reasons: tuple[str, ...]
    findings: tuple[Shown, ...]
    commands: tuple[str, ...]


def outlook(facts: RunFacts) -> Outlook | None:
    """None for a run without a forecast."""
    told = facts.forecast
    if not told.get("verdict"):
        return None
    reasons = told.get("reasons")
    return Outlook(
        str(told.get("sentence", "")),
        outcome(facts),
        tuple(_rows(facts)),
        tuple(map(str, reasons)) if isinstance(reasons, list) else (),
        tuple(of_forecast(facts)),
        commands(facts, told.get("remedies")),
    )


def outcome(facts: RunFacts) -> str:
    """Whether the forecast came true, of a run that has ended; empty where that means nothing."""
    verdict, live = str(facts.forecast.get("verdict")), facts.live
    changed = [str(mapping(entry).get("set")) for entry in facts.manifest.get("remedied") or ()]
    if changed:
        return f"The monitor has changed the recipe since: {', '.join(changed)}."
    expected = finite(facts.forecast.get("live_dimensions"))
    if live is None or expected is None or facts.status not in ENDED or verdict not in WORDS:
        return ""
    lives = f"{_many(live)} live."
    if verdict != "ok":
        return f"It {'came' if live == 0 else 'did not come'} true: {lives}"
    low, high = _interval(facts)
    if live == 0:
        return f"It did not come true: {lives}"
    inside = low is None or high is None or low <= live <= high
    span = "" if inside else f" {low:.0f} to {high:.0f} were expected."
    return f"It came true: {lives}{span}"


def _many(live: int) -> str:
    return counted(live, "dimension is", "dimensions are") if live else "no dimension is"


def _interval(facts: RunFacts) -> tuple[float | None, float | None]:
    interval = facts.forecast.get("live_interval")
    if not isinstance(interval, list) or len(interval) != 2:
        return None, None
    return finite(interval[0]), finite(interval[1])


def _rows(facts: RunFacts) -> Iterator[Beside]:
    told, manifest = facts.forecast, facts.manifest
    word = WORDS.get(str(told["verdict"]), str(told["verdict"]))
    yield Beside("Verdict", "", word, facts.verdict.replace("_", " "))
    if told.get("live_dimensions") is not None:
        yield Beside("Live dimensions", _of(facts), _expected(facts), number(facts.live))
    for key, label in (
        ("effective_beta", "Effective beta"),
        ("effective_variance", "Effective observation variance"),
    ):
        values = [number(finite(source.get(key))) for source in (told, manifest)]
        if values[0] != NONE:
            yield Beside(label, "", *values)
    strongest = _strongest(facts)
    if strongest:
        yield Beside("Largest eigenvalue", "over the effective beta", strongest, "")
    yield from _baselines(facts)


def _of(facts: RunFacts) -> str:
    return f"of {facts.latent}" if facts.latent else ""


def _expected(facts: RunFacts) -> str:
    """The interval, and the number of directions that pay for themselves."""
    count = number(facts.forecast.get("live_dimensions"))
    low, high = _interval(facts)
    return count if low is None or high is None or low == high else f"{low:.0f} to {high:.0f}"


def _strongest(facts: RunFacts) -> str:
    """The leading eigenvalue of the sample, and what is left of it on held-out samples."""
    told = facts.forecast
    values, held = told.get("eigenvalues"), told.get("eigenvalues_held_out")
    if not isinstance(values, list) or not values or not finite(told.get("effective_beta")):
        return ""
    beside = f" (held out {number(finite(held[0]))})" if isinstance(held, list) and held else ""
    return f"{number(finite(values[0]))}{beside}"


def _baselines(facts: RunFacts) -> Iterator[Beside]:
    """What a model must beat, each beside the figure of the run that it is measured in."""
    known = mapping(facts.forecast.get("baselines"))
    held_out = facts.figures("validation")
    beta = finite(facts.manifest.get("effective_beta"))
    for key, name, label, weight in (
        ("constant", "best constant", "Data term", 0.0),
        ("linear", "best linear model", f"Data term + effective beta {TIMES} prior term", beta),
        ("ppca", "probabilistic PCA", "Data term + prior term", 1.0),
    ):
        value = finite(known.get(key))
        if value is not None:
            happened = number(cost(held_out, weight))
            yield Beside(label, "nats per sample", f"{name} {number(value)}", happened)
