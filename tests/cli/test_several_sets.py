"""Several data sets in one job: lists of the keys of [data], and [grid] sections with files of their own."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results

JOB = """[grid]
p = 7, 9
lambda = 0, 0.1
activation = relu
seed = 0..1
[data]
source = csv
path = table.csv
targets = numbers
n = 10, 20
test-n = 6
normalize = none, per-input
[training]
step-size = 1e-3
batch-size = 5, all
max-steps = 24
precision = float64
[record]
steps = every(6)
metrics = loss, test_loss, alignment
"""


def write_table(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    np.savetxt(path, rng.normal(2, 3, size=(40, 5)), delimiter=",")


@pytest.fixture
def swept(fasweep: Fasweep) -> Fasweep:
    write_table(fasweep.folder / "table.csv", 1)
    fasweep.run("run", fasweep.job(JOB), "-o", "all.h5", "--workers", "2")
    return fasweep


def test_runs_are_those_of_jobs_of_one_set(swept: Fasweep):
    assert "sound" in swept.run("verify", "all.h5")
    with h5py.File(swept.folder / "all.h5") as file:
        assert {"n", "normalize", "batch_size"} <= set(file["loss"].attrs["coordinates"].split())
        n, normalize, whole = file["n"][...], file["normalize"].asstr()[...], file["loss"][...]
    assert len(whole) == 2**6
    for size in (10, 20):
        for way in ("none", "per-input"):
            swept.run("run", "job.cfg", "-o", "one.h5", "--set", f"data.n={size}", "--set", f"data.normalize={way}")
            with h5py.File(swept.folder / "one.h5") as file:
                np.testing.assert_array_equal(whole[(n == size) & (normalize == way)], file["loss"][...])
            (swept.folder / "one.h5").unlink()
    assert len({tuple(row) for row in whole}) == len(whole), "no two runs are the same"


def test_shards_merge_grids_grow_and_the_table_may_move(swept: Fasweep):
    for shard in range(3):
        swept.run("run", "job.cfg", "-o", f"s{shard}.h5", "--shard", f"{shard}/3")
    swept.run("run", "job.cfg", "-o", "grown.h5", "--set", "data.n=10")
    (swept.folder / "table.csv").rename(swept.folder / "moved.csv")
    swept.run("merge", "s0.h5", "s1.h5", "s2.h5", "-o", "merged.h5")
    assert_same_results(swept.folder / "merged.h5", swept.folder / "all.h5")
    swept.run("run", "job.cfg", "-o", "grown.h5", "--set", "data.path=moved.csv")
    assert_same_results(swept.folder / "grown.h5", swept.folder / "all.h5")
    assert "complete" in swept.run("run", "job.cfg", "-o", "all.h5", "--set", "data.path=moved.csv")
    write_table(swept.folder / "table.csv", 2)
    assert "other data" in swept.run("run", "job.cfg", "-o", "all.h5", expect=4)


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_read_every_set(swept: Fasweep):
    swept.run("run", "job.cfg", "-o", "ranks.h5", ranks=3)
    assert_same_results(swept.folder / "ranks.h5", swept.folder / "all.h5")


def test_grids_have_files_of_their_own(fasweep: Fasweep):
    for seed in (1, 2):
        write_table(fasweep.folder / f"t{seed}.csv", seed)
    sections = "".join(f"[grid]\np = 7\nseed = 0\ndata.path = t{seed}.csv\n" for seed in (1, 2))
    fasweep.run("run", fasweep.job(sections + JOB[JOB.index("[data]") :].replace("path = table.csv\n", "")), "-o", "out.h5")
    assert "sound" in fasweep.run("verify", "out.h5")
    for seed in (1, 2):
        one = ["--set", f"data.path=t{seed}.csv", "--set", "grid.lambda=0"]
        fasweep.run("run", fasweep.job(JOB, "one.cfg"), "-o", f"{seed}.h5", *one, "--set", "grid.p=7", "--set", "grid.seed=0")
    with h5py.File(fasweep.folder / "out.h5") as file:
        loss = file["loss"][...]
    parts = []
    for seed in (1, 2):
        with h5py.File(fasweep.folder / f"{seed}.h5") as file:
            parts.append(file["loss"][...])
    np.testing.assert_array_equal(loss, np.concatenate(parts))


def test_plan_counts_every_set(fasweep: Fasweep):
    write_table(fasweep.folder / "table.csv", 1)
    both, small = (
        json.loads(fasweep.run("plan", fasweep.job(JOB), "--json", "--set", "data.normalize=none", "--set", f"data.n={n}"))
        for n in ("10, 20", "10")
    )
    assert both["runs"] == 2 * small["runs"] and both["data_bytes"] > 2 * small["data_bytes"] > 0


def test_sizes_that_follow_from_others_are_refused(fasweep: Fasweep):
    write_table(fasweep.folder / "table.csv", 1)
    message = fasweep.run("plan", fasweep.job(JOB), "--set", "data.n=round(p * 2)", expect=2)
    assert "data.n" in message and "give each its own [grid] section" in message


def test_state_reads_the_set_of_its_run(swept: Fasweep):
    swept.run("state", "all.h5", "--where", "p=9,lambda=0.1,seed=1,n=20,normalize=per-input,batch-size=all", "-o", "s.h5")
    with h5py.File(swept.folder / "s.h5") as file:
        assert file["X"].shape == (20, 4) and file.attrs["normalize"] == "per-input"
        np.testing.assert_allclose(file["X"][...].std(axis=0), 1, rtol=1e-9)
