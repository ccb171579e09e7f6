"""Log 004's study: its mechanisms, each claim able to fail, and a miniature of the whole."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from tests.logs_bench import Unseen, bench
from vaestro.experiments.run import Run
from vaestro.generation.meanings import Change, Meaning
from vaestro.studies.logs.carry import carry_out_log
from vaestro.studies.logs.log_004 import asked, betas, lengths, meanings, trials
from vaestro.studies.logs.log_004.log import LOG
from vaestro.studies.logs.streamlines import Quality

ERRORS = (4.0, 4.5, 6.5, 10.0, 29.0, 41.0)
KLS = (30.0, 15.0, 6.7, 3.9, 0.9, 0.07)


def some_trials() -> list[trials.Tried]:
    """As the quick study finds them."""
    grid = (1.0, 4.4, 19.0, 83.0, 360.0, 1600.0)
    return [
        trials.Tried(
            beta,
            cast(Run, SimpleNamespace(spec=SimpleNamespace(elements=192))),
            Quality(error, kl, 16 - 2 * place, 0.0),
            "healthy",
            192 * beta,
        )
        for place, (beta, error, kl) in enumerate(zip(grid, ERRORS, KLS, strict=True))
    ]


def test_the_error_first_takes_the_least_beta_and_as_a_limit_another() -> None:
    found = some_trials()
    assert trials.chosen(found) == (0, 2)
    assert trials.accepted(found).beta == 19
    assert trials.shown(4.4) == "4.4" and trials.shown(1600.0) == "1,600"


def test_claims_on_beta_fail_on_other_numbers() -> None:
    found = some_trials()
    best = found[-1]._replace(quality=found[-1].quality._replace(error=1.0, kl=40.0, live=16))
    other = [*found[:-1], best._replace(effective=192.0)]
    assert betas._price(found).holds and not betas._price(other).holds
    assert betas._reached(found).holds and not betas._reached(other).holds
    first, limited = trials.chosen(found)
    assert betas._search(found, first).holds and not betas._search(found, 5).holds
    assert betas._asked(found, limited).holds and not betas._asked(found, 0).holds
    table = betas._table(found, first, limited)
    assert [row[-1] for row in table.rows] == ["error first", "", "error as a limit", "", "", ""]
    assert table.rows[0][1] == "9.8", "sqrt(192 / 2) mm"


def meaning(number: int, kl: float, length: float, place: float) -> Meaning:
    return Meaning(number, kl, 0.9, {"length": length}, {"centroid_x": Change(place, 10.0, 20.0)})


def known(found: list[Meaning], monkeypatch: pytest.MonkeyPatch) -> meanings.Known:
    monkeypatch.setattr(meanings, "walked", lambda *_: SimpleNamespace(meanings=found))
    one = some_trials()[0]
    run = cast(Run, SimpleNamespace(vae=SimpleNamespace(latent=len(found))))
    return meanings._known(one._replace(run=run))


def test_carriers_hold_nearly_all_of_the_kl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gap of a quantity: how much more the first of them goes with it than the second."""
    found = [meaning(0, 0.1, 0.9, 0.9), meaning(1, 6.0, 0.8, -0.1), meaning(2, 4.0, 0.2, 0.7)]
    heavy = known(found, monkeypatch)
    assert [one.dimension for one in heavy.carriers] == [1, 2]
    assert heavy.strongest == pytest.approx((0.8 + 0.7) / 2)
    assert heavy.gap == pytest.approx(((0.8 - 0.2) + (0.7 - 0.1)) / 2)
    assert meanings.quantities(heavy.carriers[0]) == ["length +0.80"]
    plain = known([meaning(number, 1.0, 0.5, 0.5) for number in range(4)], monkeypatch)
    assert plain.gap == 0
    assert meanings._aligned(plain, heavy).holds and not meanings._aligned(heavy, plain).holds
    assert meanings._named(heavy).holds
    nothing = known([meaning(0, 1.0, 0.1, 0.1)], monkeypatch)
    assert not meanings._named(nothing).holds


def found(rank: float, off: float, apart: float, read: float = 0.95) -> asked.Found:
    empty = np.zeros(0)
    return asked.Found(
        cast(Run, None), read, rank, off, apart, asked.Asked((), empty, empty, empty)
    )


def test_claims_on_lengths_fail_on_other_numbers() -> None:
    good = {
        asked.LINE: found(0.1, 35.0, 22.0),
        asked.CURVE: found(0.2, 40.0, 21.0),
        asked.BUNDLE: found(0.9, 15.0, 11.0),
    }
    assert [claim.holds for claim in lengths._claims(good, 3.0)] == [True] * 3
    bad = {form: found(0.1, 35.0, 3.0, 0.5) for form in good}
    assert [claim.holds for claim in lengths._claims(bad, 3.0)] == [False] * 3


def test_lengths_are_asked_of_each_bundle_that_is_told() -> None:
    labels = torch.tensor([0, 0, 1, 1])
    given = SimpleNamespace(given=SimpleNamespace(label=labels))
    told: Any = SimpleNamespace(
        covariates=lambda _: {"length": np.array([1.0, 2.0, 30.0, 40.0])},
        batches=lambda _: lambda: [given],
        vae=SimpleNamespace(condition=object()),
    )
    kinds = asked._kinds(told)
    assert [(label, list(values)) for label, values in kinds] == [(0, [1, 2]), (1, [30, 40])]
    told.vae.condition = None
    assert [(label, len(values)) for label, values in asked._kinds(told)] == [(None, 4)]


def test_bundles_are_told_where_the_data_have_them(tmp_path: Path) -> None:
    assert asked.labelled(bench(tmp_path))


@pytest.mark.slow
def test_a_miniature_of_the_whole_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = ("data={kind: bundles, streamlines: 150, points: 64}",)
    for module in (trials, asked):
        monkeypatch.setattr(module, "lines", lambda *_, **__: tiny)
        monkeypatch.setattr(module, "epochs", lambda _: "training.epochs=3")
    monkeypatch.setattr(trials, "BETAS", 3)
    told = carry_out_log(LOG, tmp_path / "log", True, None, Unseen())
    assert told["status"] == "finished"
    assert {claim["chapter"] for claim in told["claims"]} == {step.name for step in LOG.steps}
    reached = next(c for c in told["claims"] if "every run had beta 1" in c["said"])
    assert "effective beta over beta: 192 to 192" in reached["measured"]
    page = (tmp_path / "log" / "page.md").read_text()
    for name in ("betas.png", "beta-samples.png", "walks-beta-1.png", "lengths.png"):
        assert name in page and (tmp_path / "log" / "pictures" / name).is_file()
