"""Shards of one job, trained by independent programs, merge to the file that one sweep gives."""

from __future__ import annotations

import os
import signal
import subprocess

import h5py
import pytest
from conftest import Fasweep, assert_same_results, status_column

SHARDS = 3


@pytest.fixture
def shards(fasweep: Fasweep) -> list[str]:
    fasweep.job()
    names = [f"shard{index}.h5" for index in range(SHARDS)]
    for index, name in enumerate(names):
        out = fasweep.run("run", "job.cfg", "-o", name, "--shard", f"{index}/{SHARDS}")
        assert f"shard {index}/{SHARDS} is complete" in out
    return names


def test_merged_shards_are_the_whole_sweep(fasweep: Fasweep, shards: list[str]):
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    fasweep.run("merge", *shards, "-o", "merged.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")
    assert "sound" in fasweep.run("verify", "merged.h5")
    assert not list(fasweep.folder.glob("merged.h5.*"))
    with h5py.File(fasweep.folder / "merged.h5") as file:
        sessions = file["provenance/sessions"][()].decode()
    assert [sessions.count(f"--shard {index}/{SHARDS}") for index in range(SHARDS)] == [1] * SHARDS


def test_every_run_is_in_one_shard(fasweep: Fasweep, shards: list[str]):
    columns = [status_column(fasweep.folder / name) for name in shards]
    assert (sum(column == "done" for column in columns) == 1).all()
    assert all((column == "done").any() for column in columns)


def test_complete_shard_is_left_alone(fasweep: Fasweep, shards: list[str]):
    before = (fasweep.folder / shards[1]).read_bytes()
    fasweep.run("run", "job.cfg", "-o", shards[1], "--shard", f"1/{SHARDS}")
    assert (fasweep.folder / shards[1]).read_bytes() == before


def test_shard_continued_without_the_option_becomes_the_whole(fasweep: Fasweep, shards: list[str]):
    fasweep.run("run", "job.cfg", "-o", shards[0])
    fasweep.run("merge", *shards, "-o", "merged.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / shards[0])


def test_missing_shard_is_counted_and_added_later(fasweep: Fasweep, shards: list[str]):
    out = fasweep.run("merge", shards[0], shards[2], "-o", "merged.h5", expect=75)
    missing = int((status_column(fasweep.folder / shards[1]) == "done").sum())
    assert f"{missing} are missing" in out
    fasweep.run("merge", shards[1], "-o", "merged.h5")
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")


def test_unfinished_sweep_is_read_from_its_journal(fasweep: Fasweep, shards: list[str]):
    """No file yet, only the journal of a killed sweep."""
    fasweep.run("merge", shards[0], shards[2], "-o", "part.h5", expect=75)
    os.remove(fasweep.folder / "part.h5")
    fasweep.run("merge", "part.h5", shards[1], "-o", "merged.h5")
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")


def test_differing_duplicate_is_reported_and_the_first_kept(fasweep: Fasweep, shards: list[str]):
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    changed = fasweep.folder / shards[0]
    with h5py.File(changed, "r+") as file:
        row = int((file["status"].asstr()[...] == "done").argmax())
        file["loss"][row, 0] += 1
    out = fasweep.run("merge", "whole.h5", *shards, "-o", "merged.h5", expect=5)
    assert f"run {row} " in out and "1 records differ" in out
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")
    fasweep.run("merge", "whole.h5", *shards, "-o", "merged.h5", expect=5)
    fasweep.run("merge", "whole.h5", *shards[1:], "-o", "merged.h5")


@pytest.mark.parametrize("change", ["grid.seed=0..3", "training.max-steps=61"])
def test_other_plan_is_refused_with_a_diff(fasweep: Fasweep, shards: list[str], change: str):
    fasweep.run("run", "job.cfg", "-o", "other.h5", "--set", change)
    before = (fasweep.folder / "other.h5").read_bytes()
    key, value = change.split("=")
    for inputs in ([shards[0], "other.h5"], ["other.h5", shards[0]]):
        out = fasweep.run("merge", *inputs, "-o", "merged.h5", expect=4)
        assert key in out and value in out
        assert not list(fasweep.folder.glob("merged.h5*"))
    out = fasweep.run("merge", *shards, "-o", "other.h5", expect=4)
    assert key in out
    assert (fasweep.folder / "other.h5").read_bytes() == before


def test_killed_merge_continues(fasweep: Fasweep, shards: list[str]):
    fasweep.run("run", "job.cfg", "-o", "whole.h5")
    for wait in (0.0, 0.005, 0.01, 0.02, 0.04):
        process = fasweep.start("merge", *shards, "-o", "merged.h5")
        try:
            process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        merged = fasweep.folder / "merged.h5"
        if merged.exists():
            assert_same_results(merged, fasweep.folder / "whole.h5")  # all or nothing
    fasweep.run("merge", *shards, "-o", "merged.h5")
    assert_same_results(fasweep.folder / "merged.h5", fasweep.folder / "whole.h5")


@pytest.mark.parametrize("text", ["3/3", "-1/3", "1", "1/2/3", "a/b", "0/0", "1/1.5"])
def test_wrong_shard_is_refused(fasweep: Fasweep, text: str):
    out = fasweep.run("run", fasweep.job(), "-o", "out.h5", f"--shard={text}", expect=2)
    assert f"'{text}'" in out and "I/N" in out
    assert not list(fasweep.folder.glob("out.h5*"))


def test_output_among_the_inputs_is_refused(fasweep: Fasweep, shards: list[str]):
    assert "is an input too" in fasweep.run("merge", *shards, "-o", shards[0], expect=2)
