"""fasweep check: results as they were trained pass, in both precisions and for files of earlier versions; a number that was
changed, in whatever column, is found and named."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT, SMALL_JOB, Fasweep

ALL = ("--runs", "1000")
EVERY_VARIANT = """
[grid]
p = 12
lambda = 0.3
activation = linear, relu, tanh, sigmoid, softplus, gelu, erf
rule = feedback-alignment, backprop, kolen-pollack, drtp, dfa, shallow, sign-symmetry, sign-symmetry-fixed, sign-symmetry-redrawn, oja, hebbian-feedback
[data]
n = 10
d = 12
test-n = 3
[training]
schedule = constant, multistep(0.5, 10, 20)
step-schedule = constant, exponential(0.99)
stop = never, time(0.01)
max-steps = 60
[record]
steps = log(12)
"""
NETWORKS = """
[grid]
p = 9
lambda = 0.1
activation = tanh
rule = feedback-alignment, backprop, kolen-pollack, drtp, dfa, shallow, sign-symmetry, sign-symmetry-fixed, sign-symmetry-redrawn, error-modulated-hebb, oja, sejnowski-tesauro, hebbian-feedback
[data]
source = csv
path = table.csv
test-n = 4
[training]
step-size = 0.05
batch-size = 5, all
loss = squared, cross-entropy
dropout = 0, 0.2
biases = no, yes
reduction = mean
max-steps = 25
[record]
steps = log(6)
"""


def write_table(folder: Path) -> None:
    numbers = np.random.default_rng(5).normal(size=(20, 6)).round(3)
    lines = [",".join(map(str, numbers[i])) + f",{i % 3}\n" for i in range(len(numbers))]
    (folder / "table.csv").write_text("".join(lines))


def checked_runs(out: str) -> list[str]:
    checked = re.search(r"checked \((.*?)\)", out)
    assert checked, out
    return checked[1].split(", ")


@pytest.mark.parametrize("precision", ("float32", "float64"))
@pytest.mark.parametrize("job", (SMALL_JOB, EVERY_VARIANT, NETWORKS))
def test_results_are_right(fasweep: Fasweep, job: str, precision: str):
    fasweep.job(job)
    write_table(fasweep.folder)
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", f"training.precision={precision}")

    out = fasweep.run("check", "out.h5", *ALL)

    assert "all right" in out
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert len(checked_runs(out)) == len(file["run"])


@pytest.mark.parametrize("name", ("complete", "classes", "teacher", "shard1"))
def test_results_of_version_0_1_are_right(fasweep: Fasweep, name: str):
    for file in (f"{name}.h5", "classes.csv"):
        shutil.copy(ROOT / "tests" / "store" / "versions" / "0.1" / file, fasweep.folder)

    assert "all right" in fasweep.run("check", f"{name}.h5", "--runs", "20")


@pytest.fixture
def small_file(fasweep: Fasweep) -> Path:
    fasweep.job()
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "training.precision=float64")
    return fasweep.folder / "out.h5"


@pytest.mark.parametrize("column", ("loss", "alignment", "hidden_change", "final_output_norm"))
def test_one_number_that_was_changed_is_named(fasweep: Fasweep, small_file: Path, column: str):
    run, place = 17, 4
    with h5py.File(small_file, "r+") as file:
        at = run if column.startswith("final_") else (run, place)
        step = int(file["steps"][run] if column.startswith("final_") else file["step"][place])
        before = float(file[column][at])
        file[column][at] = before + 1e-6 * max(1, abs(before))
        after = float(file[column][at])
    if not column.startswith("final_"):  # verify holds those to the last recorded step
        assert "sound" in fasweep.run("verify", "out.h5"), "the file is whole, whatever its numbers"

    out = fasweep.run("check", "out.h5", *ALL, expect=5)

    line = next(line for line in out.splitlines() if "is wrong" in line)
    assert f"run {run} is wrong: {column.removeprefix('final_')} at step {step} is " in line
    numbers = re.search(r" is (\S+) and should be (\S+) ", line)
    assert numbers, line
    recorded, expected = (float(text) for text in numbers.groups())
    assert recorded == pytest.approx(after, rel=1e-12) and expected == pytest.approx(before, rel=1e-9)
    assert "1 wrong" in out


def test_a_run_that_ended_too_early_is_named(fasweep: Fasweep, small_file: Path):
    with h5py.File(small_file, "r+") as file:
        file["steps"][3] = file["step"][-2]
        for name in [name for name, item in file.items() if isinstance(item, h5py.Dataset) and item.ndim == 2]:
            file[name][3, -1] = np.nan

    assert "run 3 is wrong: it ended at step" in fasweep.run("check", "out.h5", *ALL, expect=5)


def test_ends_that_cannot_be_are_named(fasweep: Fasweep, small_file: Path):
    with h5py.File(small_file, "r+") as file:
        file["steps"][3] = 10**15
        file["status"][5] = "diverged"

    out = fasweep.run("check", "out.h5", *ALL, expect=5)

    assert "run 3 is wrong: the record of run 3 has 1000000000000000 steps, more than max-steps = 60" in out
    assert "run 5 is wrong: it is diverged, and ended by max-steps" in out


def test_a_run_that_is_sensitive_to_rounding_is_said_to_be(fasweep: Fasweep):
    fasweep.job("[grid]\np = 21\nlambda = 0.1\nactivation = linear\nrule = drtp\nseed = 7\n[data]\nn = 9\nd = 20\n"
                "[training]\nstep-size = 0.01\nmax-steps = 60\n[record]\nsteps = log(9)\n")
    fasweep.run("run", "job.cfg", "-o", "out.h5")

    assert "run 0 is sensitive to rounding: " in fasweep.run("check", "out.h5")


def test_the_sample_is_that_of_its_seed(fasweep: Fasweep, small_file: Path):
    first = checked_runs(fasweep.run("check", "out.h5"))

    assert len(first) == 5 and first == sorted(first, key=int)
    assert checked_runs(fasweep.run("check", "out.h5", "--seed", "0", "--runs", "5")) == first
    assert checked_runs(fasweep.run("check", "out.h5", "--seed", "1")) != first
    assert set(first) < set(checked_runs(fasweep.run("check", "out.h5", "--runs", "9"))), "a larger sample keeps a smaller"


def test_data_may_move_but_not_change(fasweep: Fasweep):
    fasweep.job(NETWORKS)
    write_table(fasweep.folder)
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    (fasweep.folder / "table.csv").rename(fasweep.folder / "moved.csv")

    assert "table.csv" in fasweep.run("check", "out.h5", expect=2)
    assert "all right" in fasweep.run("check", "out.h5", "--data", "moved.csv")
    text = (fasweep.folder / "moved.csv").read_text()
    (fasweep.folder / "moved.csv").write_text(text.replace(text[:5], "7.777", 1))
    assert "checksum" in fasweep.run("check", "out.h5", "--data", "moved.csv", expect=2)


def test_what_cannot_be_checked_is_refused(fasweep: Fasweep, small_file: Path):
    assert "write 1 or more" in fasweep.run("check", "out.h5", "--runs", "0", expect=2)
    assert "seeds start at 0" in fasweep.run("check", "out.h5", "--seed", "-1", expect=2)
    assert "no such file" in fasweep.run("check", "other.h5", expect=2)
    with h5py.File(small_file, "r+") as file:
        build = file["provenance/build"]
        build[()] = build.asstr()[()] + "cuda: nvcc 13.0 for 90, exact kernels, TF32 products\n"
    assert "TF32 products" in fasweep.run("check", "out.h5", expect=2)
    with h5py.File(small_file, "r+") as file:
        file["status"][...] = "failed"
    assert "has no finished run (of 72)" in fasweep.run("check", "out.h5", expect=2)
