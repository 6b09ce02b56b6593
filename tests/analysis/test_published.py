"""Published numbers beside those of a file: which table, which steps, and verdicts that scipy would give."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))

from fasweep.analysis import published  # noqa: E402

student = pytest.importorskip("scipy.stats").t

# The recipe of akrout.cfg on points of the plane: ten epochs of three batches, one sample left over.
JOB = """
[grid]
p = 6
rule = backprop, feedback-alignment
activation = sigmoid
seed = 0..4
[data]
source = csv
path = {path}
n = 27
test-n = 8
[training]
step-size = 2
loss = binary-cross-entropy
reduction = mean
batch-size = 8
sample-order = as-in-data
last-batch = dropped
max-steps = 10 epochs
output-scale = one
initial-weights = glorot-normal(sqrt(0.5))
biases = yes
initial-biases = glorot-normal(sqrt(0.5))
[record]
steps = epochs(1)
metrics = loss, test_accuracy, alignment, signal_alignment
"""


@pytest.fixture(scope="module")
def small_file(make_file: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = tmp_path_factory.mktemp("points") / "points.csv"
    points = np.random.default_rng(0).normal(size=(35, 2))
    labels = (points[:, 0] > 0).astype(int) + 2 * (points[:, 1] > 0)
    table.write_text("a,b,class\n" + "".join(f"{a},{b},{label}\n" for (a, b), label in zip(points, labels)))
    return make_file("published", JOB.format(path=table))


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "analysis", "published", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_lines_have_the_means_and_intervals_of_scipy(small_file: Path):
    done = run(small_file, "--table", "akrout-2019")

    assert (done.returncode, done.stderr) == (0, "")
    with h5py.File(small_file) as file:
        rows = file["rule"].asstr()[...] == "feedback-alignment"
        angles = np.degrees(np.arccos(file["alignment"][rows][:, file["step"][...] == 3 * 1]))[:, 0]
    line = next(line for line in done.stdout.splitlines() if re.match(r"feedback-alignment +1 +weight angle", line))
    found = re.search(r"40 degrees +([\d.]+) +\+- ([\d.]+) +5", line)
    assert found, line
    mean, half = map(float, found.groups())
    assert mean == pytest.approx(angles.mean(), rel=1e-3)  # as printed
    assert half == pytest.approx(student.ppf(0.975, 4) * angles.std(ddof=1) / np.sqrt(5), rel=6e-2)  # two digits
    assert "deviates: grid.p is 6, in the recipe 500" in done.stdout
    assert "biases learn 128 times slower" in done.stdout


def test_epochs_and_rules_that_the_file_has_not_are_said(small_file: Path):
    printed = run(small_file, "--table", "akrout-2019").stdout

    assert re.search(r"weight-mirror +10 +accuracy .* not in the file", printed)
    assert re.search(r"backprop +50 +accuracy .* not in the file", printed)
    assert not re.search(r"backprop +10 +accuracy .* not in the file", printed)


def test_a_file_of_no_recipe_is_refused_with_the_jobs_there_are(small_file: Path):
    done = run(small_file)

    assert done.returncode == 2
    assert "jobs/published/akrout.cfg" in done.stderr
    assert "akrout-2019" in run(small_file, "--table", "akrout").stderr


def test_the_linear_task_aligns_as_published(make_file: Callable[..., Path]):
    """Twenty seeds of it; a second of training."""
    printed = run(make_file("linear", (ROOT / "jobs" / "published" / "lillicrap-linear.cfg").read_text())).stdout

    assert "rule                step  quantity" in printed, "by steps, not by epochs"
    assert re.search(r"feedback-alignment +0 +delta angle +85 degrees .* agrees", printed), printed
    assert re.search(r"feedback-alignment +300 +delta angle +< 35 degrees .* agrees", printed), printed
    assert re.search(r"feedback-alignment +2000 +delta angle +30 degrees .* agrees", printed), printed


def test_a_bound_is_met_by_a_mean_below_it():
    assert published.Line("backprop", 1, "delta angle", 35, np.array([34.0, 35.5]), 20, is_bound=True).verdict == "agrees"
    above = published.Line("backprop", 1, "delta angle", 35, np.array([34.0, 36.5]), 20, is_bound=True)
    assert above.verdict == "fasweep is higher by 0.25"
    assert above.cells()[3] == "< 35 degrees"


@pytest.mark.parametrize("values", [[1.0, 1.1, 0.9], [2.0, 2.4, 1.8, 2.1], [0.1] * 5])
@pytest.mark.parametrize("runs", [1, 20])
def test_verdicts_are_those_of_a_prediction_interval(values: list[float], runs: int):
    count, mean, deviation = len(values), np.mean(values), np.std(values, ddof=1)
    reach = student.ppf(0.975, count - 1) * deviation * np.sqrt(1 / count + 1 / runs)
    for shift in (0.9, 1.1):  # within and beyond; student() has three digits
        line = published.Line("backprop", 1, "accuracy", mean + shift * reach + (shift > 1) * 1e-6, np.array(values), runs)
        assert (line.verdict == "agrees") == (shift < 1), line.verdict


def test_one_run_has_a_difference_and_no_verdict():
    line = published.Line("backprop", 1, "accuracy", 88.0, np.array([87.5]), 1)

    assert line.verdict == "+0.5, one run"


def test_every_table_is_of_a_job_and_of_known_quantities():
    tables = json.loads((ROOT / "python" / "fasweep" / "analysis" / "published.json").read_text())
    for table in tables:
        text = (ROOT / table["job"]).read_text()
        for key, value in table["recipe"].items():
            assert key == "data.n" or re.search(rf"^{key.split('.')[1]} = {re.escape(value)}$", text, re.MULTILINE), key
        assert set(table["columns"][2:]) <= set(published.QUANTITIES)
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
        assert table["source"] and table["deviations"]
