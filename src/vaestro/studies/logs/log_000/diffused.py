"""The log's first purpose: diffusion in the latent space, and molecules from it."""

from typing import NamedTuple, cast

import numpy as np
import torch

from vaestro.experiments.diffusion.recipe import DiffusionRecipe, own_recipe, with_edits
from vaestro.experiments.diffusion.train import folder_of, start
from vaestro.experiments.diffusion.train import resume as go_on
from vaestro.experiments.diffusion.watch import DiffusionDisplay
from vaestro.experiments.population.folder import PopulationFolder
from vaestro.experiments.run import Run
from vaestro.studies.logs.bench import Bench, StoppedError
from vaestro.studies.logs.chapter import Chapter, Claim, Picture, Table
from vaestro.studies.logs.log_000.boxes import STD, of_molecules
from vaestro.studies.logs.log_000.decoders import NAME, best_first, encoder
from vaestro.studies.logs.log_000.diffusion_cost import Cost, cost
from vaestro.studies.logs.log_000.figures import Array, rows_of_boxes
from vaestro.studies.logs.log_000.judged import COMPONENTS, DRAWN, distances
from vaestro.studies.logs.log_000.models import SUM, edits
from vaestro.studies.logs.log_000.settings import all_settings

QUICK = "denoiser={kind: unet, width: 48, channels: [96], blocks: 1}"
QUICK_BATCH = 64
QUICK_STEPS, STEPS = 1_200, 4_000
SHOWN, COUNTED = 4, 200
SOURCES = {"the model's own prior": "prior", "diffusion": "diffusion"}


class Drawn(NamedTuple):
    """Boxes (N, C, D, D, D) of each source, in natural units."""

    held_out: Array
    copies: Array
    prior: Array
    diffusion: Array


def diffused(bench: Bench) -> Chapter:
    """The chapter: on the best of the 64 decoders."""
    run = best(bench)
    _train(bench, run)
    found = distances(run, SOURCES)
    drawn, spent = _drawn(run), cost(run)
    molecules = of_molecules(bench)
    return Chapter(
        name="diffused",
        title="Diffusion in the latent space of the best",
        text=(
            "The best of the 64 decoders is trained for longer on the same frozen encoder; a "
            "denoiser is trained on the latents, and draws of it are decoded. Distances are seen "
            "along the principal components of the training boxes' decoded codes, along which "
            "these vary more than any others: their own distance is no floor.",
        ),
        claims=(_closer(found), _cheaper(spent), *_whole(drawn, molecules)),
        tables=(_distances(found), *((_contents(drawn),) if molecules else ())),
        pictures=(_picture(bench, drawn),),
    )


def best(bench: Bench) -> Run:
    """The best decoder, trained as long as the encoder was."""
    settings = all_settings()
    folder = PopulationFolder(bench.folder(NAME))
    members = [folder.member(number) for number in range(len(settings))]
    found = [float((one.read_summary() or {})["validation"]["mse"]) for one in members]
    (setting, *_), _, _ = best_first(settings, found)
    changes = (*edits(bench), *encoder(bench), *setting.edits())
    return bench.train("best", SUM, changes)


def _train(bench: Bench, run: Run) -> None:
    """Train the prior, or go on with it."""
    recipe = _recipe(bench, run)
    # it is told of the parts of a diffusion where a run's display is told of a run's: both count
    shown = cast(DiffusionDisplay, bench.display.run("diffusion"))
    there = folder_of(run).recipe.is_file()
    told = go_on(run, lambda stored: stored, shown) if there else start(run, recipe, shown)
    if told["status"] == "interrupted":
        raise StoppedError


