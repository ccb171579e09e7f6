"""Log 003's study: what it is made of, the faults that it plants, and a miniature of the whole."""

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from tests.logs_bench import Unseen
from vaestro.experiments.assemble import Assembly, assemble
from vaestro.experiments.recipe import Recipe, apply, read_recipe
from vaestro.studies.faults.outputs import LEAST
from vaestro.studies.logs.bench import Bench
from vaestro.studies.logs.carry import carry_out_log
from vaestro.studies.logs.log_003 import (
    capacity,
    components,
    epsilon,
    explosion,
    initialiser,
    own_rate,
    rates,
    rebuilt,
    resumed,
    variance,
    views,
)
from vaestro.studies.logs.log_003.architectures import (
    AS_THE_LOG_FITTED,
    COMPONENTS,
    PIXELS,
    Architecture,
)
from vaestro.studies.logs.log_003.atlas import atlas
from vaestro.studies.logs.log_003.log import LOG
from vaestro.studies.logs.log_003.measures import data_term, greys
from vaestro.studies.logs.log_003.networks import STAGES, convolutions, dense, stages
from vaestro.training.plan import choose


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A bench for 240 views of four toys a kind, few components and few steps."""
    few = {"instances": 4, "elevations": 2, "azimuths": 6, "lightings": 1}
    monkeypatch.setattr(views, "QUICK", few)
    monkeypatch.setattr(views, "KEPT_COMPONENTS", (40, 500))
    monkeypatch.setattr(views, "MOST_EPOCHS", 2)
    for chapter in (capacity, epsilon, initialiser, own_rate, rates, rebuilt):
        monkeypatch.setattr(chapter, "EPOCHS", (1, 1))
    monkeypatch.setattr(components, "COUNTS", (20, 100))
    monkeypatch.setattr(own_rate, "SEEDS", 1)
    for module in (views, components):
        monkeypatch.setattr(module, "SIZE_FOR_PCA", (16, 16))
    monkeypatch.setattr(resumed, "EPOCHS", ((2, 3), (2, 3)))
    return Bench(tmp_path, True, Unseen())


def assembled(recipe: Recipe) -> Assembly:
    return assemble(recipe, choose(recipe.training))


def test_the_log_s_convolutions_are_those_of_the_recipe() -> None:
    """Written out by rule here, by hand in the recipe."""
    recipe = read_recipe("norb-conv")
    rule = convolutions((16, 32, 64, 128, 256, 512), 256, 3, narrow=True)
    assert apply(recipe, rule).model == recipe.model
    fitted = read_recipe("norb-conv-fitted")
    rule = convolutions((16, 32, 64, 128, 256, 512), 256, 3)
    assert apply(fitted, rule).model == fitted.model


def test_stages_fill_the_pictures() -> None:
    """Each stage but the last halves the picture."""
    for edge in STAGES:
        filters, grid = stages(edge, 32)
        assert grid * 2 ** (len(filters) - 1) == edge
        assert max(filters) <= 32
    assert stages(96) == ((16, 32, 64, 128, 256, 512), 3)


def test_pictures_of_norb_are_seen_whole(tmp_path: Path) -> None:
    """Toys are drawn in the size that is asked for; NORB's photographs have their own."""
    sizes = [views.edge(Bench(tmp_path, quick, Unseen()), (16, 32)) for quick in (True, False)]
    assert sizes == [16, 32]
    bench = Bench(tmp_path, True, Unseen(), tmp_path / "norb")
    assert views.edge(bench, (16, 32)) == 96
    assert f"{96 // 2**5}" in AS_THE_LOG_FITTED.edits(bench)[1]
    assert "kind: norb" in views.source(bench)


def test_the_log_s_dense_layers_are_those_of_the_recipe() -> None:
    recipe = read_recipe("norb-pca-large")
    assert apply(recipe, dense((1024,) * 5)).model == recipe.model


@pytest.mark.parametrize("one", (*COMPONENTS, *PIXELS, AS_THE_LOG_FITTED), ids=lambda a: a.name)
def test_every_architecture_is_legal_in_both_forms(one: Architecture, tmp_path: Path) -> None:
    for quick in (True, False):
        bench = Bench(tmp_path, quick, Unseen())
        base = views.on_pixels(bench) if one.pixels else views.on_components(bench)
        model = apply(base, one.edits(bench)).model
        assert f"{model.latent}" in one.name or not one.name.startswith("PCA")


def test_one_of_each_kind_is_shown() -> None:
    kinds = np.repeat(np.arange(5), 18)
    assert kinds[views.one_of_each(len(kinds))].tolist() == [0, 1, 2, 3, 4]


def test_a_sum_of_squares_has_no_least_cross_entropy() -> None:
    """Outside 0 to 1 an output that is more sure is always better."""
    z = torch.tensor([[3.0, -2.0]])
    assert components._bernoulli(z, 10.0) == pytest.approx(-20 - 20, abs=1e-3)
    inside = torch.tensor([[0.4, 0.6]])
    assert components._bernoulli(inside, 10.0) > 0


def test_components_keep_what_the_tail_says(bench: Bench) -> None:
    """The error on the training views is the root of the eigenvalues that are left out."""
    material = components.views_in_components(bench)
    values = material.transform.facts()["eigenvalues"]
    total, elements = material.transform.facts()["total_variance"], material.data.spec.elements
    kept = components._kept(material, 20)
    assert kept.share == pytest.approx(sum(values[:20]) / total)
    left = greys((total - sum(values[:20])) / elements)
    assert kept.errors[0] == pytest.approx(left, rel=0.02), "but for what is clipped to [0, 1]"
    assert kept.errors[1] > kept.errors[0]


