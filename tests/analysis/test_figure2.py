"""The figure: every format opens, the numbers drawn are those of the file, bad input leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import io
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import h5py
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
BACKPROP = "backprop"
FEEDBACK = "feedback-alignment"


def figure2(*arguments: object) -> tuple[int, str]:
    """Exit code and standard error of python3 -m analysis figure2."""
    from fasweep.analysis.__main__ import main

    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        code = main(["figure2", *map(str, arguments)])
    return code, err.getvalue()


def test_every_rule_has_dashes_of_its_own():
    from fasweep.analysis.figure2 import dashes_of

    dashes = dashes_of(["a new one", "backprop", "another", FEEDBACK])

    assert list(dashes) == [FEEDBACK, "backprop", "a new one", "another"]
    assert len(set(dashes.values())) == 4


def drawn(files: Sequence[Path], width: int | None = None) -> dict[str, tuple[Axes, Axes]]:
    """The two panels of each activation."""
    from fasweep.analysis.figure2 import METRICS, draw
    from fasweep.analysis.results import read

    axes = draw([read(file, METRICS) for file in files], width).axes
    columns = len(axes) // 2
    return {top.get_title(): (top, bottom) for top, bottom in zip(axes[:columns], axes[columns:])}


def table(path: Path) -> dict[str, np.ndarray]:
    """The file's columns, categories by name, read without the package."""
    with h5py.File(path) as file:
        columns = {name: file[name][...] for name in file if isinstance(file[name], h5py.Dataset)}
        for name in ("activation", "rule", "status"):
            columns[name] = file[name].asstr()[...].astype(str)
    return columns


def expected_alignment(columns: dict[str, np.ndarray], activation: str, ridge: float) -> np.ndarray:
    """p, mean and deviation of each width."""
    rows = (columns["activation"] == activation) & (columns["lambda"] == ridge)
    rows &= (columns["rule"] == FEEDBACK) & (columns["status"] == "done")
    widths = np.unique(columns["p"][rows])
    groups = [columns["final_alignment"][rows & (columns["p"] == p)] for p in widths]
    return np.array([[p, np.mean(g), np.std(g, ddof=1)] for p, g in zip(widths, groups)])


def expected_losses(columns: dict[str, np.ndarray], activation: str, rule: str, ridge: float, p: int) -> np.ndarray:
    """Runs x steps, each run's final value held after its own last step."""
    rows = (columns["activation"] == activation) & (columns["rule"] == rule) & (columns["lambda"] == ridge)
    rows &= (columns["p"] == p) & (columns["status"] == "done")
    losses = []
    for run in np.flatnonzero(rows):
        trajectory = columns["loss"][run].copy()
        trajectory[columns["step"] > columns["steps"][run]] = columns["final_loss"][run]
        losses.append(trajectory)
    return np.array(losses)


def assert_panels_show(
    panels: dict[str, tuple[Axes, Axes]], columns: dict[str, np.ndarray], activation: str, p: int
) -> None:
    top, bottom = panels[activation]
    ridges = np.unique(columns["lambda"])
    assert len(top.containers) == len(ridges)
    for ridge, (line, _, (bars,)) in zip(ridges, top.containers):
        widths, mean, deviation = expected_alignment(columns, activation, ridge).T
        np.testing.assert_allclose(line.get_xydata(), np.column_stack([widths, mean]), rtol=1e-12)
        ends = np.array(bars.get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, np.column_stack([mean - deviation, mean + deviation]), rtol=1e-12)
    lines = [(rule, ridge) for rule in (FEEDBACK, BACKPROP) for ridge in ridges]
    bands = [artist for artist in bottom.collections if isinstance(artist, PolyCollection)]
    assert len(bottom.lines) == len(bands) == len(lines)
    for (rule, ridge), line, band in zip(lines, bottom.lines, bands):
        losses = expected_losses(columns, activation, rule, ridge, p)
        mean, deviation = losses.mean(axis=0), losses.std(axis=0, ddof=1)
        np.testing.assert_allclose(line.get_xydata(), np.column_stack([columns["step"], mean]), rtol=1e-12)
        edges = band.get_paths()[0].vertices[:, 1]
        assert edges.max() == pytest.approx((mean + deviation).max(), rel=1e-12)
        assert edges.min() == pytest.approx((mean - deviation).min(), rel=1e-9, abs=1e-12)
        assert line.get_linestyle() == ("-" if rule == FEEDBACK else "--")
        assert line.get_color() == top.containers[ridges.tolist().index(ridge)][0].get_color()


