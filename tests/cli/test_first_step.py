"""Every run has compared its own first step with the formula of its rule (docs/file-format.md): in the file, its journal and CSV."""

from __future__ import annotations

import csv
import io

import h5py
import numpy as np
import pytest
from conftest import Fasweep

JOB = """[grid]
p = 9, 40
lambda = 0, 0.5
activation = linear, relu, sigmoid
rule = feedback-alignment, backprop, kolen-pollack, drtp, oja, sign-symmetry-redrawn, weight-mirror
seed = 3
[data]
n = 12
d = 15
test-n = 2
[training]
max-steps = 20, 1000
stop = time(0.01)
step-size = 0.01
precision = {precision}
"""


@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("float64", 1e-9)])
def test_every_run_has_followed_its_rule(fasweep: Fasweep, precision: str, tolerance: float):
    fasweep.run("run", fasweep.job(JOB.format(precision=precision)), "-o", "out.h5")
    rows = list(csv.DictReader(io.StringIO(fasweep.run("export", "out.h5"))))

    assert "sound" in fasweep.run("verify", "out.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        deviation = file["first_step_deviation"][...]
        assert set(file["status"].asstr()[...]) == {"done"}
    assert (deviation >= 0).all() and deviation.max() <= tolerance / 2
    np.testing.assert_array_equal([float(row["first_step_deviation"]) for row in rows], deviation)


def test_runs_on_a_table_are_checked_too(fasweep: Fasweep):
    """Inputs far from 0 and of different sizes, minibatches and dropout."""
    random = np.random.default_rng(1)
    table = np.column_stack([random.exponential(100, (300, 1)), random.normal(5, 1, (300, 6)), random.integers(0, 3, 300)])
    np.savetxt(fasweep.folder / "table.csv", table, delimiter=",", fmt="%.9g")
    job = """[grid]
p = 30
activation = relu, tanh
rule = feedback-alignment, backprop, sdfa
[data]
source = csv
path = table.csv
targets = classes
normalize = none, per-input
[training]
loss = cross-entropy
reduction = mean
batch-size = 0, 32
dropout = 0, 0.5
step-size = 0.01
max-steps = 30
"""
    fasweep.run("run", fasweep.job(job), "-o", "out.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert "failed" not in set(file["status"].asstr()[...]), file["provenance/failures"].asstr()[()]
        assert (file["first_step_deviation"][...] <= 1e-3).all()


def test_runs_without_a_step_are_not_checked(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(JOB.format(precision="float32")), "-o", "out.h5", "--set", "training.max-steps=0")
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert np.isnan(file["first_step_deviation"][...]).all()
