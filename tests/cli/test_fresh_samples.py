"""Samples that every step draws anew: the same file however the sweep runs, and what commands say of it."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results
from test_checkpoints import COMMAND, continued_steps, kill_with_children, wait_for_checkpoints

JOB = """
[grid]
p = 4, 7
rule = feedback-alignment, backprop
activation = erf
seed = 0..2
depth = 1, 2
[data]
samples = fresh
n = 10
d = 9
test-n = 3
inputs = gaussian-scaled
teacher-width = 3
label-noise = 0.1
[training]
batch-size = 2
max-steps = 700
step-size = 0.1
output-scale = one
output-step-factor = 1 / d
[record]
steps = log(12)
metrics = loss, test_loss, batch_loss, alignment, hidden_change
"""
LONG_RUNS = (
    JOB.replace("p = 4, 7", "p = 400")
    .replace("seed = 0..2", "seed = 0")
    .replace("max-steps = 700", "max-steps = 60000")
    .replace("step-size = 0.1", "step-size = 0.001")
)


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_and_workers_give_the_same_file(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(JOB), "-o", "one.h5", "--workers", "1")
    fasweep.run("run", "job.cfg", "-o", "two.h5", "--workers", "2", "--batch-seconds", "0")
    fasweep.run("run", "job.cfg", "-o", "ranks.h5", ranks=3)
    for other in ("two.h5", "ranks.h5"):
        assert_same_results(fasweep.folder / "one.h5", fasweep.folder / other)


def test_killed_runs_go_on_with_the_samples_of_their_steps(fasweep: Fasweep):
    fasweep.job(LONG_RUNS)
    process = fasweep.start(*COMMAND, "--workers", "2")
    wait_for_checkpoints(fasweep, process, 2)
    kill_with_children(process)
    assert continued_steps(fasweep.run(*COMMAND, "--workers", "2"))
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--checkpoint-seconds", "0")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


def test_the_plain_reference_confirms_every_run(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(JOB), "-o", "out.h5")
    assert "24" in fasweep.run("check", "out.h5", "--runs", "24")
    with h5py.File(fasweep.folder / "out.h5") as file:
        shallow = file["depth"][...] == 1
        assert np.all(file["first_step_deviation"][...][shallow] < 1e-3)


def test_batches_of_any_size_see_the_same_samples(fasweep: Fasweep):
    """With a step size that leaves the network as it is, the loss of a batch is that of its samples."""
    settings = ("--set", "training.step-size=1e-30", "--set", "record.metrics=batch_loss", "--set", "record.steps=every(1)", "--set", "grid.depth=1")
    fasweep.run("run", fasweep.job(JOB), "-o", "one.h5", "--set", "training.batch-size=1", "--set", "training.max-steps=59", *settings)
    fasweep.run("run", "job.cfg", "-o", "six.h5", "--set", "training.batch-size=6", "--set", "training.max-steps=9", *settings)
    with h5py.File(fasweep.folder / "one.h5") as one, h5py.File(fasweep.folder / "six.h5") as six:
        # Sums of six float32 losses.
        np.testing.assert_allclose(one["batch_loss"][...].reshape(12, 10, 6).sum(axis=2), six["batch_loss"][...], rtol=1e-5)


def test_fixed_samples_are_other_ones_and_old_jobs_have_other_plans(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(JOB), "-o", "out.h5")
    said = fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "data.samples=fixed", expect=4)
    assert "samples" in said
    assert "data.samples" in fasweep.run("plan", "job.cfg", "--solver", "sample-space", "--set", "grid.depth=1", expect=2)