def test_a_lost_head_changes_what_the_files_say(bench: Bench) -> None:
    """The model of a run's files is that of its end, unless a part of it is in none of them."""
    found, _ = resumed._course(bench, "lost", (1, 2), resumed.LOG_FAULTS)
    assert abs(found.jump) > 100
    kept, again = resumed._course(bench, "kept", (1, 2), ())
    assert kept.read_back == pytest.approx(kept.before, rel=1e-6)
    assert data_term(again) == pytest.approx(kept.nats[-1], rel=1e-6)


def test_claims_can_fail() -> None:
    good = variance.Found(np.array([20.0]), np.array([1700.0]))
    bad = variance.Found(np.array([30.0]), np.array([1650.0]))
    low = variance.Found(np.array([24.0]), np.array([1500.0]))
    names = (variance.LOGS, *variance.KINDS)
    found = dict(zip(names, (bad, low, good, bad), strict=True))
    assert not variance._never_fitted(found).holds
    assert not variance._as_good(found).holds, "no worse in error than the fixed one"
    assert not variance._both(found).holds
    found = dict(zip(names, (variance.Found(bad.error, -good.elbo), low, bad, good), strict=True))
    for claim in (variance._never_fitted, variance._both):
        assert claim(found).holds
    lost = variance.Found(10 * low.error, low.elbo - 7)  # a fitted one that ran away
    ran_away = {**found, names[2]: lost}
    assert "loses 7 nats" in variance._as_good(ran_away).measured
    assert variance._as_good(ran_away).holds and variance._both(ran_away).holds
    no_gain = {**ran_away, names[3]: low}
    assert not variance._both(no_gain).holds, "what gains nothing keeps nothing"
    none, some = epsilon.Ended(0, 5, ""), epsilon.Ended(3, 5, "")
    assert all(c.holds for c in epsilon._claims({"a": none, "b": some, "c": none}))
    assert not any(c.holds for c in epsilon._claims({"a": some, "b": some, "c": some}))


def test_where_32_bits_end() -> None:
    """The square of exp(l) / 200 passes 3.4e38 at 49.7 with a margin of 1 - smoothing; exp itself
    overflows at 88.7."""
    found = rates.ends()
    assert found.still == 51
    assert found.lost == 89


def test_the_log_s_units_of_a_variance() -> None:
    """500 components that are right about a variance of 0.027 are worth about -650."""
    typical = np.exp(2 * explosion.WHERE / 500 - 1)
    assert explosion.own_variances(np.full(500, typical - LEAST)) == pytest.approx(-650)


def test_claims_of_the_explosion_can_fail(bench: Bench) -> None:
    """Where every form is as calm as ours, and where ours is as wild as the log's."""
    run = bench.train("one", views.on_components(bench))
    calm, wild = (own_rate.Found(np.full(2, peak), 0, run) for peak in (10.0, 1e6))
    names = list(own_rate.FORMS)
    ladder = rates.Ladder((10.0, 1e3, 1e9), (False, False, True), run)
    quiet = rates.Ladder((10.0, 20.0, 30.0), (False,) * 3, run)
    for found, theirs in ((dict.fromkeys(names, calm), quiet), (dict.fromkeys(names, wild), quiet)):
        assert not explosion._exploded(found).holds
        assert not explosion._begun(found).holds
        assert not explosion._ended(found, theirs, theirs, rates.ends()).holds
    assert not explosion._finite(dict.fromkeys(names, wild), quiet).holds
    tame = (own_rate.WARM, own_rate.SLIM, own_rate.OURS)
    real = dict.fromkeys(names, wild) | dict.fromkeys(tame, calm)
    assert not explosion._finite(real, ladder).holds
    assert explosion._exploded(real).holds
    assert explosion._begun(real).holds
    assert explosion._ended(real, ladder, quiet, rates.ends()).holds
    assert explosion._finite(real, quiet).holds


def test_samples_are_measured_to_the_nearest_view() -> None:
    training = np.stack([np.zeros((1, 4, 4)), np.ones((1, 4, 4))])
    away = rebuilt._nearest(np.full((1, 1, 4, 4), 0.9), training)
    assert away == pytest.approx([25.5])


def test_a_sheet_has_a_row_for_each_model() -> None:
    some = np.zeros((3, 1, 8, 8))
    figure = atlas({"one": [some, some], "another": [some, some]}, ("left", "right"))
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 4
    assert {"one", "another", "left", "right"} <= {text.get_text() for text in figure.texts}


@pytest.mark.slow
def test_a_miniature_of_the_study(bench: Bench) -> None:
    """Every chapter is written; what is about faults holds at any size."""
    told = carry_out_log(LOG, bench.root, True, None, Unseen())
    assert told["status"] == "finished"
    held = {claim["said"][:40]: claim["holds"] for claim in told["claims"]}
    assert len(held) == len(told["claims"])
    by_chapter = {claim["chapter"] for claim in told["claims"]}
    assert by_chapter == {step.name for step in LOG.steps}
    sure = [c for c in told["claims"] if c["chapter"] in ("resumed", "epsilon")]
    assert all(claim["holds"] for claim in sure), sure
    page = (bench.root / "report.html").read_text()
    assert "trained with planted faults" not in page, "that is on the runs' own pages"
    assert "<img" in page
