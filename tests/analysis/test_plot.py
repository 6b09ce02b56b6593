"""Any metric against any axis: the numbers drawn are those of the file at that time, and nothing but seeds is averaged."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from matplotlib.figure import Figure

FEEDBACK = "feedback-alignment"
SPECTRUM = """
[grid]
p = 10, 40
activation = tanh
seed = 0..3
[data]
n = 4
d = 9
[training]
step-size = 0.02 / sqrt(p / 10)
max-steps = 300
[record]
steps = log(40)
metrics = loss, alignment, kernel_eigenvalues
"""


@pytest.fixture(scope="module")
def spectrum_file(make_file: Callable[..., Path]) -> Path:
    return make_file("spectrum", SPECTRUM)


def plot(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of python3 -m analysis plot."""
    from fasweep.analysis.__main__ import main

    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["plot", *map(str, arguments)])
    return code, err.getvalue()


def drawn(file: Path, *conditions: str, **request: Any) -> Figure:
    from fasweep.analysis.plot import Request, draw, read_for

    results, dimension = read_for(str(file), request["y"], conditions)
    return draw(results, Request(**request), dimension)


def rows(file: h5py.File, **values: object) -> np.ndarray:
    chosen = file["status"].asstr()[...] == "done"
    for name, value in values.items():
        column = file[name].asstr()[...] if h5py.check_string_dtype(file[name].dtype) else file[name][...]
        chosen &= column == value
    return np.flatnonzero(chosen)


def test_means_at_the_end_have_student_s_interval(shared_file: Path):
    stats = pytest.importorskip("scipy.stats")

    figure = drawn(shared_file, f"rule={FEEDBACK}", x="p", y="alignment", hue="lambda", column="activation")

    assert [axes.get_title() for axes in figure.axes] == [f"activation = {name}" for name in ("linear", "relu", "tanh")]
    with h5py.File(shared_file) as file:
        for axes, activation in zip(figure.axes, ("linear", "relu", "tanh")):
            for ridge, (line, _, (bars,)) in zip((0, 0.5), axes.containers, strict=True):
                assert line.get_xdata().tolist() == [10, 40, 90]
                for p, mean, segment in zip((10, 40, 90), line.get_ydata(), bars.get_segments()):
                    values = file["final_alignment"][...][rows(file, p=p, rule=FEEDBACK, activation=activation, **{"lambda": ridge})]
                    assert mean == pytest.approx(values.mean(), rel=1e-12)
                    low, high = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
                    np.testing.assert_allclose(segment[:, 1], [low, high], rtol=1e-4, atol=1e-5)  # three digits of the quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 49])
def test_student_s_quantiles_are_those_of_scipy(freedom: int):
    from fasweep.analysis.averages import student

    stats = pytest.importorskip("scipy.stats")
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=3e-3 if freedom == 5 else 1e-3)


def test_equal_times_are_those_of_each_run_s_own_step_size(spectrum_file: Path):
    figure = drawn(spectrum_file, x="p", y="loss", at="eta*t=1.5", paired=True, spread="median")

    with h5py.File(spectrum_file) as file:
        (line, *_), = figure.axes[0].containers
        for p, value in zip((10, 40), line.get_ydata()):
            chosen = rows(file, p=p)
            times = file["step"][...] * file["step_size"][chosen[0]]
            near = np.argmin(abs(times - 1.5))
            assert times[near] == pytest.approx(1.5, rel=0.1) and file["step"][near] != file["step"][-1]
            assert value == pytest.approx(np.median(file["loss"][...][chosen, near] - file["loss"][...][chosen, 0]), rel=1e-6)
    assert "eta*t = 1." in figure.texts[-1].get_text() and "change of loss" in figure.axes[0].get_ylabel()


def test_numbers_of_a_step_are_curves_an_axis_or_one_of_them(spectrum_file: Path):
    curves = drawn(spectrum_file, x="p", y="kernel_eigenvalues", hue="eigenvalue", at="step=0").axes[0].containers
    along = drawn(spectrum_file, x="eigenvalue", y="kernel_eigenvalues", hue="p", at="step=0").axes[0].containers
    one = drawn(spectrum_file, "eigenvalue=2", x="p", y="kernel_eigenvalues", at="step=0").axes[0].containers

    with h5py.File(spectrum_file) as file:
        means = np.array([file["kernel_eigenvalues"][...].astype(float)[rows(file, p=p), 0].mean(axis=0) for p in (10, 40)])
    np.testing.assert_allclose([line.get_ydata() for line, *_ in curves], means.T, rtol=1e-12)
    np.testing.assert_allclose([line.get_ydata() for line, *_ in along], means, rtol=1e-12)
    np.testing.assert_allclose(one[0][0].get_ydata(), means[:, 2], rtol=1e-12)


