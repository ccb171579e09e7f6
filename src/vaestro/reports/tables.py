"""The numbers of a run as cards, as a table over splits, and as a list of facts."""

from collections.abc import Iterator
from dataclasses import dataclass

from vaestro.reports.conditioning import effect_rows
from vaestro.reports.facts import SPLITS, RunFacts, finite, mapping
from vaestro.reports.numerals import NONE, counted, duration, number
from vaestro.reports.quantities import QUANTITIES, Row, with_error
from vaestro.reports.run_files import Record

MOST_DOTS = 64
TIMES = "\u00d7"


@dataclass(frozen=True)
class Card:
    """One key number. `term` is its glossary entry; `dots` = (live, all) draws dimensions."""

    label: str
    value: str
    unit: str
    note: str
    term: str
    dots: tuple[int, int] | None = None


def measured_on(facts: RunFacts) -> tuple[str, Record]:
    """The split that the cards speak of, in words, and its figures."""
    if finite(facts.evaluation.get("data_term")) is not None:
        return f"the {facts.evaluation.get('split') or 'test'} split", facts.evaluation
    if facts.rows("validation") or facts.summary.get("validation"):
        return "the validation split, never trained on", facts.figures("validation")
    found = facts.figures("train")
    return ("the training split" if found else ""), found


def cards(facts: RunFacts) -> list[Card]:
    """The four numbers of the first screen: what is not known is a dash."""
    _, figures = measured_on(facts)
    data_term, prior_term = (finite(figures.get(key)) for key in ("data_term", "prior_term"))
    elbo = _elbo(figures)
    saved = None if facts.baseline is None or data_term is None else facts.baseline - data_term
    better = "better" if saved is None or saved >= 0 else "worse"
    gain = "" if saved is None else f"{number(abs(saved))} {better} than a constant"
    first = Card("Loss", number(figures.get("loss")), "as configured", "lower is better", "loss")
    if facts.stochastic and elbo is not None:
        first = Card("ELBO", number(elbo), "nats per sample", "higher is better", "elbo")
    shown = [first, Card("Data term", number(data_term), "nats per sample", gain, "data-term")]
    if not facts.stochastic:
        error = number(figures.get("mse"))
        return [*shown, Card("Squared error", error, "per element", "", "mse"), _code(facts)]
    bits = "" if prior_term is None else f"{number(prior_term / 0.6931471805599453)} bits of code"
    cost = Card("Prior term", number(prior_term), "nats per sample", bits, "prior-term")
    return [*shown, cost, _live(facts, figures)]


def _live(facts: RunFacts, figures: Record) -> Card:
    live, latent = finite(figures.get("live_dimensions")), facts.latent
    value = NONE if live is None else f"{live:.0f}"
    known = live is not None and latent is not None and latent <= MOST_DOTS
    dots = (int(live or 0), int(latent or 0)) if known else None
    unit = f"of {latent}" if latent else ""
    return Card("Live dimensions", value, unit, "KL above 0.01 nats", "live", dots)


def _code(facts: RunFacts) -> Card:
    return Card("Code", number(facts.latent), "dimensions", "a point, no KL", "autoencoder")


def splits(facts: RunFacts) -> list[tuple[str, Record]]:
    """The columns of the table: training, validation and, if it was done, the evaluation."""
    columns = [(name, facts.figures(name)) for name in SPLITS if facts.figures(name)]
    if facts.evaluation:
        named = str(facts.evaluation.get("split") or "test")
        taken = named in (name for name, _ in columns)
        columns.append((f"{named}, evaluated" if taken else named, facts.evaluation))
    return columns


def table(facts: RunFacts) -> list[Row]:
    """Every measured quantity that at least one split has."""
    columns = [figures for _, figures in splits(facts)]
    wanted = [quantity for quantity in QUANTITIES if facts.stochastic or quantity[0] not in OF_VAE]
    rows = (
        Row(label, unit, tuple(_cell(figures, key) for figures in columns))
        for key, label, unit in wanted
    )
    known = [row for row in rows if any(value != NONE for value in row.values)]
    return [*known, *_effect(facts, len(columns) - 1)]


def _effect(facts: RunFacts, before: int) -> Iterator[Row]:
    """What the evaluation, the last column, found about conditions."""
    for label, unit, value in effect_rows(facts.evaluation):
        yield Row(label, unit, (*(before * [NONE]), value))


def _cell(figures: Record, key: str) -> str:
    return with_error({**figures, "elbo": _elbo(figures)} if key == "elbo" else figures, key)


def _elbo(figures: Record) -> float | None:
    """−(data term + prior term), whatever weight training gave to the two."""
    both = cost(figures, 1.0)
    return None if both is None else -both


def cost(figures: Record, weight: float | None) -> float | None:
    """Data term + `weight` times prior term, in nats per sample; None where one is not known."""
    data_term, prior_term = (finite(figures.get(key)) for key in ("data_term", "prior_term"))
    if data_term is None or weight is None or (weight and prior_term is None):
        return None
    return data_term + weight * (prior_term or 0.0)


OF_VAE = {"elbo", "prior_term", "live_dimensions", "mutual_information", "prior_mismatch"}


def particulars(facts: RunFacts) -> list[tuple[str, str]]:
    """What was trained, on what and how fast, as (name, value); unknown ones are left out."""
    return [(name, value) for name, value in _particulars(facts) if value and value != NONE]


def _particulars(facts: RunFacts) -> Iterator[tuple[str, str]]:
    manifest, data = facts.manifest, mapping(facts.manifest.get("data"))
    yield "Data", _data(data)
    yield "One sample", _sample(data)
    parts = (f"{number(data[name])} {name}" for name in (*SPLITS, "test") if data.get(name))
    yield "Split", ", ".join(parts)
    yield "Parameters", number(manifest.get("parameters"))
    yield "About the data", "; ".join(str(note) for note in data.get("notes") or ())
    compression = finite(manifest.get("compression"))
    yield "Compression", f"{number(compression)} elements per latent" if compression else ""
    yield "Effective beta", number(finite(manifest.get("effective_beta")))
    yield "Effective observation variance", number(finite(manifest.get("effective_variance")))
    yield "Steps", number(facts.steps)
    if facts.current:
        yield "Time", duration(facts.summary.get("seconds"))
        speed = finite(facts.summary.get("samples_per_second"))
        yield "Speed", f"{number(speed)} samples per second" if speed else ""
    yield "Machine", _plan(mapping(manifest.get("plan")))
    named = (("vaestro", "vaestro"), ("torch", "torch"), ("python", "Python"))
    yield (
        "Versions",
        ", ".join(f"{title} {manifest[key]}" for key, title in named if key in manifest),
    )
    yield "Started", str(manifest.get("created", "")).replace("T", " ")[:16]


def _data(data: Record) -> str:
    name = str(data.get("name") or "")
    return f"{name}, {counted(data['samples'], 'sample')}" if data.get("samples") else name


def _sample(data: Record) -> str:
    shape = data.get("shape")
    if not isinstance(shape, list):
        return ""
    kind = f", {data['values']}" if data.get("values") else ""
    sizes = f" {TIMES} ".join(map(str, shape))
    return f"{sizes} = {number(data.get('elements'))} elements{kind}"


def _plan(plan: Record) -> str:
    threads = plan.get("threads")
    parts = [str(plan.get("device") or ""), str(plan.get("precision") or "")]
    parts += [counted(threads, "thread") if isinstance(threads, int) else ""]
    parts += ["compiled" if plan.get("compile") else ""]
    return ", ".join(part for part in parts if part)
