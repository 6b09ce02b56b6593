"""Metrics that read the whole network, and that give several numbers a step: from the job to the file and its readers."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results

JOB = """[grid]
p = 6, 10
lambda = 0, 0.1
activation = linear, relu
seed = 0..1
[data]
n = 5, 8
d = 9
[training]
max-steps = 30
[record]
steps = log(6)
metrics = loss, alignment, kernel_eigenvalues, feedback_norm_ratio
"""


@pytest.fixture
def swept(fasweep: Fasweep) -> Fasweep:
    fasweep.run("run", fasweep.job(JOB), "-o", "whole.h5")
    return fasweep


def test_several_numbers_have_a_dimension_and_smaller_runs_end_in_nan(swept: Fasweep):
    assert "sound" in swept.run("verify", "whole.h5")
    with h5py.File(swept.folder / "whole.h5") as file:
        values, final, n = file["kernel_eigenvalues"], file["final_kernel_eigenvalues"], file["n"][...]
        assert values.shape == (32, len(file["step"]), 8) and final.shape == (32, 8)
        assert [d.label or next(iter(d.keys())) for d in values.dims] == ["run", "step", "eigenvalue"]
        assert "NaN" in values.attrs["comment"] and values.attrs["units"] == "1" and values.attrs["long_name"]
        assert file["eigenvalue"][...].tolist() == list(range(8))
        assert file["feedback_norm_ratio"].shape == (32, len(file["step"]))
        missing = np.isnan(values[...])
        assert (missing == (np.arange(8) >= n[:, np.newaxis, np.newaxis])).all()
        np.testing.assert_array_equal(values[:, -1], final[...])
        kept = values[...][n == 5][..., :5]
        assert (np.diff(kept) >= 0).all() and (kept > -1e-4).all(), "ascending, of a semidefinite matrix"


def test_numbers_do_not_depend_on_what_else_is_in_the_grid(swept: Fasweep):
    swept.run("run", "job.cfg", "-o", "five.h5", "--set", "data.n=5", "--set", "record.metrics=kernel_eigenvalues")
    with h5py.File(swept.folder / "whole.h5") as whole, h5py.File(swept.folder / "five.h5") as five:
        of_five = whole["kernel_eigenvalues"][...][whole["n"][...] == 5]
        np.testing.assert_array_equal(of_five[..., :5], five["kernel_eigenvalues"][...])


def test_other_metrics_are_as_without_them(swept: Fasweep):
    swept.run("run", "job.cfg", "-o", "plain.h5", "--set", "record.metrics=loss, alignment")
    with h5py.File(swept.folder / "whole.h5") as whole, h5py.File(swept.folder / "plain.h5") as plain:
        for name in ("loss", "final_alignment", "steps"):
            np.testing.assert_array_equal(whole[name][...], plain[name][...], err_msg=name)
        assert "eigenvalue" not in plain and plain["loss"].ndim == 2


def test_export_has_a_column_a_number(swept: Fasweep):
    rows = list(csv.DictReader(io.StringIO(swept.run("export", "whole.h5"))))
    trajectories = list(csv.DictReader(io.StringIO(swept.run("export", "whole.h5", "--trajectories"))))
    with h5py.File(swept.folder / "whole.h5") as file:
        exported = [[float(row[f"final_kernel_eigenvalues_{i}"]) for i in range(8)] for row in rows]
        np.testing.assert_array_equal(exported, file["final_kernel_eigenvalues"][...])
        exported = [[float(row[f"kernel_eigenvalues_{i}"]) for i in range(8)] for row in trajectories]
        np.testing.assert_array_equal(exported, file["kernel_eigenvalues"][...].reshape(-1, 8))
        ratios = [float(row["final_feedback_norm_ratio"]) for row in rows]
        np.testing.assert_array_equal(ratios, file["final_feedback_norm_ratio"][...])


def test_xarray_opens_it(swept: Fasweep):
    xarray = pytest.importorskip("xarray")
    data = xarray.load_dataset(swept.folder / "whole.h5", engine="h5netcdf")
    assert data["kernel_eigenvalues"].dims == ("run", "step", "eigenvalue")
    smallest = data["kernel_eigenvalues"].isel(step=-1).min("eigenvalue")
    np.testing.assert_array_equal(smallest, data["final_kernel_eigenvalues"].sel(eigenvalue=0))


def test_shards_merge_and_grids_grow(swept: Fasweep):
    for shard in range(3):
        swept.run("run", "job.cfg", "-o", f"s{shard}.h5", "--shard", f"{shard}/3")
    swept.run("merge", "s0.h5", "s1.h5", "s2.h5", "-o", "merged.h5")
    assert_same_results(swept.folder / "merged.h5", swept.folder / "whole.h5")
    swept.run("run", "job.cfg", "-o", "grown.h5", "--set", "data.n=5")
    with h5py.File(swept.folder / "grown.h5") as file:
        assert file["kernel_eigenvalues"].shape[2] == 5
    swept.run("run", "job.cfg", "-o", "grown.h5")
    assert_same_results(swept.folder / "grown.h5", swept.folder / "whole.h5")


@pytest.mark.usefixtures("needs_mpirun")
def test_ranks_change_nothing(swept: Fasweep):
    swept.run("run", "job.cfg", "-o", "ranks.h5", ranks=2)
    assert_same_results(swept.folder / "ranks.h5", swept.folder / "whole.h5")


def test_an_interrupted_run_continues_with_the_numbers_it_had(fasweep: Fasweep):
    job = "[grid]\np = 400\nlambda = 0.1\nactivation = tanh\nseed = 0\n[data]\nn = 20\nd = 30\n[training]\nmax-steps = 120000\n"
    job = fasweep.job(job + "[record]\nsteps = log(20)\nmetrics = loss, kernel_eigenvalues, feedback_norm_ratio\n")
    process = fasweep.start("run", job, "-o", "out.h5", "--checkpoint-seconds", "0.1")
    for _ in range(600):
        if list((fasweep.folder / "out.h5.checkpoints").glob("*")):
            break
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 75
    out = fasweep.run("run", job, "-o", "out.h5", "--checkpoint-seconds", "0.1")
    continued = re.search(r"continues at step (\d+)", out)
    assert continued and int(continued[1]) > 0
    fasweep.run("run", job, "-o", "whole.h5", "--checkpoint-seconds", "0")
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


def test_a_damaged_spectrum_is_found(swept: Fasweep):
    path = swept.folder / "whole.h5"
    with h5py.File(path) as file:
        chunk = file["kernel_eigenvalues"].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 0x55
    path.write_bytes(content)
    assert "damaged" in swept.run("verify", "whole.h5", expect=5)
    path.write_bytes(content[:-32])  # without its seal
    assert "kernel_eigenvalues" in swept.run("verify", "whole.h5", expect=5)


def test_a_spectrum_of_another_shape_is_refused(swept: Fasweep):
    path = swept.folder / "whole.h5"
    shutil.copy(path, swept.folder / "cut.h5")
    with h5py.File(swept.folder / "cut.h5", "r+") as file:
        values = file["kernel_eigenvalues"][..., :7]
        del file["kernel_eigenvalues"]
        file["kernel_eigenvalues"] = values
    assert "does not have the shape that the plan gives" in swept.run("verify", "cut.h5", expect=5)


def test_nobody_gets_them_unasked(fasweep: Fasweep):
    plan = json.loads(fasweep.run("plan", fasweep.job("[grid]\np = 3\n[data]\ntest-n = 2\n"), "--json"))
    assert "kernel" not in plan["job"] and "feedback_norm" not in plan["job"]
    assert plan["predicted_snapshot_core_seconds"] == 0
    assert plan["numbers_a_step"] == plan["metrics"]


def test_plan_says_what_they_cost(fasweep: Fasweep):
    job = fasweep.job(JOB)
    plan, plain = (
        json.loads(fasweep.run("plan", job, "--json", "--set", f"record.metrics={metrics}"))
        for metrics in ("loss, kernel_eigenvalues", "loss")
    )
    extra = plan["predicted_core_seconds"] - plain["predicted_core_seconds"]
    assert extra == pytest.approx(plan["predicted_snapshot_core_seconds"]) and extra > 0
    assert plan["numbers_a_step"] == 9
    assert plan["file_bytes"] > plain["file_bytes"] and plan["journal_bytes"] > plain["journal_bytes"]
    text = fasweep.run("plan", job)
    assert "for metrics that read the whole network" in text and "numbers a step" in text


def test_a_file_of_the_first_version_keeps_its_metrics(fasweep: Fasweep):
    """Its runs are named by the metrics they recorded, so that others are another plan."""
    versions = Path(__file__).resolve().parents[1] / "store" / "versions" / "0.1"
    for name in ("complete.cfg", "complete.h5"):
        shutil.copy(versions / name, fasweep.folder / name)
    before = (fasweep.folder / "complete.h5").read_bytes()
    metrics = "record.metrics=loss, kernel_eigenvalues"
    message = fasweep.run("run", "complete.cfg", "-o", "complete.h5", "--set", metrics, expect=4)
    assert "record.metrics" in message
    assert (fasweep.folder / "complete.h5").read_bytes() == before