def test_time_as_an_axis_ends_with_the_first_run(shared_file: Path):
    conditions = [f"rule={FEEDBACK}", "lambda=0", "p=90"]
    figure = drawn(shared_file, *conditions, x="eta*t", y="loss", hue="activation")

    with h5py.File(shared_file) as file:
        for line, activation in zip(figure.axes[0].lines, ("linear", "relu", "tanh"), strict=True):
            chosen = rows(file, p=90, rule=FEEDBACK, activation=activation, **{"lambda": 0})
            ends = file["steps"][...][chosen]
            recorded = file["step"][...][file["step"][...] <= ends.min()]
            if (ends == ends[0]).all():
                recorded = np.union1d(recorded, ends[:1])
            np.testing.assert_allclose(np.asarray(line.get_xdata()), recorded * file["step_size"][chosen[0]], rtol=1e-12)
    assert "to the end of the first run" in figure.texts[-1].get_text()
    assert figure.axes[0].get_xscale() == "log"


def test_runs_that_ended_before_are_left_out_of_a_later_time(shared_file: Path):
    figure = drawn(shared_file, f"rule={FEEDBACK}", "lambda=0", "activation=tanh", x="p", y="loss", at="step=150")

    (line, *_), = figure.axes[0].containers
    with h5py.File(shared_file) as file:
        left = [rows(file, p=p, rule=FEEDBACK, activation="tanh", steps=150, **{"lambda": 0}) for p in (10, 40, 90)]
        expected = {p: file["final_loss"][...][few].mean() for p, few in zip((10, 40, 90), left) if few.size}
    assert 0 < sum(few.size for few in left) < 12  # else nothing is tested
    assert dict(zip(line.get_xdata().tolist(), line.get_ydata())) == pytest.approx(expected, rel=1e-12)


def test_a_run_s_own_last_step_is_a_record(shared_file: Path):
    from fasweep.analysis.plot import values_at
    from fasweep.analysis.results import read

    results = read(shared_file, ("loss", "final_loss"))
    following = np.append(results.step, 10**9)[np.searchsorted(results.step, results.steps)]
    row = np.flatnonzero((following > results.steps) & (following < 1.15 * results.steps))[0]
    end, after = results.steps[row], following[row]
    time = (0.45 * end + 0.55 * after) * results.columns["step_size"][row]  # nearer to a step that it did not reach

    values, times = values_at(results, "loss", f"eta*t={time!r}")

    assert values[row] == results.metrics["final_loss"][row]
    assert times[row] == pytest.approx(end * results.columns["step_size"][row])


def test_guides_have_their_slope_on_logarithmic_axes(spectrum_file: Path, tmp_path: Path):
    figure = drawn(spectrum_file, x="p", y="loss", at="step=0", guides=[-0.5])

    axes = figure.axes[0]
    x, y = map(np.asarray, axes.lines[-1].get_data())
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert np.log(y[1] / y[0]) / np.log(x[1] / x[0]) == pytest.approx(-0.5)
    code, err = plot(spectrum_file, "--x", "p", "--y", "loss", "--paired", "--guide", "-0.5", "-o", tmp_path / "out.png")
    assert (code, "a logarithmic y axis has no place for -" in err) == (2, True), err


def test_a_map_has_the_mean_of_each_point(shared_file: Path, tmp_path: Path):
    figure = drawn(shared_file, f"rule={FEEDBACK}", x="p", y="alignment", hue="lambda", column="activation", map=True)

    with h5py.File(shared_file) as file:
        for axes, activation in zip(figure.axes, ("linear", "relu", "tanh")):
            cells = np.asarray(axes.images[0].get_array())
            for (row, place), value in np.ndenumerate(cells):
                point = {"p": (10, 40, 90)[place], "lambda": (0, 0.5)[row]}
                values = file["final_alignment"][...][rows(file, rule=FEEDBACK, activation=activation, **point)]
                assert value == pytest.approx(values.mean(), rel=1e-12)
            assert [label.get_text() for label in axes.get_xticklabels()] == ["10", "40", "90"]
    code, err = plot(shared_file, "--x", "p", "--y", "loss", "--map", "-o", tmp_path / "out.png")
    assert (code, "give --x and --hue such axes" in err) == (2, True), err