def _recipe(bench: Bench, run: Run) -> DiffusionRecipe:
    count = len(run.material.split.train)
    quick = [QUICK, f"training.batch_size={min(QUICK_BATCH, count)}"]
    recipe = with_edits(own_recipe(run), ["training.threads=1", *bench.pick(quick, [])])
    steps = max(1, count // recipe.training.batch_size)
    epochs = max(1, bench.pick(QUICK_STEPS, STEPS) // steps)
    often = (f"training.{name}_epochs={max(1, epochs // 10)}" for name in ("validate", "snapshot"))
    return with_edits(recipe, [f"training.epochs={epochs}", *often])


def _drawn(run: Run) -> Drawn:
    x = torch.cat([batch.truth for batch in run.batches("validation")()])
    copies = run.vae.reconstruct(x).detach()
    sampled = (run.sample(COUNTED, source=source) for source in SOURCES.values())
    return Drawn(np.asarray(x), np.asarray(copies), *sampled)


def _closer(found: dict[str, float]) -> Claim:
    prior, diffusion = (found[name] for name in SOURCES)
    return Claim(
        said="'I can perform diffusion in the smaller latent space of that model.'",
        measured=f"Frechet distance of {DRAWN} decoded draws from decoded held-out codes, in "
        f"{COMPONENTS} principal components: {diffusion:.3g} by diffusion, {prior:.3g} by the "
        "model's own prior",
        cause="Codes do not fill N(0, I); a denoiser learns where they lie.",
        holds=diffusion < prior,
    )


def _cheaper(spent: Cost) -> Claim:
    return Claim(
        said="'My diffusion models take 1-2 weeks to train.'",
        measured=f"a step of one U-net on the {spent.latents} latents takes "
        f"{1000 * spent.latent_seconds:.0f} ms of one core, on the {spent.voxels:,} voxels "
        f"{1000 * spent.voxel_seconds:.0f} ms: {spent.ratio:.0f} times as long",
        cause="A denoiser's work grows with the places of its grid, and the latents' grid has "
        "fewer.",
        holds=spent.ratio > 2,
    )


def _whole(drawn: Drawn, molecules: bool) -> tuple[Claim, ...]:
    """What is asked of generated molecules: as many atoms, of the same elements."""
    if not molecules:
        return ()
    true, made, naive = (_atoms(x) for x in (drawn.held_out, drawn.diffusion, drawn.prior))
    share = [atoms / atoms.sum() for atoms in (true, made)]
    apart = float(np.abs(share[0] - share[1]).sum()) / 2
    return (
        Claim(
            said="Generated boxes hold molecules.",
            measured=f"{made.sum():.1f} atoms a box by diffusion, {naive.sum():.1f} by the prior, "
            f"{true.sum():.1f} in held-out boxes; {100 * apart:.1f} % of the atoms are of another "
            "element than there",
            cause="An atom adds 1 to the sum of its channel, so sums count atoms; what a mean of a "
            "Gaussian blurs it keeps in the sum.",
            holds=abs(made.sum() / true.sum() - 1) < 0.2 and apart < 0.1,
        ),
    )


def _atoms(boxes: Array) -> Array:
    """The mean number of atoms in each channel (C,) of boxes (N, C, D, D, D)."""
    counts: Array = STD * boxes.sum((2, 3, 4)).mean(0)
    return counts


def _distances(found: dict[str, float]) -> Table:
    rows = tuple((name, f"{distance:.3g}") for name, distance in found.items())
    return Table("How far from decoded held-out codes", ("decoded", "Frechet distance"), rows)


def _contents(drawn: Drawn) -> Table:
    names = ("held-out boxes", "their copies", "the model's own prior", "diffusion")
    rows = tuple(
        (name, *(f"{count:.2f}" for count in _atoms(boxes)), f"{_atoms(boxes).sum():.1f}")
        for name, boxes in zip(names, drawn, strict=True)
    )
    return Table("Atoms a box", ("boxes of", "C", "N", "O", "others", "all"), rows)


def _picture(bench: Bench, drawn: Drawn) -> Picture:
    titles = ("Held-out boxes", "Their copies", "New: the model's own prior", "New: diffusion")
    rows = {title: boxes[:SHOWN] for title, boxes in zip(titles, drawn, strict=True)}
    return bench.picture(
        "diffused",
        rows_of_boxes(rows),
        "Held-out boxes, their copies, and new boxes from two priors. Each tile shows three "
        "sections through the middle of a box.",
    )
