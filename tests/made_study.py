"""A study made by hand for the tests of its page: nothing is trained."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vaestro.reports.study.facts import Axis, Cell, Comparison, Mean, Run, StudyFacts
from vaestro.reports.sweep.facts import Figure
from vaestro.studies.cells import mean_of

BETA = Axis("objective.beta", "beta", ("0.5", "1", "2", "16"), (0.5, 1.0, 2.0, 16.0))
KIND = Axis("model.encoder", "encoder", ("dense", "<b>conv</b>"))
FIGURES = (
    Figure("data_term", "minimize"),
    Figure("live_dimensions", "maximize"),
)


def made_run_of(
    trial: int, seed: int, data_term: float | None, live: float | None, **more: Any
) -> Run:
    """A run with two figures; one without is failed."""
    state: Any = "failed" if data_term is None else "finished"
    given: dict[str, Any] = {"verdict": "healthy"} if data_term is not None else {}
    return Run(
        trial, seed, {"data_term": data_term, "live_dimensions": live}, state, **given | more
    )


def made_cell(label: str, places: tuple[int, ...], runs: list[Run]) -> Cell:
    """A cell whose means are those of its runs."""
    means: dict[str, Mean] = {}
    for figure in FIGURES:
        known = [v for run in runs if (v := run.value(figure.name)) is not None]
        if known:
            means[figure.name] = mean_of(known)
    return Cell(label, places, tuple(runs), means)


def made_study(folder: Path, runs: Mapping[int, Path] | None = None, **changes: Any) -> StudyFacts:
    """Four cells of beta with three seeds each: the data term rises with beta, all runs of the
    last one collapsed. `runs` are run folders by trial."""
    cells = []
    for place, beta in enumerate(BETA.numbers):
        died = {"verdict": "collapsed"} if beta > 10 else {}
        made = [
            made_run_of(
                3 * place + seed,
                seed,
                20.0 * place + (seed - 1) * 0.5,
                0.0 if died else 4.0 + (place == 0 and seed == 2),
                run=(runs or {}).get(3 * place + seed),
                **died,
            )
            for seed in (2, 0, 1)
        ]
        cells.append(made_cell(f"beta {BETA.values[place]}", (place,), made))
    facts = StudyFacts(
        folder=folder,
        name="beta & <script>alert(1)</script>",
        question="What does <i>beta</i> cost?",
        status="finished",
        source="digits",
        axes=(BETA,),
        figures=FIGURES,
        cells=tuple(cells),
        comparisons=(
            Comparison("data_term", 0, 1, -20.0, 1.1, 1e-5, 3e-5),
            Comparison("data_term", 0, 2, -40.0, 1.1, 1e-6, 4e-6),
            Comparison("data_term", 1, 2, -20.0, 25.0, 0.2, 0.2),
            Comparison("live_dimensions", 0, 1, 0.3, 1.4, 0.42, 0.42),
            Comparison("live_dimensions", 1, 3, 4.0, None, None, None),
        ),
        wanted=12,
        study="name: beta\nquestion: <u>?</u>\n",
        recipe="name: digits\n",
        seconds=61.0,
    )
    return replace(facts, **changes)


def made_study_of_two(folder: Path) -> StudyFacts:
    """Two axes: beta and a kind of encoder; two seeds a cell, the second half of it is missing."""
    cells = [
        made_cell(
            f"beta {BETA.values[beta]}, encoder {KIND.values[kind]}",
            (beta, kind),
            [
                made_run_of(4 * beta + 2 * kind + seed, seed, 10.0 ** (beta + kind) + seed, 4.0)
                for seed in range(2)
            ],
        )
        for beta in range(4)
        for kind in range(2)
    ]
    return made_study(
        folder,
        axes=(BETA, KIND),
        cells=tuple(cells),
        comparisons=(),
        wanted=32,
        status="interrupted",
        go_on="vaestro study --out '<u>'",
    )
