"""The autoencoder and the VAE with the same training, at the log's 50 and 120 epochs."""

from collections.abc import Mapping
from typing import NamedTuple

import torch

from vaestro.experiments.run import Run
from vaestro.reports.run_files import read_validations
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.streamline_figures import side_by_side
from vaestro.studies.logs.streamlines import (
    NEAR,
    NO_NORMALISATION,
    SAMPLES,
    THEIRS,
    Quality,
    about,
    away,
    constant_error,
    epochs,
    lines,
    natural,
    network,
    quality,
    theirs,
)

SHORT, LONG = 50, 120
MODELS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "autoencoder": ("streamline-ae", ()),
    "VAE": ("streamline-vae", ()),
    "VAE, no batch norm": ("streamline-vae", (NO_NORMALISATION,)),
}
"""Of each model: its recipe, and its edits. All have the same training."""
RUNS = (
    ("autoencoder", SHORT),
    ("autoencoder", LONG),
    ("VAE", SHORT),
    ("VAE", LONG),
    ("VAE, no batch norm", LONG),
)
SHOWN = 150
"""Streamlines in a picture."""
MIXTURE = "mixture"
LAST = 4
"""Of so many parts of a run the last one tells how still it stands."""
DECENT = 0.2
"""An error of so much of the mean streamline's shows each bundle where it is."""


def autoencoder(bench: Bench) -> Chapter:
    """The chapter."""
    runs = {(model, length): _trained(bench, model, length) for model, length in RUNS}
    found = {name: quality(run) for name, run in runs.items()}
    late = {name: _late(run) for name, run in runs.items()}
    last = runs["VAE", LONG]
    draws = _draws(last)
    return Chapter(
        name="autoencoder",
        title="Autoencoder and VAE with the same training",
        text=(
            "The log's loss on millimetres: the mean squared error of a coordinate plus the KL, "
            "batches of 20, Adam at 6.8e-4, weight decay 0.13. Such a loss is a Gaussian whose "
            f"standard deviation is {_sigma(last.spec.elements):.1f} mm in every coordinate, "
            f"{_sigma(3 * 256):.1f} mm at the log's 256 points. "
            f"{about(last.recipe, last.material)} One run each. At the log's constant rate a run "
            "need not settle, and the epoch that it ends with is one of many: models are compared "
            "by the best one of the last quarter, which early stopping would keep.",
        ),
        claims=(
            _decent(found, constant_error(last)),
            _better(late),
            _normalised(late),
            _prior(draws),
            _mixture(draws),
        ),
        tables=(_table(found, late), _drawn(draws)),
        pictures=(_picture(bench, runs),),
    )


def _trained(bench: Bench, model: str, length: int) -> Run:
    recipe, edits = MODELS[model]
    name = "-".join([*model.replace(",", "").lower().split(), str(length)])
    loss = theirs(bench) if model == "VAE" else THEIRS
    changes = (*lines(bench), *network(bench), *loss, *edits, epochs(length))
    return bench.train(name, recipe, changes)


def _sigma(elements: int) -> float:
    """mm; elements / 2 times beta is the variance of the Gaussian that the loss means."""
    return float((elements / 2) ** 0.5)


Found = Mapping[tuple[str, int], Quality]


class Late(NamedTuple):
    """The least and the largest error in mm, on the validation split, of a run's last quarter."""

    least: float
    most: float


Lates = Mapping[tuple[str, int], Late]


