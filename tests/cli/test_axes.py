"""Any key as an axis, from the job file to the result file."""

from __future__ import annotations

import csv
import io
import json

import h5py
import numpy as np
from conftest import Fasweep, assert_same_results

JOB = """[grid]
p = 6, 10
lambda = 0, 0.1
activation = linear, relu
seed = 0..1
zip = n, d
[data]
n = 5, 8
d = 9, 12
[training]
step-size = 0.1 / p, 1e-3
schedule = constant, cutoff(2 * sqrt(p))
batch-size = all, 3
max-steps = 12, 20
[record]
steps = every(5)
metrics = loss, alignment, batch_loss
"""


def test_every_axis_is_a_column_and_no_run_depends_on_the_others(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(JOB), "-o", "all.h5", "--workers", "2")
    assert "sound" in fasweep.run("verify", "all.h5")
    with h5py.File(fasweep.folder / "all.h5") as file:
        columns = {n: file[n][...] for n in file["loss"].attrs["coordinates"].split()}
        columns["schedule"] = file["schedule"].asstr()[...]
        assert set(columns) >= {"p", "n", "d", "step_size", "schedule", "batch_size", "max_steps", "k"}
        assert file["step"][...].tolist() == [0, 5, 10, 12, 15, 20]
        loss, steps = file["loss"][...], file["steps"][...]
    assert len(loss) == 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2 * 2
    assert (columns["d"] == np.where(columns["n"] == 5, 9, 12)).all()
    assert set(columns["schedule"]) == {"constant", f"cutoff({2 * 6 ** 0.5:.15g})", f"cutoff({2 * 10 ** 0.5:.15g})"}
    assert (np.isnan(loss[steps == 12]) == [False, False, False, False, True, True]).all()
    assert (np.isnan(loss[steps == 20]) == [False, False, False, True, False, False]).all()

    # A few runs alone: the same bits.
    for row in (0, 77, 211, len(loss) - 1):
        point = {name: values[row] for name, values in columns.items()}
        alone = f"""[grid]
p = {point["p"]}
lambda = {point["lambda"]}
activation = {"linear" if point["activation"] in (b"linear", "linear") else "relu"}
seed = {point["seed"]}
[data]
n = {point["n"]}
d = {point["d"]}
[training]
step-size = {float(point["step_size"])!r}
schedule = {point["schedule"]}
batch-size = {point["batch_size"] or "all"}
max-steps = {point["max_steps"]}
[record]
steps = every(5)
metrics = loss, alignment, batch_loss
"""
        fasweep.run("run", fasweep.job(alone, f"{row}.cfg"), "-o", f"{row}.h5")
        with h5py.File(fasweep.folder / f"{row}.h5") as file:
            np.testing.assert_array_equal(file["loss"][0], loss[row][~np.isnan(loss[row])], err_msg=str(point))


def test_merge_knows_runs_by_what_they_are(fasweep: Fasweep):
    """Shards of one grid whose lists are in another order."""
    job = fasweep.job("[grid]\np = 4, 8\nseed = 0..1\n[training]\nmax-steps = 10\n")
    fasweep.run("run", job, "-o", "whole.h5")
    fasweep.run("run", job, "-o", "s0.h5", "--shard", "0/2")
    fasweep.run("run", job, "-o", "s1.h5", "--shard", "1/2", "--set", "grid.p=8, 4")
    fasweep.run("run", job, "-o", "s2.h5", "--shard", "0/2", "--set", "grid.p=8, 4")
    fasweep.run("merge", "s0.h5", "s1.h5", "s2.h5", "-o", "merged.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")


def test_interrupted_extended_sharded_and_merged_with_many_axes(fasweep: Fasweep):
    job = fasweep.job(JOB)
    fasweep.run("run", job, "-o", "whole.h5")
    for shard in range(3):
        fasweep.run("run", job, "-o", f"s{shard}.h5", "--shard", f"{shard}/3")
    fasweep.run("merge", "s0.h5", "s1.h5", "s2.h5", "-o", "merged.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")
    fasweep.run("run", job, "-o", "grown.h5", "--set", "training.max-steps=12", "--set", "training.batch-size=3")
    fasweep.run("run", job, "-o", "grown.h5")
    assert_same_results(fasweep.folder / "grown.h5", fasweep.folder / "whole.h5")