@pytest.mark.parametrize(("suffix", "begins"), [("png", b"\x89PNG\r\n\x1a\n"), ("svg", b"<?xml"), ("pdf", b"%PDF-")])
def test_every_format_opens(result_file: Path, suffix: str, begins: bytes):
    output = result_file.with_suffix(f".{suffix}")
    output.write_text("an older figure")

    command = [sys.executable, "-m", "analysis", "figure2", str(result_file), "-o", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
    assert output.read_bytes().startswith(begins)
    assert output.stat().st_size > 5000
    assert {path.name for path in output.parent.iterdir()} == {result_file.name, output.name}


def test_numbers_drawn_are_those_of_numpy(shared_file: Path):
    columns = table(shared_file)
    # Worth testing only if some runs, not all, reached the stop rule's loss.
    assert set(columns["stop_reason"].tolist()) == {b"loss-below", b"max-steps"}

    panels = drawn([shared_file])

    assert list(panels) == ["linear", "relu", "tanh"]
    for activation in panels:
        assert_panels_show(panels, columns, activation, p=40)  # nearest to sqrt(10 * 90)


def test_width_is_as_asked_for(shared_file: Path):
    panels = drawn([shared_file], width=90)

    assert_panels_show(panels, table(shared_file), "relu", p=90)
    assert panels["relu"][1].get_title() == "p = 90"


def test_files_of_different_steps_combine(activation_files: dict[str, Path]):
    panels = drawn(list(activation_files.values()))

    assert list(panels) == list(activation_files)
    for activation, path in activation_files.items():
        assert_panels_show(panels, table(path), activation, p=40)


def test_pending_runs_are_left_out_and_said(result_file: Path, set_status: Callable[..., np.ndarray]):
    rows = set_status("pending", seed=1, p=40)

    code, err = figure2(result_file, "-o", result_file.with_suffix(".png"))

    assert (code, f"{np.count_nonzero(rows)} of {rows.size} runs are pending" in err) == (0, True)
    panels = drawn([result_file])
    assert_panels_show(panels, table(result_file), "tanh", p=40)
    caption = panels["tanh"][0].figure.texts[-1].get_text()
    assert caption == "mean and standard deviation; seeds a point: 3 to 4"
    # Left out altogether, not counted among the runs that ended badly.
    assert not panels["tanh"][0].texts


def test_diverged_runs_are_left_out_and_counted(result_file: Path, set_status: Callable[..., np.ndarray]):
    diverged = set_status("diverged", seed=2, activation="linear")
    columns = table(result_file)

    panels = drawn([result_file])

    assert_panels_show(panels, columns, "linear", p=40)
    notes = [[text.get_text() for text in axes.texts] for axes in panels["linear"]]
    expected = [diverged & (columns["rule"] == FEEDBACK), diverged & (columns["p"] == 40)]
    assert notes == [[f"left out: {np.count_nonzero(rows)} diverged"] for rows in expected]


def test_real_divergence_leaves_its_panel_empty(make_file: Callable[..., Path], tmp_path: Path):
    job = "[grid]\np = 10\nactivation = relu, tanh\nseed = 0, 1\n[data]\nn = 5\nd = 8\n[training]\nmax-steps = 90\n"
    path = make_file("diverging", job + "step-size = relu:1000, tanh:1e-2\n")

    answer = figure2(path, "-o", tmp_path / "out.png")

    assert answer == (0, "")
    top, bottom = drawn([path])["relu"]
    assert (len(top.containers), len(bottom.lines)) == (0, 0)
    assert [text.get_text() for text in bottom.texts] == ["left out: 2 diverged"]


@pytest.mark.filterwarnings("error::UserWarning", "error::RuntimeWarning")
@pytest.mark.parametrize("training", ["max-steps = 0", "max-steps = 20", "max-steps = 90\nstep-size = 1000"])
def test_smallest_files_draw(make_file: Callable[..., Path], tmp_path: Path, training: str):
    path = make_file("one_run", f"[grid]\np = 10\n[data]\nn = 5\nd = 8\n[training]\n{training}\n")

    assert figure2(path, "-o", tmp_path / "out.png") == (0, "")


def test_activation_with_only_backprop_finished_draws(result_file: Path, set_status: Callable[..., np.ndarray]):
    set_status("pending", activation="relu", rule="feedback-alignment")

    top, bottom = drawn([result_file])["relu"]

    assert (len(top.containers), len(bottom.lines)) == (0, 2)


def bad_inputs(folder: Path, good: Path, other: Path) -> dict[str, tuple[list[object], str]]:
    """Arguments, and what the one sentence must contain."""
    (folder / "text.h5").write_text("p, lambda\n")
    (folder / "cut.h5").write_bytes(good.read_bytes()[:20000])
    (folder / "results.png").write_bytes(good.read_bytes())
    with h5py.File(folder / "other.h5", "w") as file:
        file["p"] = [1, 2]
    figure = ["-o", folder / "out.png"]
    return {
        "missing": ([folder / "none.h5", *figure], "none.h5' cannot be opened (it does not exist, or you may not read it)"),
        "text": ([folder / "text.h5", *figure], "not HDF5"),
        "cut": ([folder / "cut.h5", *figure], "truncated file"),
        "foreign": ([folder / "other.h5", *figure], "no attribute 'schema'"),
        "suffix": ([good, "-o", folder / "out.gif"], "accepted: .png, .svg, .pdf"),
        "over results": ([good, "-o", good], "suffix '.h5'"),
        "over results named png": ([good, "-o", folder / "results.png"], "an HDF5 file has that name"),
        "folder": ([good, "-o", folder / "none" / "out.png"], "No such file or directory"),
        "width": ([good, *figure, "--width", 41], "of every activation; accepted: 10, 40, 90"),
        "twice": ([good, other, *figure], "activation 'relu' is in"),
    }


def test_bad_input_is_one_sentence_and_writes_nothing(result_file: Path, activation_files: dict[str, Path]):
    folder = result_file.parent
    cases = bad_inputs(folder, result_file, activation_files["relu"])
    before = {path: path.read_bytes() for path in folder.iterdir()}

    for name, (arguments, sentence) in cases.items():
        code, err = figure2(*arguments)

        assert (code, sentence in err) == (2, True), f"{name}: {err}"
        assert err.startswith("analysis: ") and err.count("\n") == 1, f"{name}: {err}"
        assert {path: path.read_bytes() for path in folder.iterdir()} == before, name


def test_file_without_the_needed_runs_or_metrics_says_so(make_file: Callable[..., Path], tmp_path: Path):
    job = "[grid]\np = 4\nrule = {rule}\n[data]\nn = 3\nd = 4\n[training]\nmax-steps = 3\n"
    job += "[record]\nmetrics = {metrics}\n"
    no_feedback = make_file("backprop", job.format(rule=BACKPROP, metrics="default"))
    no_loss = make_file("no_loss", job.format(rule=FEEDBACK, metrics="alignment"))

    codes, errors = zip(*(figure2(path, "-o", tmp_path / "out.png") for path in (no_feedback, no_loss)))

    assert codes == (2, 2)
    assert "no finished run of feedback-alignment (its rules are backprop)" in errors[0]
    assert "no 'loss'" in errors[1]


def test_file_with_nothing_finished_says_so(result_file: Path, set_status: Callable[..., np.ndarray]):
    set_status("pending")

    code, err = figure2(result_file, "-o", result_file.with_suffix(".png"))

    assert (code, "no finished run" in err) == (2, True)


def test_failed_drawing_leaves_the_older_figure(shared_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def disk_full(_figure: Figure, path: Path, **_options: object) -> None:
        Path(path).write_text("half a fig")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", disk_full)
    output = tmp_path / "out.png"
    output.write_text("an older figure")

    code, err = figure2(shared_file, "-o", output)

    assert (code, "No space left on device" in err) == (2, True)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"out.png": "an older figure"}
