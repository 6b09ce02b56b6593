"""plan, status, verify, export and version say what is so."""

from __future__ import annotations

import csv
import io
import json
import time

import h5py
import numpy as np
import pytest
from conftest import Fasweep


def test_help_lists_every_command_and_key(fasweep: Fasweep):
    text = fasweep.run("--help")
    for command in ("plan", "run", "status", "verify", "export", "version"):
        assert command in text
        assert "usage" in fasweep.run(command, "--help")
    grammar = fasweep.run("plan", "--help")
    for key in ("grid.p", "grid.lambda", "data.inputs", "training.step-size", "plateau(tolerance, window)", "record.steps"):
        assert key in grammar


def test_plan_counts_the_grid(fasweep: Fasweep):
    plan = json.loads(fasweep.run("plan", fasweep.job(), "--json"))
    assert plan["runs"] == 2 * 2 * 3 * 2 * 3
    assert sum(plan["solvers"].values()) == plan["runs"]
    assert not list(fasweep.folder.glob("*.h5*"))


SMALL_DATA = "[data]\nn = 2\nd = 2\n[training]\nmax-steps = 2\n"
ONE_METRIC = "[record]\nsteps = log(2)\nmetrics = loss\n"


@pytest.mark.parametrize(
    "job",
    [
        "[grid]\np = 2\n" + SMALL_DATA + ONE_METRIC,
        "[grid]\np = 2\nseed = 0..9999\n" + SMALL_DATA + ONE_METRIC,  # nearly all of it is the columns of a row
        "[grid]\np = 2, 3\nlambda = 0..49\nseed = 0..9\nactivation = linear, tanh\n" + SMALL_DATA
        + "schedule = constant, cutoff(200 * sqrt(p)), multistep(0.123456, 100, 1000, 10000)\n" + ONE_METRIC,
        "[grid]\np = 40\nseed = 0..199\n[data]\ntest-n = 5\n[training]\nmax-steps = 300\n[record]\nsteps = log(200)\n",
    ],
    ids=["one", "rows", "texts", "steps"],
)  # fmt: skip
def test_sizes_of_plan_are_bounds(fasweep: Fasweep, job: str):
    plan = json.loads(fasweep.run("plan", fasweep.job(job), "--json"))
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    assert (fasweep.folder / "out.h5").stat().st_size <= plan["file_bytes"]


def test_status_and_verify_of_a_complete_file(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    status = json.loads(fasweep.run("status", "out.h5", "--json"))
    assert status["complete"] and status["counts"]["done"] == status["runs"] == 72
    assert "72 of 72" in fasweep.run("status", "out.h5")
    assert "sound" in fasweep.run("verify", "out.h5")


def test_status_watches_a_sweep_to_its_end(fasweep: Fasweep):
    """From a sweep that runs: counts that grow, ranks, the slowest width; then it ends by itself."""
    fasweep.job("[grid]\np = 20, 2000\nseed = 0..39\n[training]\nmax-steps = 400\nprecision = float64\n" + ONE_METRIC)
    sweep = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "1", "--batch-seconds", "0.01")
    while not (fasweep.folder / "out.h5.journal").exists():
        assert sweep.poll() is None
        time.sleep(0.01)
    lines = [json.loads(line) for line in fasweep.run("status", "out.h5", "--watch=0.1", "--json").splitlines()]
    assert sweep.wait(timeout=60) == 0
    done = [line["counts"]["done"] for line in lines]
    assert done == sorted(done) and done[-1] == 80 and lines[-1]["complete"]
    assert len(lines) > 2 and any(line["runs_per_second"] for line in lines) and "1 cpu workers" in lines[-1]["agents"][0]
    assert "80/80 runs" in fasweep.run("status", "out.h5", "--watch")
    assert "--watch = 0" in fasweep.run("status", "out.h5", "--watch=0", expect=2)


def test_verify_sees_a_changed_value(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    with h5py.File(fasweep.folder / "out.h5", "r+") as file:
        file["status"][3] = "pending"
    fasweep.run("verify", "out.h5", expect=5)


def test_export_equals_the_file(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5", "--set", "training.precision=float64")
    rows = list(csv.DictReader(io.StringIO(fasweep.run("export", "out.h5"))))
    long = list(csv.DictReader(io.StringIO(fasweep.run("export", "out.h5", "--trajectories"))))
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert len(rows) == file["run"].shape[0]
        np.testing.assert_array_equal([float(r["final_loss"]) for r in rows], file["final_loss"][...])
        np.testing.assert_array_equal([float(r["lambda"]) for r in rows], file["lambda"][...])
        assert {r["activation"] for r in rows} == {"linear", "relu", "tanh"}
        finite = np.isfinite(file["loss"][...])
        assert len(long) == finite.sum()
        np.testing.assert_array_equal([float(r["loss"]) for r in long], file["loss"][...][finite])


def test_version_names_compiler_and_libraries(fasweep: Fasweep):
    version = json.loads(fasweep.run("version", "--json"))
    assert {"fasweep", "git", "compiler", "hdf5", "mpi"} <= version.keys()
    assert all(text.isprintable() for text in version.values())


def test_failed_and_diverged_runs_are_records(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5", "--set", "training.step-size=1e6")
    status = json.loads(fasweep.run("status", "out.h5", "--json"))
    assert status["counts"]["diverged"] > 0
    with h5py.File(fasweep.folder / "out.h5") as file:
        diverged = file["status"].asstr()[...] == "diverged"
        assert np.isfinite(file["loss"][...][diverged][:, 0]).all()  # the start is there
