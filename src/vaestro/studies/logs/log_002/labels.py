"""Where labels enter, and how often they are repeated."""

from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Table
from vaestro.studies.logs.log_002.figures import Strip, strips
from vaestro.studies.logs.log_002.rows import (
    Row,
    bound,
    control,
    of_variance,
    one_of_each,
    shown,
)
from vaestro.studies.logs.log_002.setting import recipe

PLACES = ("both", "decoder", "encoder")
REPEATS = (5, 1, 20)
CELLS = tuple((place, repeat) for place in PLACES for repeat in REPEATS)
Controls = dict[tuple[str, int], float]
NO_CHANGE, CHANCE = 0.15, 0.1


def chapter(bench: Bench) -> Chapter:
    """Train every place with every number of repeats, and one repeat for longer."""
    found = bench.population("labels", recipe(bench), [_edits(*cell) for cell in CELLS])
    runs = [bench.member("labels", number) for number in range(len(CELLS))]
    controls = dict(zip(CELLS, map(control, runs), strict=True))
    epochs = 4 * recipe(bench).training.epochs
    edits = [*_edits("both", 1), f"training.epochs={epochs}", "training.validate_epochs=100"]
    patient = control(bench.train("once", recipe(bench), edits))
    rows = [
        Strip(f"{place}, x {repeat}", one_of_each(run))
        for (place, repeat), run in zip(CELLS, runs, strict=True)
    ]
    caption = (
        "Samples for the labels 0 to 9, one z a row, by where the label is told and how often it "
        "is repeated. Where the decoder is not told, the label changes nothing."
    )
    return Chapter(
        "labels",
        "Where the label enters",
        (
            "Control is the share of samples from the prior in which a judge, taught with real "
            "digits, sees the digit that was asked for; by chance it is 10 %.",
        ),
        (_encoder(controls), _decoder(controls), _repeats(controls, found, patient, epochs)),
        (_table(controls, found),),
        (bench.picture("labels", strips(rows), caption),),
    )


def _encoder(controls: Controls) -> Claim:
    alone = [controls["encoder", repeat] for repeat in REPEATS]
    told = [controls[place, 5] for place in ("decoder", "both")]
    return Claim(
        "Add only in encoder: this leads to completely failure, which is reasonable.",
        f"Control {min(alone):.0%} to {max(alone):.0%} told to the encoder alone; with the log's "
        f"five repeats {told[0]:.0%} told to the decoder and {told[1]:.0%} to both.",
        "A sample is p(x|z, y): a decoder that is not told y cannot obey it.",
        max(alone) < 2 * CHANCE < 0.5 < min(told),
    )


def _decoder(controls: Controls) -> Claim:
    pairs = [(controls["decoder", repeat], controls["both", repeat]) for repeat in REPEATS]
    told = ", ".join(f"{one:.0%} and {other:.0%}" for one, other in pairs)
    return Claim(
        "Add only in decoder: no significant changes.",
        f"Control told to the decoder alone and to both: {told} with 5, 1 and 20 repeats.",
        "What the decoder knows the code need not say, whether the encoder is told or not.",
        all(abs(one - other) < NO_CHANGE for one, other in pairs),
    )


def _repeats(controls: Controls, found: list[Row], patient: float, epochs: int) -> Claim:
    """Told to both: control and KL by the repeats, and with one for longer."""
    five, once, twenty = (controls["both", repeat] for repeat in REPEATS)
    kls = dict(zip(CELLS, (row["prior_term"] for row in found), strict=True))
    kl_five, kl_once, kl_twenty = (kls["both", repeat] for repeat in REPEATS)
    return Claim(
        "How much labels to add in: it doesn't matter. The final image is similar.",
        f"Told to both, control is {once:.0%} with one repeat, {five:.0%} with five and "
        f"{twenty:.0%} with twenty, and the KL {shown(kl_once)}, {shown(kl_five)} and "
        f"{shown(kl_twenty)} nats. With one repeat and {epochs} epochs, four times as many, "
        f"control is {patient:.0%}.",
        "Repeats give the first layer the same number again, and their weights add up: each step "
        "moves the label's part so many times further, as a larger learning rate for the label "
        "alone would. What the label has not told by then the code tells, as its KL shows, and "
        "four times the epochs do not make up for four more repeats.",
        once + NO_CHANGE < five <= twenty + NO_CHANGE
        and patient < five
        and kl_once > kl_five > kl_twenty,
    )


def _table(controls: Controls, found: list[Row]) -> Table:
    lines = tuple(
        (
            f"{place}, {repeat}",
            f"{controls[place, repeat]:.0%}",
            shown(bound(row)),
            shown(row["prior_term"]),
        )
        for (place, repeat), row in zip(CELLS, found, strict=True)
    )
    head = ("told to, repeats", "control", "minus ELBO, nats", "KL, nats")
    return Table("Nine ways to tell a label, x_var 0.1", head, lines)


def _edits(place: str, repeat: int) -> tuple[str, ...]:
    return (
        of_variance(0.1),
        f"model.condition.into={place}",
        f"model.condition.encoding.repeat={repeat}",
    )