def test_words_stand_where_a_column_has_numbers(make_file: Callable[..., Path]):
    job = SPECTRUM.replace("[training]\n", "[training]\nbatch-size = all, 2\n").replace("loss, alignment, kernel_eigenvalues", "loss, alignment")
    path = make_file("batches", job)

    figure = drawn(path, x="p", y="loss", hue="batch_size", at="step=0")
    whole = drawn(path, "batch_size=all", x="p", y="loss", at="end")

    assert "n = 4, d = 9, batch_size = all\n" in whole.texts[-1].get_text()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["batch_size = all", "batch_size = 2"]
    with h5py.File(path) as file:
        expected = [file["final_loss"][...][rows(file, p=p, batch_size=0)].astype(float).mean() for p in (10, 40)]
    np.testing.assert_allclose(whole.axes[0].containers[0][0].get_ydata(), expected, rtol=1e-12)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_names_are_an_axis_too(shared_file: Path, tmp_path: Path, suffix: str):
    arguments = ["--x", "rule", "--y", "loss", "--hue", "lambda", "--where", "p=40", "--where", "activation=relu"]

    assert plot(shared_file, *arguments, "-o", tmp_path / f"out.{suffix}") == (0, "")

    assert (tmp_path / f"out.{suffix}").stat().st_size > 5000


def test_what_cannot_be_drawn_is_one_sentence(shared_file: Path, spectrum_file: Path, tmp_path: Path):
    one = ["--where", f"rule={FEEDBACK}", "--where", "activation=relu"]
    for file, arguments, sentence in [
        (shared_file, ["--x", "p", "--y", "loss", *one], "--where lambda=0.0 or give it to --hue or --col"),
        (shared_file, ["--x", "p", "--y", "loss", "--hue", "lambda", "--where", "activation=relu"], "axis 'rule' of"),
        (shared_file, ["--x", "width", "--y", "loss"], "'width' is no axis of"),
        (shared_file, ["--x", "p", "--y", "lost"], "has no metric 'lost'; accepted: "),
        (shared_file, ["--x", "p", "--y", "loss", "--hue", "p"], "named twice"),
        (shared_file, ["--x", "step", "--y", "loss", "--at", "step=3", "--hue", "lambda"], "leave one out"),
        (shared_file, ["--x", "p", "--y", "loss", "--hue", "lambda", "--at", "noon", *one], "accepted: end, step=N, eta*t=T"),
        (shared_file, ["--x", "p", "--y", "loss", "--hue", "lambda", "--at", "eta*t=900", *one], "recorded are steps 0, "),
        (shared_file, ["--x", "p", "--y", "loss", "--hue", "lambda", "--at", "step=149", *one], "recorded are steps 0, "),
        (spectrum_file, ["--x", "p", "--y", "kernel_eigenvalues"], "--where eigenvalue=0"),
        (spectrum_file, ["--x", "p", "--y", "kernel_eigenvalues", "--where", "eigenvalue=9"], "accepted: 0, 1, 2, 3"),
    ]:
        code, err = plot(file, *arguments, "-o", tmp_path / "out.png")
        assert (code, sentence in err, err.count("\n")) == (2, True, 1), err
    assert not list(tmp_path.iterdir())


def test_a_ratio_of_two_metrics(shared_file: Path):
    conditions = [f"rule={FEEDBACK}", "lambda=0", "activation=tanh"]
    (line, *_), = drawn(shared_file, *conditions, x="p", y="loss/output_norm", at="step=0").axes[0].containers

    with h5py.File(shared_file) as file:
        ratio = file["loss"][:, 0].astype(float) / file["output_norm"][:, 0].astype(float)
        chosen = [rows(file, p=p, rule=FEEDBACK, activation="tanh", **{"lambda": 0}) for p in np.unique(file["p"][...])]
        np.testing.assert_allclose(line.get_ydata(), [ratio[runs].mean() for runs in chosen], rtol=1e-12)


def test_schedules_are_named_as_the_job_writes_them_and_runs_of_other_lengths_have_records_of_their_own(make_file: Callable[..., Path]):
    job = SPECTRUM.replace("max-steps = 300", "schedule = cutoff(3 * sqrt(p)), constant\nmax-steps = 30 * p").replace("p = 10, 40", "p = 10, 40\nlambda = 0.1")
    path = make_file("schedules", job.replace("loss, alignment, kernel_eigenvalues", "loss"))

    figure = drawn(path, x="p", y="loss", column="schedule", at="eta*t=4")

    assert [axes.get_title() for axes in figure.axes] == ["schedule = cutoff(3 * sqrt(p))", "schedule = constant"]
    for axes in figure.axes:
        (line, *_), = axes.containers
        assert len(line.get_ydata()) == 2, "a value for each width, though few steps are recorded in both"
    code, err = plot(path, "--x", "p", "--y", "loss", "--col", "schedule", "--where", "schedule=cutoff(3 * sqrt(p))", "-o", path.with_suffix(".png"))
    assert code == 0, err