def _late(run: Run) -> Late:
    rows = read_validations(run.folder.history)
    errors = [float(row["mse"]) ** 0.5 for row in rows[-max(1, len(rows) // LAST) :]]
    return Late(min(errors), max(errors))


def _decent(found: Found, constant: float) -> Claim:
    short, long = found["VAE", SHORT], found["VAE", LONG]
    return Claim(
        said="'The model is able to reconstruct the input data with a decent level of detail.'",
        measured=f"error {short.error:.2f} mm after {SHORT} epochs and {long.error:.2f} mm after "
        f"{LONG}, on held-out streamlines; the mean streamline has {constant:.1f} mm",
        cause="At this loss every dimension pays: the data spread over tens of millimetres, and "
        "the noise that the loss means is smaller. What more epochs change is little beside what "
        "batch norm costs.",
        holds=long.error < DECENT * constant and long.live > 0,
    )


def _better(late: Lates) -> Claim:
    plain, vae = late["autoencoder", LONG].least, late["VAE", LONG].least
    return Claim(
        said="The autoencoder, with the same training, copies better.",
        measured=f"{plain:.2f} mm against {vae:.2f} mm in the best of the last {LONG // LAST} of "
        f"{LONG} epochs",
        cause="The VAE's code is drawn, and its KL buys room for the draw; see the next rows for "
        "the part that batch norm has in it.",
        holds=plain < vae,
    )


def _normalised(late: Lates) -> Claim:
    normed, plain = late["VAE", LONG], late["VAE, no batch norm", LONG]
    return Claim(
        said="Batch norm in the encoder, the log's second remedy, has a price.",
        measured=f"without it {plain.least:.2f} mm, with it {normed.least:.2f} mm in the best of "
        f"the last {LONG // LAST} of {LONG} epochs; in the worst {plain.most:.2f} and "
        f"{normed.most:.2f} mm",
        cause="A streamline is normalised by those that happen to be in its batch, and by others "
        "when it is held out. What it may give in return at so high a rate is a steadier run.",
        holds=plain.least < normed.least,
    )


def _draws(run: Run) -> dict[str, torch.Tensor]:
    """Distances (N,) in mm to the nearest training streamline, by where the latents come from."""
    if not (run.folder.root / "priors" / MIXTURE).is_dir():
        run.fit_prior(MIXTURE)
    sources = {"the prior": "prior", "codes of the data": "aggregate", "a mixture": MIXTURE}
    found = {
        name: away(run, torch.from_numpy(run.sample(SAMPLES, source=source)))
        for name, source in sources.items()
    }
    return found | {"held-out streamlines": away(run, natural(run, "validation"))}


def _prior(draws: Mapping[str, torch.Tensor]) -> Claim:
    prior, codes, held = (_mean(draws[name]) for name in list(draws)[:2] + list(draws)[-1:])
    return Claim(
        said="What the log does not show: streamlines drawn from the prior.",
        measured=f"they lie {prior:.1f} mm from the nearest training streamline, decoded codes "
        f"of data {codes:.1f} mm, held-out streamlines {held:.1f} mm",
        cause="Codes of a bundle keep together and bundles apart; most of what one Gaussian draws "
        "lies between them.",
        holds=prior > 1.5 * codes,
    )


def _mixture(draws: Mapping[str, torch.Tensor]) -> Claim:
    prior, mixture = _mean(draws["the prior"]), _mean(draws["a mixture"])
    return Claim(
        said="A mixture fitted to the codes of that very run draws streamlines.",
        measured=f"its draws lie {mixture:.1f} mm from the nearest training streamline, those of "
        f"the prior {prior:.1f} mm",
        cause="The decoder was never the fault; it had been asked for codes that do not occur "
        "(`vaestro fit-prior RUN --kind mixture`).",
        holds=mixture < 0.5 * prior,
    )


def _mean(distances: torch.Tensor) -> float:
    return float(distances.mean())


def _table(found: Found, late: Lates) -> Table:
    rows = tuple(
        (
            f"{model}, {length} epochs",
            f"{one.error:.2f}",
            f"{late[model, length].least:.2f} to {late[model, length].most:.2f}",
            f"{one.kl:.1f}" if model != "autoencoder" else "-",
            str(one.live) if model != "autoencoder" else "-",
        )
        for (model, length), one in found.items()
    )
    head = ("model", "error at the end, mm", "over the last quarter", "KL, nats", "live")
    return Table("The validation split", head, rows)


def _drawn(draws: Mapping[str, torch.Tensor]) -> Table:
    rows = tuple(
        (name, f"{_mean(one):.1f}", f"{float((one < NEAR).float().mean()):.0%}")
        for name, one in draws.items()
    )
    head = ("latents from", "mm to the nearest training streamline", f"within {NEAR:g} mm")
    return Table(f"What the VAE of {LONG} epochs draws", head, rows)


def _picture(bench: Bench, runs: Mapping[tuple[str, int], Run]) -> Picture:
    originals, copies = runs["autoencoder", LONG].reconstruct("validation")
    panels = {"held-out streamlines": originals, f"autoencoder, {LONG} epochs": copies}
    for length in (SHORT, LONG):
        _, copies = runs["VAE", length].reconstruct("validation")
        panels[f"VAE, {length} epochs"] = copies
    last = runs["VAE", LONG]
    panels["VAE, draws from the prior"] = last.sample(SHOWN)
    panels["VAE, draws from a mixture"] = last.sample(SHOWN, source=MIXTURE)
    return bench.picture(
        "autoencoder",
        side_by_side(panels, 3, SHOWN),
        "Streamlines from above, coloured by direction: held-out ones, their copies, and what the "
        "VAE draws.",
    )
