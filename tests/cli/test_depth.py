"""Several hidden layers: from the job to the file and its readers, however the sweep was run."""

from __future__ import annotations

import signal
import time

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results

JOB = """[grid]
p = 12
depth = 1..3
activation = tanh
rule = feedback-alignment, backprop, kolen-pollack, drtp
seed = 0..1
[data]
n = 20
d = 9
outputs = 3
test-n = 5
inputs = gaussian-scaled
[training]
step-size = 0.01
batch-size = 6
dropout = 0.1
max-steps = 120
[record]
steps = log(8)
metrics = batch_loss, test_loss, alignment, layer_weight_alignment, layer_signal_alignment
"""


@pytest.fixture
def swept(fasweep: Fasweep) -> Fasweep:
    fasweep.run("run", fasweep.job(JOB), "-o", "whole.h5", "--workers", "1")
    return fasweep


def test_depth_is_an_axis_and_layers_a_dimension(swept: Fasweep):
    assert "sound" in swept.run("verify", "whole.h5")
    with h5py.File(swept.folder / "whole.h5") as file:
        depth, values = file["depth"][...], file["layer_weight_alignment"][...]
        assert sorted(set(depth.tolist())) == [1, 2, 3]
        assert values.shape == (24, len(file["step"]), 3)
        np.testing.assert_array_equal(np.isnan(values), np.broadcast_to((np.arange(3) >= depth[:, None])[:, None], values.shape))
        last = np.take_along_axis(values, (depth - 1)[:, None, None], axis=2)[..., 0]
        np.testing.assert_allclose(last, file["alignment"][...], atol=1e-6)
        assert set(file["solver"].asstr()[...]) == {"layered"}, "the other solvers do not show layers"
        kept = np.isfinite(file["layer_signal_alignment"][...])
        np.testing.assert_array_equal(kept, ~np.isnan(values))


def test_runs_of_one_layer_are_those_of_a_grid_without_depth(fasweep: Fasweep):
    text = JOB.replace(", layer_weight_alignment, layer_signal_alignment", "")
    fasweep.run("run", fasweep.job(text), "-o", "deep.h5")
    fasweep.run("run", fasweep.job(text.replace("depth = 1..3\n", "")), "-o", "flat.h5")
    with h5py.File(fasweep.folder / "deep.h5") as deep, h5py.File(fasweep.folder / "flat.h5") as flat:
        assert "depth" not in flat
        np.testing.assert_array_equal(deep["test_loss"][...][deep["depth"][...] == 1], flat["test_loss"][...])
        assert set(flat["solver"].asstr()[...]) == {"weight-space"}


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_give_the_same_file(swept: Fasweep):
    for ranks in (1, 4):
        swept.run("run", "job.cfg", "-o", f"ranks{ranks}.h5", ranks=ranks)
        assert_same_results(swept.folder / "whole.h5", swept.folder / f"ranks{ranks}.h5")


def test_a_killed_sweep_goes_on_with_the_same_bits(fasweep: Fasweep):
    text = JOB.replace("max-steps = 120", "max-steps = 30000").replace("seed = 0..1", "seed = 0").replace("p = 12", "p = 40")
    fasweep.job(text.replace("depth = 1..3", "depth = 3"))
    command = ("run", "job.cfg", "-o", "cut.h5", "--workers", "1", "--checkpoint-seconds", "0.05")
    process = fasweep.start(*command)
    folder = fasweep.folder / "cut.h5.checkpoints"
    deadline = time.monotonic() + 60
    while not any(path.suffix != ".new" for path in folder.glob("*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert "continues at step" in fasweep.run(*command)
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--checkpoint-seconds", "0")
    assert_same_results(fasweep.folder / "whole.h5", fasweep.folder / "cut.h5")


def test_what_cannot_be_is_refused_by_name(swept: Fasweep):
    said = swept.run("plan", "job.cfg", "--solver", "sample-space", expect=2)
    assert "does not show every hidden layer" in said and "choose layered or auto" in said
    said = swept.run("plan", "job.cfg", "--solver", "weight-space", "--set", "record.metrics=loss", expect=2)
    assert "it does not honour grid.depth" in said and "choose layered or auto" in said
    assert "numbers from 1 to 16" in swept.run("plan", "job.cfg", "--set", "grid.depth=20", expect=2)
    said = swept.run("state", "whole.h5", "--where", "depth=2,rule=drtp,seed=0", "-o", "state.h5", expect=2)
    assert "2 hidden layers" in said and "depth = 1" in said
    assert "layered" in swept.run("plan", "job.cfg")


def test_plain_loops_check_it(swept: Fasweep):
    said = swept.run("check", "whole.h5", "--runs", "24")
    assert "24 of 24 finished runs checked" in said and "all right" in said
    assert "layer_weight_alignment is not checked" in said
