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


def rows_of(columns: dict[str, np.ndarray], activation: str, rule: str, ridge: float) -> np.ndarray:
    rows = (columns["activation"] == activation) & (columns["lambda"] == ridge) & (columns["rule"] == rule)
    return rows & (columns["status"] == "done")


def expected_alignment(columns: dict[str, np.ndarray], activation: str, rule: str, ridge: float) -> np.ndarray:
    """p, mean and deviation of each width."""
    rows = rows_of(columns, activation, rule, ridge)
    widths = np.unique(columns["p"][rows])
    groups = [columns["final_alignment"][rows & (columns["p"] == p)] for p in widths]
    return np.array([[p, np.mean(g), np.std(g, ddof=1)] for p, g in zip(widths, groups)])


def expected_losses(
    columns: dict[str, np.ndarray], activation: str, rule: str, ridge: float, p: int, in_flow_time: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Times but that of step 0, and runs x times, as long as all of these runs are still in training."""
    rows = np.flatnonzero(rows_of(columns, activation, rule, ridge) & (columns["p"] == p))
    ends = columns["steps"][rows]
    steps = [step for step in columns["step"] if 0 < step <= ends.min()]
    losses = [[columns["loss"][run][columns["step"] == step][0] for step in steps] for run in rows]
    if (ends == ends[0]).all() and ends[0] not in steps:
        steps.append(ends[0])
        losses = [[*values, columns["final_loss"][run]] for values, run in zip(losses, rows)]
    scale = columns["step_size"][rows[0]] if in_flow_time else 1
    return scale * np.array(steps), np.array(losses)


def assert_panels_show(
    panels: dict[str, tuple[Axes, Axes]], columns: dict[str, np.ndarray], activation: str, p: int, in_flow_time: bool = True
) -> None:
    top, bottom = panels[activation]
    ridges = np.unique(columns["lambda"])
    lines = [(rule, ridge) for rule in (FEEDBACK, BACKPROP) for ridge in ridges]
    for (rule, ridge), (line, _, (bars,)) in zip(lines, top.containers, strict=True):
        widths, mean, deviation = expected_alignment(columns, activation, rule, ridge).T
        np.testing.assert_allclose(np.asarray(line.get_xydata()), np.column_stack([widths, mean]), rtol=1e-12)
        ends = np.array(bars.get_segments())[:, :, 1]
        np.testing.assert_allclose(ends, np.column_stack([mean - deviation, mean + deviation]), rtol=1e-12)
        assert line.get_linestyle() == ("-" if rule == FEEDBACK else "--")
    bands = [artist for artist in bottom.collections if isinstance(artist, PolyCollection)]
    latest = 0.0
    for position, ((rule, ridge), line, band) in enumerate(zip(lines, bottom.lines, bands, strict=True)):
        times, losses = expected_losses(columns, activation, rule, ridge, p, in_flow_time)
        np.testing.assert_allclose(np.asarray(line.get_xydata()), np.column_stack([times, np.median(losses, axis=0)]), rtol=1e-12)
        edges = np.asarray(band.get_paths()[0].vertices)[:, 1]
        assert edges.max() == pytest.approx(np.quantile(losses, 0.84, axis=0).max(), rel=1e-12)
        assert edges.min() == pytest.approx(np.quantile(losses, 0.16, axis=0).min(), rel=1e-12)
        assert line.get_linestyle() == ("-" if rule == FEEDBACK else "--")
        assert line.get_color() == top.containers[position][0].get_color()
        latest = max(latest, times[-1])
    assert bottom.get_xlim()[1] == pytest.approx(latest, rel=1e-9)  # the panel ends where its runs end


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
    for row in zip(*panels.values()):
        assert len({axes.get_ylim() for axes in row}) == 1  # panels of a row can be compared
    texts = [text.get_text() for text in panels["relu"][0].figure.legends[0].get_texts()]
    assert texts[-2:] == [FEEDBACK, BACKPROP]


def test_one_step_size_is_drawn_against_steps(activation_files: dict[str, Path]):
    panels = drawn([activation_files["relu"]])

    assert_panels_show(panels, table(activation_files["relu"]), "relu", p=40, in_flow_time=False)
    assert panels["relu"][1].get_xlabel() == "step"


def test_runs_that_end_at_their_own_steps_are_drawn_to_the_first_end(activation_files: dict[str, Path]):
    columns = table(activation_files["tanh"])
    rows = rows_of(columns, "tanh", FEEDBACK, 0) & (columns["p"] == 90)
    assert len(set(columns["steps"][rows])) > 1

    _, bottom = drawn([activation_files["tanh"]], width=90)["tanh"]

    assert np.asarray(bottom.lines[0].get_xdata())[-1] == max(columns["step"][columns["step"] <= columns["steps"][rows].min()])
    assert "to the end of the first run" in bottom.figure.texts[-1].get_text()


@pytest.mark.parametrize("widths", [[100, 101, 102, 200], [100 * 2**k for k in range(8)], [7]])
def test_ticks_of_widths_have_room(widths: list[int]):
    from fasweep.analysis.drawing import name_ticks

    figure = Figure(figsize=(2.9, 2.5), dpi=110)
    axes = figure.subplots()
    axes.plot(widths, widths)
    name_ticks(axes, np.array(widths))
    figure.canvas.draw()

    boxes = [label.get_window_extent() for label in axes.get_xticklabels()]
    assert all(left.x1 + 4 < right.x0 for left, right in zip(boxes, boxes[1:]))
    assert axes.get_xticklabels()[0].get_text() == str(widths[0])


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
    assert caption.endswith("; seeds a point: 3 to 4")
    # Left out altogether, not counted among the runs that ended badly.
    assert not panels["tanh"][0].texts


def test_diverged_runs_are_left_out_and_counted(result_file: Path, set_status: Callable[..., np.ndarray]):
    diverged = set_status("diverged", seed=2, activation="linear")
    columns = table(result_file)

    panels = drawn([result_file])

    assert_panels_show(panels, columns, "linear", p=40)
    notes = [[text.get_text() for text in axes.texts] for axes in panels["linear"]]
    expected = [diverged, diverged & (columns["p"] == 40)]
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
@pytest.mark.parametrize("training", ["max-steps = 0", "max-steps = 20"])
def test_smallest_files_draw(make_file: Callable[..., Path], tmp_path: Path, training: str):
    path = make_file("one_run", f"[grid]\np = 10\n[data]\nn = 5\nd = 8\n[training]\n{training}\n")

    assert figure2(path, "-o", tmp_path / "out.png") == (0, "")


def test_activation_with_only_backprop_finished_draws(result_file: Path, set_status: Callable[..., np.ndarray]):
    set_status("pending", activation="relu", rule="feedback-alignment")

    top, bottom = drawn([result_file])["relu"]

    assert (len(top.containers), len(bottom.lines)) == (2, 2)


def test_file_where_every_run_diverged_is_no_figure(make_file: Callable[..., Path], tmp_path: Path):
    path = make_file("diverged", "[grid]\np = 10\nseed = 0..2\n[data]\nn = 5\nd = 8\n[training]\nmax-steps = 90\nstep-size = 1000\n")

    code, err = figure2(path, "-o", tmp_path / "out.png")

    assert (code, "no run that ended as it should (of 3: 3 diverged)" in err) == (2, True)
    assert not list(tmp_path.iterdir())


def test_data_sets_that_no_axis_tells_apart_are_not_averaged(make_file: Callable[..., Path], tmp_path: Path):
    paths = [tmp_path / name for name in ("one.csv", "two.csv")]
    for number, path in enumerate(paths):
        path.write_text("\n".join(f"{i + number},{i * i % 7}.5" for i in range(9)) + "\n")
    job = "".join(f"[grid]\np = 4\ndata.path = {path}\n" for path in paths)
    path = make_file("sets", job + "[data]\nsource = csv\ntargets = numbers\nn = 9\n[training]\nmax-steps = 5\nstep-size = 1e-6\n")

    code, err = figure2(path, "-o", tmp_path / "out.png")

    assert (code, "cannot be told apart by any axis" in err) == (2, True), err


def test_means_are_over_seeds_alone(make_file: Callable[..., Path], tmp_path: Path):
    path = make_file("sizes", "[grid]\np = 4, 8\nseed = 0, 1\n[data]\nn = 3, 4\nd = 5\n[training]\nmax-steps = 9\n")

    code, err = figure2(path, "-o", tmp_path / "out.png")

    assert (code, "axis 'n' of" in err, "choose one with --where n=3" in err) == (2, True, True), err
    assert figure2(path, "-o", tmp_path / "out.png", "--where", "n=4") == (0, "")
    code, err = figure2(path, "-o", tmp_path / "out.png", "--where", "n=7")
    assert (code, "leaves no run" in err and "accepted: 3, 4" in err) == (2, True), err
    code, err = figure2(path, "-o", tmp_path / "out.png", "--where", "width=7")
    assert (code, "names no axis" in err) == (2, True), err


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


def test_file_of_any_rule_draws_and_one_without_the_metrics_says_so(make_file: Callable[..., Path], tmp_path: Path):
    job = "[grid]\np = 4\nrule = {rule}\n[data]\nn = 3\nd = 4\n[training]\nmax-steps = 3\n"
    job += "[record]\nmetrics = {metrics}\n"
    backprop = make_file("backprop", job.format(rule=BACKPROP, metrics="default"))
    no_loss = make_file("no_loss", job.format(rule=FEEDBACK, metrics="alignment"))

    assert figure2(backprop, "-o", tmp_path / "out.png") == (0, "")
    code, err = figure2(no_loss, "-o", tmp_path / "out.png")
    assert (code, "no 'loss'" in err) == (2, True)


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
