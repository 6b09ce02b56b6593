"""The file is the same, bit for bit, however the sweep was run."""

from __future__ import annotations

import pytest
from conftest import Fasweep, assert_same_results, status_column


@pytest.fixture
def reference(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "reference.h5", "--workers", "1")
    path = fasweep.folder / "reference.h5"
    assert (status_column(path) == "done").all()
    return path


def test_two_threads_give_the_same_file(fasweep: Fasweep, reference):
    fasweep.run("run", "job.cfg", "-o", "threads.h5", "--workers", "2")
    assert_same_results(reference, fasweep.folder / "threads.h5")


@pytest.mark.usefixtures("needs_mpirun")
@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_ranks_give_the_same_file(fasweep: Fasweep, reference, ranks: int):
    fasweep.run("run", "job.cfg", "-o", "ranks.h5", ranks=ranks)
    assert_same_results(reference, fasweep.folder / "ranks.h5")


@pytest.mark.parametrize("seconds", ["0", "1000"])
def test_batch_sizes_give_the_same_file(fasweep: Fasweep, reference, seconds: str):
    """0: every batch is one run; 1000: as large as the taper allows."""
    fasweep.run("run", "job.cfg", "-o", "batches.h5", "--batch-seconds", seconds)
    assert_same_results(reference, fasweep.folder / "batches.h5")


def test_smaller_grid_gives_the_same_runs(fasweep: Fasweep, reference):
    import h5py
    import numpy as np

    fasweep.run("run", "job.cfg", "-o", "part.h5", "--set", "grid.p=24", "--set", "grid.seed=1")
    with h5py.File(reference) as whole, h5py.File(fasweep.folder / "part.h5") as part:
        chosen = (whole["p"][...] == 24) & (whole["seed"][...] == 1)
        assert chosen.sum() == part["run"].shape[0]
        np.testing.assert_array_equal(whole["loss"][...][chosen], part["loss"][...])
        np.testing.assert_array_equal(whole["final_alignment"][...][chosen], part["final_alignment"][...])