def test_step_sizes_follow_their_schedule(fasweep: Fasweep):
    """No step is taken any more once eta is cut off, milestones with factor 0 are that cutoff, and one at step 0 is another
    step size."""
    job = "[grid]\np = 6\n[training]\nmax-steps = 9\n{}\n[record]\nsteps = every(1)\nmetrics = loss\n"
    schedules = "step-schedule = constant, cutoff(4), multistep(0, 4), multistep(0.5, 0)"
    fasweep.run("run", fasweep.job(job.format(schedules)), "-o", "out.h5")
    fasweep.run("run", fasweep.job(job.format("step-size = 1e-3, 5e-4"), "plain.cfg"), "-o", "plain.h5")
    with h5py.File(fasweep.folder / "out.h5") as file, h5py.File(fasweep.folder / "plain.h5") as plain:
        loss = dict(zip(file["step_schedule"].asstr()[...], file["loss"][...]))
        np.testing.assert_array_equal(loss["constant"], plain["loss"][0])
        np.testing.assert_array_equal(loss["multistep(0.5, 0)"], plain["loss"][1])
    np.testing.assert_array_equal(loss["cutoff(4)"][:5], loss["constant"][:5])
    np.testing.assert_array_equal(loss["multistep(0, 4)"], loss["cutoff(4)"])
    assert (np.diff(loss["constant"]) != 0).all() and (np.diff(loss["cutoff(4)"][4:]) == 0).all()


def test_points_are_listed(fasweep: Fasweep):
    job = fasweep.job(JOB)
    rows = list(csv.DictReader(io.StringIO(fasweep.run("plan", job, "--points", "csv"))))
    objects = json.loads(fasweep.run("plan", job, "--points", "json"))
    assert len(rows) == len(objects) == 512
    for row, point in zip(rows, objects):
        assert row.keys() == point.keys()
        assert all(str(point[name]) == row[name] or float(row[name]) == point[name] for name in row)
    assert {point["batch_size"] for point in objects} == {"all", 3}


def test_data_follow_from_the_width(fasweep: Fasweep):
    job = "[grid]\np = 100, 400\nzip = d, label-noise\n[data]\nn = round(p / 20)\nd = 3, 3, 5\nlabel-noise = 0, 1, 1\n"
    points = json.loads(fasweep.run("plan", fasweep.job(job), "--points", "json"))
    assert [(point["n"], point["d"]) for point in points[:3]] == [(5, 3), (5, 3), (5, 5)]
    assert {point["n"] for point in points} == {5, 20} and len(points) == 6


def test_rules_are_listed_with_what_trains_them(fasweep: Fasweep):
    rules = {rule["rule"]: rule for rule in json.loads(fasweep.run("keys", "--rules", "--json"))}
    text = fasweep.run("keys", "--rules")
    keys = {key["key"]: key for key in json.loads(fasweep.run("keys", "--json"))}

    assert list(rules) == keys["grid.rule"]["values"]
    assert all(name in text and rule["meaning"] in text for name, rule in rules.items())
    for name, rule in rules.items():
        for solver in ("weight-space", "sample-space", "reduced-linear"):
            job = fasweep.job(f"[grid]\np = 3\nrule = {name}\nactivation = linear\n[data]\nn = 2\nd = 2\n[training]\nmax-steps = 1\n")
            process = fasweep.start("plan", job, "--solver", solver)
            _, err = process.communicate(timeout=60)
            assert ("cannot train" in err) == (process.returncode != 0) == (solver not in rule["solvers"]), err


def test_keys_are_listed_for_programs(fasweep: Fasweep):
    keys = {key["key"]: key for key in json.loads(fasweep.run("keys", "--json"))}
    assert keys["grid.p"]["default"] is None and keys["grid.p"]["type"] == "whole"
    assert keys["training.batch-size"]["words"] == ["all"]
    assert "relu" in keys["grid.activation"]["values"]
    assert keys["data.n"]["default_with_data_set"] == "all"
    assert all(key["meaning"] and key["accepted"] and key["meaning"] != key["accepted"] for key in keys.values())
    text = fasweep.run("keys")
    assert all(name in text for name in keys)


def test_step_sizes_of_other_activations_and_metrics_are_written_out(fasweep: Fasweep):
    plan = json.loads(fasweep.run("plan", fasweep.job("[grid]\np = 3\n"), "--json"))
    assert "step-size = relu:0.001\n" in plan["job"]
    assert "metrics = loss, regularized_loss," in plan["job"]
