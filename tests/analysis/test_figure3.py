"""The classification figure: the numbers drawn are those of the file, what it cannot draw it says in one sentence."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

SAMPLES = 60
BATCH = 20
JOB = f"""
[grid]
p = 30
lambda = 0, 0.3
activation = relu
rule = feedback-alignment
seed = 0..2
[data]
source = csv
path = points.csv
targets = classes
n = {SAMPLES}
test-n = 30
[training]
loss = cross-entropy
reduction = mean
batch-size = {BATCH}
step-size = 0.05
max-steps = 8 epochs
[record]
steps = epochs(1)
metrics = signal_alignment, gradient_alignment, test_accuracy
"""


def write_points(path: Path) -> None:
    """Three classes around three corners, in a fixed order."""
    random = np.random.default_rng(1)
    label = np.arange(SAMPLES + 30) % 3
    points = np.eye(3)[label] + 0.4 * random.standard_normal((SAMPLES + 30, 3))
    lines = [",".join(map(repr, map(float, point))) + f",{k}" for point, k in zip(points, label)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def classified(make_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    points = tmp_path_factory.mktemp("points") / "points.csv"
    write_points(points)
    return make_file("classified", JOB.replace("points.csv", str(points)))


def figure3(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of python3 -m analysis figure3."""
    from fasweep.analysis.__main__ import main

    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["figure3", *map(str, arguments)])
    return code, err.getvalue()


@pytest.mark.parametrize("alignment", ["signal_alignment", "gradient_alignment"])
def test_numbers_drawn_are_those_of_numpy(classified: Path, alignment: str):
    from fasweep.analysis.figure3 import draw
    from fasweep.analysis.results import read

    names = [alignment, f"final_{alignment}", "test_accuracy", "final_test_accuracy"]
    left, right = draw(read(classified, names), alignment, every_run=False).axes

    with h5py.File(classified) as file:
        ridge, step = file["lambda"][...], file["step"][...]
        assert np.array_equal(step, np.arange(0, 8 * SAMPLES // BATCH + 1, SAMPLES // BATCH))
        for axes, metric in ((left, alignment), (right, "test_accuracy")):
            bands = [artist for artist in axes.collections if isinstance(artist, PolyCollection)]
            for level, line, band in zip(np.unique(ridge), axes.lines, bands, strict=True):
                curves = file[metric][...][ridge == level].astype(float)
                mean, deviation = curves.mean(axis=0), curves.std(axis=0, ddof=1)
                np.testing.assert_allclose(np.asarray(line.get_xydata()), np.column_stack([np.arange(9), mean]), rtol=1e-12)
                edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
                assert edges.max() == pytest.approx((mean + deviation).max(), rel=1e-12)


def test_an_axis_that_is_cut_says_so(classified: Path):
    from fasweep.analysis.figure3 import draw
    from fasweep.analysis.results import read

    names = [prefix + name for name in ("signal_alignment", "test_accuracy") for prefix in ("", "final_")]
    figure = draw(read(classified, names), "signal_alignment", every_run=False)

    assert figure.axes[1].get_title() == "axis: values after a tenth of training"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r"$\lambda$ = 0", r"$\lambda$ = 0.3"]


def test_every_run_is_one_line(classified: Path):
    from fasweep.analysis.figure3 import draw
    from fasweep.analysis.results import read

    names = [prefix + name for name in ("signal_alignment", "test_accuracy") for prefix in ("", "final_")]
    results = read(classified, names)
    _, right = draw(results, "signal_alignment", every_run=True).axes

    curves = [data for line in right.lines if len(data := np.asarray(line.get_ydata()))]
    assert len(curves) == len(results)
    for curve in results.metrics["test_accuracy"]:
        assert any(np.array_equal(curve, drawn) for drawn in curves)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_every_format_is_written(classified: Path, tmp_path: Path, suffix: str):
    assert figure3(classified, "-o", tmp_path / f"out.{suffix}") == (0, "")
    assert (tmp_path / f"out.{suffix}").stat().st_size > 5000


def test_what_cannot_be_drawn_is_one_sentence(classified: Path, shared_file: Path, tmp_path: Path):
    figure = ["-o", tmp_path / "out.png"]
    for arguments, sentence in [
        ([shared_file, *figure], "no 'signal_alignment'"),
        ([classified, *figure, "--alignment", "alignment"], "no 'alignment'"),
        ([classified, "-o", tmp_path / "out.gif"], "accepted: .png, .svg, .pdf"),
    ]:
        code, err = figure3(*arguments)
        assert (code, sentence in err, err.count("\n")) == (2, True, 1), err
    assert not list(tmp_path.iterdir())
