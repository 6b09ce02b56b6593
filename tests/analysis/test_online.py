"""Runs on fresh samples beside the equations of their order parameters: plain networks as a file would have them, and the program's own."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import BINARY
from online_networks import simulated, some_start

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

from fasweep.analysis import online  # noqa: E402
from fasweep.analysis.results import AnalysisError, Results  # noqa: E402

pytest.importorskip("scipy.integrate")
WIDTH, TEACHER_WIDTH, INPUTS, SEEDS, STEP_SIZE, NOISE, DECAY = 3, 2, 400, 4, 0.6, 0.2, 0.1
TIMES = np.array([0, 0.5, 1, 2, 4])
# What a job may say of the same steps: laws of inputs and scales of outputs with their step sizes.
GAUSSIAN = {"step_size": STEP_SIZE / INPUTS, "data.inputs": "gaussian", "training.output-scale": "one"}
SCALED = {"step_size": STEP_SIZE, "data.inputs": "gaussian-scaled", "training.output-scale": "one", "training.output-step-factor": str(1 / INPUTS)}
ROOT_WIDTH = {"step_size": STEP_SIZE / INPUTS, "data.inputs": "gaussian", "training.output-scale": "root-width", "training.output-step-factor": str(WIDTH)}
# How far the means of four seeds may stray: twice what networks of d = 100, 400 and 1600 do, which is c / sqrt(d).
BOUNDS = {part: c / np.sqrt(INPUTS) for part, c in {"error": 2.6, "R": 4.2, "Q": 14, "v": 3}.items()}


@pytest.fixture(scope="module")
def plain_runs() -> dict[str, dict[str, np.ndarray]]:
    """Of each rule."""
    start = some_start(WIDTH, TEACHER_WIDTH, 8)
    return {rule: simulated(start, rule, "erf", STEP_SIZE, NOISE, INPUTS, TIMES, SEEDS, DECAY) for rule in online.RULES}


def as_results(plain_runs: dict[str, dict[str, np.ndarray]], settings: dict[str, Any], spare: int = 0) -> Results:
    """What a file of these networks holds; `spare` numbers of wider runs beside each."""
    start, count = some_start(WIDTH, TEACHER_WIDTH, 8), 2 * SEEDS
    rows: dict[str, np.ndarray] = {
        "student_overlaps": np.concatenate([runs["Q"] for runs in plain_runs.values()]),
        "student_teacher_overlaps": np.concatenate([runs["R"] for runs in plain_runs.values()]),
        "teacher_overlaps": np.broadcast_to(start["T"], (count, len(TIMES), TEACHER_WIDTH, TEACHER_WIDTH)),
        "student_output_weights": np.concatenate([runs["v"] for runs in plain_runs.values()]),
        "student_feedback_weights": np.broadcast_to(start["b"], (count, len(TIMES), WIDTH)),
        "teacher_output_weights": np.broadcast_to(start["A"], (count, len(TIMES), TEACHER_WIDTH)),
    }
    metrics = {}
    for name, values in rows.items():
        flat = values.reshape(count, len(TIMES), -1)
        metrics[name] = np.pad(flat, ((0, 0), (0, 0), (0, spare)), constant_values=np.nan)
        metrics[f"final_{name}"] = metrics[name][:, -1]
    columns = {
        "p": np.full(count, WIDTH), "lambda": np.full(count, DECAY / settings["step_size"] / INPUTS), "activation": np.full(count, "erf"), "rule": np.repeat(list(plain_runs), SEEDS),
        "seed": np.tile(np.arange(SEEDS), 2), "d": np.full(count, INPUTS), "step_size": np.full(count, settings["step_size"]),
        "label_noise": np.full(count, NOISE), "batch_size": np.ones(count, dtype=int),
    }
    return Results(
        file="plain.h5", run=np.arange(count), p=columns["p"], ridge=columns["lambda"], activation=columns["activation"], rule=columns["rule"],
        seed=columns["seed"], status=np.full(count, "done"), step=np.rint(TIMES * INPUTS).astype(int), columns=columns,
        steps=np.full(count, int(TIMES[-1] * INPUTS)), settings={"data.samples": "fresh"} | settings, metrics=metrics,
    )


@pytest.mark.parametrize("settings", [GAUSSIAN, SCALED, ROOT_WIDTH])
def test_plain_networks_follow_their_equations_however_a_job_writes_them(plain_runs: dict[str, dict[str, np.ndarray]], settings: dict[str, Any]):
    results = as_results(plain_runs, settings, spare=2)

    runs = [online.run_beside_equations(results, row) for row in range(len(results))]

    for part, bound in BOUNDS.items():
        assert np.mean([run.difference(part) for run in runs[:SEEDS]]) < bound and np.mean([run.difference(part) for run in runs[SEEDS:]]) < bound
    moved = [np.abs(online.numbers(runs[0].solved, part)[-1] - online.numbers(runs[0].solved, part)[0]).max() for part in ("Q", "R", "v")]
    assert min(moved) > 0.3


@pytest.mark.parametrize(
    "wrong", [{"step_size": 2 * STEP_SIZE}, {"data.inputs": "gaussian"}, {"training.output-scale": "root-width"}, {"training.output-step-factor": "1"}],
)
def test_with_a_wrong_constant_they_do_not(plain_runs: dict[str, dict[str, np.ndarray]], wrong: dict[str, Any]):
    results = as_results(plain_runs, SCALED | wrong)

    try:
        found = online.run_beside_equations(results, 0)
    except AnalysisError:  # no solution at all
        return
    assert any(found.difference(part) > bound for part, bound in BOUNDS.items())


def test_the_table_has_means_over_seeds(plain_runs: dict[str, dict[str, np.ndarray]]):
    results = as_results(plain_runs, GAUSSIAN)
    runs = [online.run_beside_equations(results, row) for row in range(len(results))]

    _, header, *lines = online.report(results, runs)

    assert header.split() == ["rule", "activation", "d", "runs", "error", "R", "Q", "v"]
    cells = re.split(r"  +", lines[1])
    assert cells[:4] == ["feedback-alignment", "erf", "400", "4"]
    differences = [np.abs(run.recorded.Q - run.solved.Q).max() for run in runs[SEEDS:]]
    assert cells[6] == f"{np.mean(differences):.2g} ({np.std(differences, ddof=1):.1g})"


def test_the_figure_has_a_panel_for_each_order_parameter_of_each_rule(plain_runs: dict[str, dict[str, np.ndarray]]):
    results = as_results(plain_runs, GAUSSIAN)

    figure = online.draw(results, [online.run_beside_equations(results, row) for row in range(len(results))])

    assert len(figure.axes) == 8
    numbers_of_each = [len(axes.lines) // 2 for axes in figure.axes[:4]]  # a line and dots
    assert numbers_of_each == [1, WIDTH * TEACHER_WIDTH, WIDTH * (WIDTH + 1) // 2, WIDTH]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"data.samples": "fixed"}, "data.samples = fixed"), ({"training.optimizer": "adam(0.9, 0.999)"}, "training.optimizer = adam"),
        ({"training.richness": "0.3"}, "the equations are about lazy"), ({"training.biases": "yes"}, "training.biases = yes"),
    ],
)
def test_other_runs_are_refused_by_name(plain_runs: dict[str, dict[str, np.ndarray]], settings: dict[str, str], said: str):
    with pytest.raises(AnalysisError, match=said):
        online.check_covered(as_results(plain_runs, GAUSSIAN | settings))


def test_a_file_without_order_parameters_is_refused(shared_file: Path):
    with pytest.raises(AnalysisError, match="has no student_overlaps .* record.metrics"):
        online.print_order_parameters(str(shared_file))


# d inputs at three sizes, whose runs stray as d^-1/2.
JOB = """
[grid]
p = 2
activation = erf, linear
rule = feedback-alignment, backprop
seed = 0..7
lambda = 1 / d
[data]
samples = fresh
n = 1
d = 50, 200, 800
inputs = gaussian-scaled
teacher-width = 2
label-noise = 0.1
[training]
batch-size = 1
step-size = 0.3
output-step-factor = 1 / d
max-steps = 3 * d
output-scale = one
precision = float64
[record]
steps = log(30)
metrics = {metrics}
"""


@pytest.fixture(scope="module")
def swept_file(make_file: Callable[..., Path]) -> Path:
    known = subprocess.run([str(BINARY), "keys"], capture_output=True, text=True, check=False).stdout if BINARY.exists() else ""
    if "student_overlaps" not in known:
        pytest.skip("this program has no fresh samples")
    return make_file("online", JOB.format(metrics=", ".join(online.METRICS)))


def test_the_program_follows_the_equations_the_closer_the_more_inputs(swept_file: Path):
    done = subprocess.run(
        [sys.executable, "-m", "analysis", "order-parameters", str(swept_file), "-o", str(swept_file.with_suffix(".png"))],
        cwd=ROOT, capture_output=True, text=True,
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert swept_file.with_suffix(".png").stat().st_size > 10_000
    slopes = [float(slope) for slope in re.findall(r"(?:error|R|Q|v) (-?[\d.]+) \[", done.stdout)]
    assert len(slopes) == 4 * 4
    assert all(-0.9 < slope < -0.2 for slope in slopes), done.stdout  # -1/2, of eight seeds
