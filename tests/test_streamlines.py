"""Streamlines as samples: resampling, orientation, covariates, and the source that uses them."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaestro.data.dataset import DataSet
from vaestro.data.reading import read_samples
from vaestro.data.streamlines.covariates import measured
from vaestro.data.streamlines.lines import Lines
from vaestro.data.streamlines.orient import against_bundle, backwards
from vaestro.data.streamlines.resample import deviation, resample_lines, resampled
from vaestro.data.streamlines.streamline_files import read_tractogram, write_tractogram
from vaestro.data.streamlines.streamlines import (
    StreamlinesConfig,
    from_lines,
    is_ragged_lines,
    is_tractogram,
    load_streamlines,
    natural_lines,
)
from vaestro.foundation.errors import DataError, RecipeError
from vaestro.foundation.samples import Frame, SampleSpec


def length(line: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(line.astype(np.float64), axis=0), axis=1).sum())


def arc(radius: float, angle: float, count: int, jitter: float = 0.0) -> np.ndarray:
    """A planar arc around (3, -2, 5), its points unevenly spaced with `jitter`."""
    random = np.random.default_rng(count)
    t = np.linspace(0, 1, count)
    t[1:-1] += jitter / count * random.uniform(-0.5, 0.5, count - 2)
    circle = [radius * np.cos(angle * t), radius * np.sin(angle * t), 0 * t]
    return (np.stack(circle, 1) + np.array([3, -2, 5])).astype(np.float32)


def fan(count: int = 30, seed: int = 0) -> list[np.ndarray]:
    """A bundle of arcs of several radii and lengths, with noise."""
    random = np.random.default_rng(seed)
    return [
        arc(random.uniform(30, 40), random.uniform(1.5, 2.5), int(random.integers(20, 90)))
        + random.normal(0, 0.05, 3).astype(np.float32)
        for _ in range(count)
    ]


# Resampling


def by_interp(line: np.ndarray, points: int) -> np.ndarray:
    """The textbook way, one line and one axis at a time."""
    x = line.astype(np.float64)
    s = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(x, axis=0), axis=1))])
    wanted = np.linspace(0, s[-1], points)
    return np.stack([np.interp(wanted, s, x[:, axis]) for axis in range(3)], 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(2, 60), min_size=1, max_size=8), st.integers(2, 70), st.integers(0, 99))
def test_many_lines_at_once_are_as_one_by_one(counts: list[int], points: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    lines = [random.normal(0, 50, (count, 3)).astype(np.float32) for count in counts]
    together = resample_lines(Lines.of(lines), points)
    for line, copy in zip(lines, together, strict=True):
        assert np.array_equal(copy[[0, -1]], line[[0, -1]])
        if len(line) != points:  # else it may be even already and stay as it is
            assert np.allclose(copy, by_interp(line, points), atol=1e-9)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = Lines.of(fan(12))
    whole, off = resample_lines(lines, 50), deviation(lines, resample_lines(lines, 50))
    monkeypatch.setattr("vaestro.data.streamlines.resample.CHUNK_POINTS", 150)
    assert np.array_equal(resample_lines(lines, 50), whole)
    assert np.array_equal(deviation(lines, whole), off)


def test_repeated_points_are_no_obstacle() -> None:
    line = np.array([[0, 0, 0], [0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 3, 0], [1, 3, 0]])
    expected = [[0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 2, 0], [1, 3, 0]]
    assert np.allclose(resampled(line, 5), expected, atol=1e-12)


def test_an_even_line_comes_back_unchanged() -> None:
    line = arc(300, 2.0, 256) + np.float32(200)
    assert np.array_equal(resampled(line, 256), line)
    uneven = arc(300, 2.0, 256, jitter=0.5)
    assert np.abs(resampled(uneven, 256) - uneven).max() > 0.1
    assert (
        np.abs(
            resampled(resampled(uneven, 256).astype(np.float32), 256) - resampled(uneven, 256)
        ).max()
        < 1e-4
    )


def test_lengths_are_preserved_on_smooth_lines() -> None:
    for line in [arc(40, 3.0, 90), arc(5, 3.0, 30), arc(80, 2.0, 700, jitter=0.8)]:
        assert length(resampled(line, 256)) == pytest.approx(length(line), rel=1e-3)


def test_deviation_is_the_distance_to_the_copy() -> None:
    corner = np.array([[0, 0, 0], [3, 0, 0], [3, 3, 0]], float)  # its middle is at arc length 3
    assert deviation(Lines.of([corner]), resample_lines(Lines.of([corner]), 3))[0] < 1e-12
    off = deviation(Lines.of([corner]), resample_lines(Lines.of([corner]), 4))[0]
    assert off == pytest.approx(1 / np.sqrt(2), rel=1e-6)  # (3, 0) from (2, 0)-(3, 1)
    lines = Lines.of(fan())
    copies = resample_lines(lines, 12)
    for line, copy, bound in zip(lines, copies, deviation(lines, copies), strict=True):
        along = np.diff(copy, axis=0)
        offset = line[:, None].astype(float) - copy[:-1]
        part = np.clip((offset * along).sum(2) / (along**2).sum(1), 0, 1)
        nearest = np.linalg.norm(offset - part[..., None] * along, axis=2).min(1).max()
        assert nearest - 1e-9 <= bound < 1.5 * nearest


@pytest.mark.parametrize(("line", "points"), [(np.ones((1, 3)), 5), (np.ones((4, 3)), 1)])
def test_too_few_points(line: np.ndarray, points: int) -> None:
    with pytest.raises(DataError, match="2 points or more"):
        resampled(line, points)


# Orientation


def mixed(lines: list[np.ndarray], seed: int = 0) -> list[np.ndarray]:
    flips = np.random.default_rng(seed).random(len(lines)) < 0.5
    return [line[::-1] if flip else line for line, flip in zip(lines, flips, strict=True)]


def test_two_opposite_copies_map_to_one() -> None:
    lines = fan() + [line @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]]) for line in fan(9, 1)]
    there = from_lines(lines, points=64)
    back = from_lines([line[::-1] for line in lines], points=64)
    some = from_lines(mixed(lines), points=64)
    assert np.array_equal(there.values[:], back.values[:])
    assert np.array_equal(there.values[:], some.values[:])
    for name, column in there.covariates.items():
        assert np.array_equal(column, some.covariates[name])
    both = from_lines([lines[0], lines[0][::-1], lines[1]])
    assert np.array_equal(both.values[0], both.values[1])


def test_without_orient_lines_stay_as_they_are() -> None:
    lines = fan()
    data = from_lines([line[::-1] for line in lines], points=64, orient=False)
    assert np.allclose(data.values[:, :, 0], [line[-1] for line in lines])


def test_a_bundle_runs_one_way_whatever_the_noise() -> None:
    for seed in range(5):
        x = from_lines(mixed(fan(60, seed), seed), points=48).values[:]
        ends = x[:, :, -1] - x[:, :, 0]
        assert (ends @ ends.mean(0) > 0).all()
        assert ends.mean(0)[np.abs(ends.mean(0)).argmax()] > 0


def test_a_u_is_told_by_its_course_where_ends_are_noise() -> None:
    random = np.random.default_rng(0)
    bundle = [arc(30, 2 * np.pi - 0.02, 80) + random.normal(0, 0.4, 3) for _ in range(40)]
    for line in bundle:  # nearly closed: the end points lie closer than their noise
        line[0] += random.normal(0, 1.5, 3)
        line[-1] += random.normal(0, 1.5, 3)
    x = from_lines(mixed(bundle), points=48).values[:]
    course = x[:, :, 12] - x[:, :, -13]
    assert len(set(np.sign(course[:, 1]))) == 1


def test_each_bundle_has_its_own_direction() -> None:
    flat = fan(20)
    upright = [line @ np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]]) for line in fan(20, 3)]
    x = resample_lines(Lines.of(mixed(flat + upright)), 32)
    labels = np.repeat([4, 9], 20)
    turned = against_bundle(x, labels)
    for label in (4, 9):
        assert np.array_equal(
            turned[labels == label], against_bundle(x[labels == label], labels[:20])
        )


def test_closed_and_mirrored_lines() -> None:
    loop = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]], float)
    there, back = Lines.of([loop]), Lines.of([loop[::-1]])
    assert backwards(there)[0] != backwards(back)[0]
    there_and_back = np.array([[0, 0, 0], [1, 0, 0], [0, 0, 0]], float)
    assert not backwards(Lines.of([there_and_back]))[0]
    data = from_lines([loop, loop[::-1], there_and_back, loop * 2], points=9)
    assert np.array_equal(data.values[0], data.values[1])
    assert data.covariates["straightness"].tolist() == [0, 0, 0, 0]


# Covariates


def test_covariates_of_an_arc_and_a_straight_line() -> None:
    straight = np.array([[1, 2, 3], [2, 2, 3], [7, 2, 3]], float)
    told = measured(Lines.of([arc(20, np.pi, 4000), straight]))
    assert told["length"] == pytest.approx([20 * np.pi, 6], rel=1e-5)
    assert told["end_to_end"] == pytest.approx([40, 6], rel=1e-5)
    assert told["straightness"] == pytest.approx([2 / np.pi, 1], rel=1e-5)
    assert told["mean_curvature"] == pytest.approx([1 / 20, 0], rel=2e-3, abs=1e-9)
    assert told["centroid_x"] == pytest.approx([3, 4], abs=1e-4)
    assert told["centroid_y"] == pytest.approx([-2 + 2 * 20 / np.pi, 2], rel=1e-4)
    assert told["centroid_z"] == pytest.approx([5, 3], rel=1e-5)


def test_length_is_that_of_the_original() -> None:
    zigzag = np.stack([np.arange(400) / 4, np.arange(400) % 2, np.zeros(400)], 1)
    data = from_lines([zigzag, zigzag * 2], points=20)
    assert data.covariates["length"] == pytest.approx([length(zigzag), 2 * length(zigzag)])
    assert length(data.values[0].T) < 0.5 * length(zigzag)
    assert "lengths shrink" in data.notes[-1]


# Lines that cannot be used


def test_unusable_lines_are_counted_and_left_out() -> None:
    good = fan(6)
    nan, inf = good[0].copy(), good[1].copy()
    nan[3, 1], inf[0, 0] = np.nan, np.inf
    point, none, still = good[0][:1], good[0][:0], np.ones((7, 3))
    lines = [point, good[0], nan, good[1], none, still, *good[2:], inf, nan[3:4], point]
    data = from_lines(lines, np.arange(13) % 4, covariates={"age": np.arange(13.0)}, points=16)
    assert data.notes[0] == (
        "7 of 13 streamlines left out: 1 without points, 2 with one point, "
        "3 with NaN or infinite coordinates, 1 of zero length"
    )
    assert data.covariates["age"].tolist() == [1, 3, 6, 7, 8, 9]
    assert data.labels is not None and data.labels.tolist() == [1, 3, 2, 3, 0, 1]
    assert np.array_equal(data.values[:], from_lines(good, points=16).values[:])


def test_none_is_left() -> None:
    with pytest.raises(
        DataError, match="2 of 2 streamlines left out: 2 with one point; none is"
    ) as f:
        from_lines([np.ones((1, 3)), np.zeros((1, 3))])
    assert "\n" not in str(f.value)
    with pytest.raises(DataError, match="0 streamlines"):
        from_lines([])


@pytest.mark.parametrize(
    ("lines", "extra", "match"),
    [
        ([np.ones((3, 2)), np.ones((4, 2))], {}, "streamline 0 has shape"),
        ([[[0, 0, 0], [1, 1]], np.ones((4, 3))], {}, "streamline 0"),
        (fan(4), {"labels": [1, 2]}, "4 streamlines and labels"),
        (fan(4), {"covariates": {"age": [1]}}, "4 streamlines and age"),
        (fan(4), {"points": 1}, "2 points or more"),
    ],
)
def test_what_python_users_get_wrong(lines, extra, match: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DataError, match=match) as fault:
        from_lines(lines, **extra)
    assert "\n" not in str(fault.value)


def test_lines_in_python() -> None:
    import nibabel

    lines = fan(10)
    names = ["left"] * 5 + ["right"] * 5
    data = from_lines(lines, names, groups=["a", "b"] * 5, points=40)
    assert data.spec.label_names == ("left", "right") and data.spec.values == "real"
    assert data.labels is not None and data.labels.tolist() == [0] * 5 + [1] * 5
    assert data.groups is not None and data.groups.tolist() == [0, 1] * 5
    sequence = nibabel.streamlines.ArraySequence(lines)
    assert np.array_equal(from_lines(sequence, names, points=40).values[:], data.values[:])
    assert is_ragged_lines(sequence) and is_ragged_lines(lines)
    assert not is_ragged_lines(np.ones((4, 5, 3))) and not is_ragged_lines([1, 2])
    assert not is_ragged_lines([np.ones((3, 3)), np.ones((3, 3))])


# Files and folders


@pytest.fixture
def subjects(tmp_path: Path) -> Path:
    root = tmp_path / "study"
    for number in range(4):
        for bundle, ending in (("AF_L", ".trk"), ("CST_R", ".tck")):
            lines = fan(5, seed=10 * number + len(bundle))
            write_tractogram(root / f"sub_{number}" / f"{bundle}{ending}", lines)
    return root


def load(path: Path, **fields: object) -> DataSet:
    return load_streamlines(StreamlinesConfig.parse({"path": str(path), "points": 16} | fields))


def test_subjects_are_kept_together(subjects: Path) -> None:
    data = load(subjects)
    assert data.name == "study" and data.values.shape == (40, 3, 16)
    assert data.spec.label_names == ("AF_L", "CST_R")
    assert data.labels is not None and data.labels.tolist() == ([0] * 5 + [1] * 5) * 4
    assert data.groups is not None and data.groups.tolist() == np.repeat(range(4), 10).tolist()
    assert any("4 groups" in note for note in data.notes)
    assert load(subjects, groups="none").groups is None


def test_two_subjects_are_too_few(subjects: Path) -> None:
    for number in (2, 3):
        for file in (subjects / f"sub_{number}").iterdir():
            file.unlink()
    assert load(subjects).groups is None
    groups = load(subjects, groups="folder").groups
    assert groups is not None and set(groups) == {0, 1}


def test_sessions_of_a_subject_stay_together(subjects: Path) -> None:
    for folder in list(subjects.iterdir()):
        for session in ("ses_1", "ses_2"):
            for file in folder.glob("*.t*"):
                (folder / session).mkdir(exist_ok=True)
                (folder / session / file.name).write_bytes(file.read_bytes())
        for file in folder.glob("*.t*"):
            file.unlink()
    groups = load(subjects).groups
    assert groups is not None and groups.tolist() == np.repeat(range(4), 20).tolist()
    (subjects / "lone.trk").write_bytes((subjects / "sub_1/ses_1/AF_L.trk").read_bytes())
    groups = load(subjects).groups
    assert (
        groups is not None and len(set(groups[:5])) == 5 and not set(groups[:5]) & set(groups[5:])
    )


def test_labels_from_folders(subjects: Path) -> None:
    data = load(subjects, labels="folder")
    assert data.spec.label_names == ("sub_0", "sub_1", "sub_2", "sub_3")
    assert data.groups is None  # two file names are too few groups
    assert load(subjects, labels="none").labels is None
    single = load(subjects / "sub_0" / "AF_L.trk")
    assert single.labels is None and single.groups is None and single.name == "AF_L"
    assert load(subjects / "sub_0" / "AF_L.trk", labels="file").spec.label_names == ("AF_L",)


def test_numbers_per_streamline_become_covariates_and_labels(tmp_path: Path) -> None:
    frame = Frame.of(np.diag([2.0, 2, 2, 1]), (90, 100, 90))
    columns = {"fa": np.linspace(0, 1, 8), "cluster": np.array([3, 7] * 4), "rgb": np.ones((8, 3))}
    path = tmp_path / "whole.trk"
    write_tractogram(path, [*fan(7), np.ones((1, 3))], frame, columns | {"length": np.ones(8)})
    data = load(path)
    assert data.covariates["fa"] == pytest.approx(columns["fa"][:7])
    assert data.covariates["length"].min() > 30
    assert data.spec.frame == frame and data.labels is None
    notes = " | ".join(data.notes)
    assert "rgb per streamline left out" in notes and "length: measured here" in notes
    assert "1 of 8 streamlines left out: 1 with one point" in notes
    labelled = load(path, labels="cluster")
    assert labelled.spec.label_names == ("3", "7") and "cluster" not in labelled.covariates
    assert labelled.labels is not None and labelled.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    for wrong, match in (
        ("fa", "whole number"),
        ("rgb", "whole number"),
        ("absent", "cluster, fa"),
    ):
        with pytest.raises(DataError, match=match) as fault:
            load(path, labels=wrong)
        assert "\n" not in str(fault.value)


def test_mixed_frames_are_told(tmp_path: Path) -> None:
    for name, size in (("a", 1.0), ("b", 2.0)):
        write_tractogram(
            tmp_path / f"{name}.trk", fan(4), Frame.of(np.diag([size, size, size, 1]), (9, 9, 9))
        )
    data = load(tmp_path)
    assert data.spec.frame is not None and data.spec.frame.voxel_sizes == (1, 1, 1)
    assert any("2 frames" in note and "a.trk" in note for note in data.notes)


def test_an_empty_file_among_others(subjects: Path) -> None:
    raw = bytearray((subjects / "sub_0" / "AF_L.trk").read_bytes()[:1000])
    raw[988:992] = bytes(4)
    (subjects / "sub_0" / "FX.trk").write_bytes(bytes(raw))
    (subjects / "sub_0" / ".hidden.trk").write_bytes(b"junk")
    data = load(subjects)
    assert len(data.values) == 40 and any("FX.trk" in note for note in data.notes)


def test_paths_that_hold_no_tractogram(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("none")
    (tmp_path / "folder.trk").mkdir()
    for name in ("empty", "other", "folder.trk", "absent", "other/notes.txt"):
        with pytest.raises(DataError) as fault:
            load(tmp_path / name)
        assert name in str(fault.value) and "\n" not in str(fault.value)
        assert not is_tractogram(tmp_path / name)
    with pytest.raises(DataError, match=r"needs data\.path"):
        load_streamlines(StreamlinesConfig())
    assert is_tractogram(Path("a.TRK")) and is_tractogram(Path("a.tck.gz"))
    assert not is_tractogram(Path("a.trx.gz")) and not is_tractogram(Path("a.nii.gz"))
    for wrong in ({"points": 1}, {"groups": "subject"}, {"orient": 7}):
        with pytest.raises(RecipeError, match=next(iter(wrong))):
            StreamlinesConfig.parse(wrong)


def test_new_data_for_a_run(subjects: Path, tmp_path: Path) -> None:
    config = StreamlinesConfig(path=str(subjects), points=16, labels="cluster")
    one = tmp_path / "one.tck"
    write_tractogram(one, [np.ones((1, 3)), fan(1)[0]])
    ready = natural_lines(config, one)
    assert ready.values.shape == (1, 3, 16) and ready.kept.tolist() == [1]
    assert ready.notes[0] == "1 of 2 streamlines left out: 1 with one point"
    file = subjects / "sub_1" / "AF_L.trk"
    assert np.array_equal(natural_lines(config, file).values, load(file).values[:])
    spec = SampleSpec((3, 16), "real")  # the labels that the run was trained with are not in it
    assert np.array_equal(read_samples(one, spec, config), ready.values)
    with pytest.raises(DataError, match=r"\(3, 16\) and the run was trained on \(3, 20\)"):
        read_samples(one, SampleSpec((3, 20), "real"), config)


# Real data


def test_the_atlas(real_data: Path, tmp_path: Path) -> None:
    data = load(real_data / "streamlines" / "atlas", points=256)
    assert data.values.shape == (4613, 3, 256) and data.values.dtype == np.float32
    assert data.spec.label_names is not None and len(data.spec.label_names) == 24
    assert "Association_UncinateFasciculusL" in data.spec.label_names
    assert data.groups is None and data.labels is not None
    assert np.bincount(data.labels).max() == 825
    lengths = data.covariates["length"]
    assert 4 < lengths.min() < 5 and 290 < lengths.max() < 291
    copies = np.linalg.norm(np.diff(data.values[:].astype(float), axis=2), axis=1).sum(1)
    assert (copies <= lengths * (1 + 1e-5)).all()
    assert (copies >= 0.99 * lengths).all()  # its coordinates are multiples of 1/32 mm: zigzag
    for ending in (".trk", ".tck"):
        out = tmp_path / f"out{ending}"
        write_tractogram(out, data.values[:].transpose(0, 2, 1), data.spec.frame)
        back = read_tractogram(out).lines.points.reshape(4613, 256, 3)
        assert np.abs(back.transpose(0, 2, 1) - data.values[:]).max() < 1e-4


def test_the_five_subjects(real_data: Path) -> None:
    data = load(real_data / "streamlines" / "minimal_bundles")
    assert data.spec.label_names == ("AF_L", "CC_ForcepsMajor", "CST_R")
    assert data.groups is not None and np.bincount(data.groups).tolist() == [150] * 5


@pytest.mark.parametrize("name", ["one_bundle.tck", "tracks300.trk"])
def test_single_real_files(real_data: Path, name: str) -> None:
    data = load(real_data / "streamlines" / name, points=256)
    assert len(data.values) in (447, 300) and data.labels is None
    assert (data.spec.frame is None) == name.endswith(".tck")
