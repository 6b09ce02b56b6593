"""The promise of docs/file-format.md: every version reads and continues what earlier ones wrote, or refuses without touching it.
The files are those of tests/store/versions, written by the program of each version (make.sh there)."""

from __future__ import annotations

import csv
import io
import json
import shutil
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Fasweep

VERSIONS = sorted(p for p in (Path(__file__).resolve().parents[1] / "store" / "versions").iterdir() if p.is_dir())
PLACE = ("worker", "wall_s", "finished_at")


@pytest.fixture(params=VERSIONS, ids=lambda p: p.name)
def old(request: pytest.FixtureRequest, fasweep: Fasweep) -> Fasweep:
    """A folder with the files of a version, to read and to continue."""
    shutil.copytree(request.param, fasweep.folder, dirs_exist_ok=True)
    return fasweep


def numbers(path: Path) -> dict[str, np.ndarray]:
    """Every column of numbers that does not depend on time and place; codes of names are texts in later schemas."""
    with h5py.File(path) as file:
        columns = {n: d for n, d in file.items() if isinstance(d, h5py.Dataset) and d.dtype.kind in "if"}
        return {n: d[...] for n, d in columns.items() if n not in PLACE and "flag_values" not in d.attrs}


def assert_same_numbers(a: Path, b: Path) -> None:
    first, second = numbers(a), numbers(b)
    unchecked = np.isnan(first.pop("first_step_deviation"))  # runs of versions that did not check their first step
    checked = second.pop("first_step_deviation")
    assert 0 < unchecked.sum() < unchecked.size and not np.isnan(checked).any()
    for name in first.keys() & second.keys():
        if first[name].shape[:1] == unchecked.shape:
            np.testing.assert_array_equal(first[name][~unchecked], second[name][~unchecked], err_msg=name)
            # The earlier runs may be of a processor whose lanes sum in another order: rounding of float32, as below.
            np.testing.assert_allclose(first[name][unchecked], second[name][unchecked], rtol=2e-4, atol=2e-5, err_msg=name)
        else:
            np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert {"loss", "final_loss", "p", "lambda", "seed", "steps"} <= first.keys() & second.keys()


@pytest.mark.parametrize("name", ["complete", "classes", "shard0", "shard1", "teacher", "killed"])
def test_files_are_read_and_sound(old: Fasweep, name: str):
    before = (old.folder / f"{name}.h5").read_bytes()

    assert "runs" in old.run("status", f"{name}.h5")
    assert "sound" in old.run("verify", f"{name}.h5")
    rows = list(csv.DictReader(io.StringIO(old.run("export", f"{name}.h5"))))

    with h5py.File(old.folder / f"{name}.h5") as file:
        finals = file["final_loss" if name != "classes" else "final_batch_loss"][...]
    written = [float(row["final_loss" if name != "classes" else "final_batch_loss"]) for row in rows]
    np.testing.assert_array_equal(written, finals[~np.isnan(finals)].astype(float))
    assert (old.folder / f"{name}.h5").read_bytes() == before


def test_a_complete_file_is_complete_and_stays_as_it_is(old: Fasweep):
    before = (old.folder / "complete.h5").read_bytes()
    assert "complete" in old.run("run", "complete.cfg", "-o", "complete.h5")
    assert (old.folder / "complete.h5").read_bytes() == before


def test_the_same_job_gives_the_same_numbers(old: Fasweep):
    """Of the same machine type alone: the files are of AVX2 or AVX-512 machines, whose float32 sums differ in rounding."""
    old.run("run", "complete.cfg", "-o", "again.h5")
    first, second = numbers(old.folder / "complete.h5"), numbers(old.folder / "again.h5")
    for name in first.keys() & second.keys():
        # float32 against float32: rounding of sums of a few dozen terms over 50 steps; an angle near 0 loses more.
        np.testing.assert_allclose(second[name], first[name], rtol=2e-4, atol=2e-5, err_msg=name)


def test_a_larger_grid_extends_a_file(old: Fasweep):
    old.run("run", "complete.cfg", "-o", "complete.h5", "--set", "grid.seed=0..2")
    assert "96 of 96" in old.run("status", "complete.h5")
    assert "sound" in old.run("verify", "complete.h5")
    original = next(v for v in VERSIONS if (v / "complete.h5").exists())
    with h5py.File(old.folder / "complete.h5") as new, h5py.File(original / "complete.h5") as before:
        kept = new["seed"][...] < 2
        for name in ("loss", "alignment", "final_test_loss"):
            np.testing.assert_array_equal(new[name][...][kept], before[name][...], err_msg=name)


def test_a_killed_sweep_continues(old: Fasweep):
    path = old.folder / "killed.h5"
    done = json.loads(old.run("status", "killed.h5", "--json"))["counts"]["done"]
    start = time.time()
    old.run("run", "killed.cfg", "-o", "killed.h5")
    assert "sound" in old.run("verify", "killed.h5")
    with h5py.File(path) as file:
        assert file.attrs["complete"] == 1
        assert 0 < done == np.count_nonzero(file["finished_at"][...] < start), "recorded runs are not trained again"
    old.run("run", "killed.cfg", "-o", "whole.h5")
    assert_same_numbers(path, old.folder / "whole.h5")


def test_a_cut_journal_loses_its_last_record_alone(old: Fasweep):
    (old.folder / "cut.h5.journal").rename(old.folder / "out.h5.journal")
    assert "which is dropped" in old.run("run", "killed.cfg", "-o", "out.h5")
    old.run("run", "killed.cfg", "-o", "whole.h5")
    assert_same_numbers(old.folder / "out.h5", old.folder / "whole.h5")


def test_shards_merge(old: Fasweep):
    old.run("merge", "shard0.h5", "shard1.h5", "-o", "merged.h5")
    assert "sound" in old.run("verify", "merged.h5")
    assert "32 of 32" in old.run("status", "merged.h5")


def test_data_that_are_drawn_otherwise_today_are_refused_untouched(fasweep: Fasweep):
    """In version 0.1 a teacher of fixed width and its data changed with p."""
    shutil.copytree(VERSIONS[0], fasweep.folder, dirs_exist_ok=True)
    before = (fasweep.folder / "teacher.h5").read_bytes()
    job = ["run", "complete.cfg", "-o", "teacher.h5", "--set", "grid.activation=relu", "--set", "grid.lambda=0"]
    message = fasweep.run(*job, "--set", "data.teacher-width=3", expect=4)
    assert "data.draw: file has per-width, job wants shared" in message
    assert (fasweep.folder / "teacher.h5").read_bytes() == before
    assert "complete" in fasweep.run(*job, "--set", "data.teacher-width=3", "--set", "data.draw=per-width")


def test_fewer_metrics_than_the_program_has_continue_with_their_own(fasweep: Fasweep):
    fasweep.job("[grid]\np = 3\nseed = 0..1\n[training]\nmax-steps = 5\n[record]\nmetrics = loss, alignment\n", "few.cfg")
    fasweep.run("run", "few.cfg", "-o", "out.h5")
    fasweep.job("[grid]\np = 3\nseed = 0..3\n[training]\nmax-steps = 5\n", "open.cfg")
    fasweep.run("run", "open.cfg", "-o", "out.h5")
    with h5py.File(fasweep.folder / "out.h5") as file:
        assert {n for n in file if n.startswith("final_")} == {"final_loss", "final_alignment"}
        assert not np.isnan(file["loss"][...]).any() and len(file["loss"]) == 4
    assert "sound" in fasweep.run("verify", "out.h5")
