"""Damage is found and named; --repair keeps every whole record, and the same command trains the rest again."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest
from conftest import Fasweep, assert_same_results, status_column

MANY_STEPS = "training.max-steps=3000"


@pytest.fixture
def journal(fasweep: Fasweep) -> Path:
    """Of a sweep that was killed."""
    fasweep.job()
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "1", "--batch-seconds", "0", "--set", MANY_STEPS)
    path = fasweep.folder / "out.h5.journal"
    for _ in range(1000):
        if path.exists() and path.stat().st_size > 6000:
            break
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.kill()
    process.communicate()
    return path


def test_flipped_byte_is_found_and_repaired(fasweep: Fasweep, journal: Path):
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    for arguments in (["run", "job.cfg", "-o", "out.h5", "--set", MANY_STEPS], ["verify", "out.h5"]):
        out = fasweep.run(*arguments, expect=5)
        assert "out.h5.journal" in out or "journal is damaged" in out
    assert journal.read_bytes() == data

    assert "kept" in fasweep.run("verify", "out.h5", "--repair")
    assert (fasweep.folder / "out.h5.journal.damaged").read_bytes() == data
    rebuilt = status_column(fasweep.folder / "out.h5")
    assert 0 < (rebuilt == "done").sum() < rebuilt.size
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", MANY_STEPS)
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--set", MANY_STEPS)
    assert_same_results(fasweep.folder / "out.h5", fasweep.folder / "whole.h5")


def test_damaged_file_is_rebuilt_from_its_journal(fasweep: Fasweep, journal: Path):
    path = fasweep.folder / "out.h5"
    fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", MANY_STEPS, "--time-limit", "0.001s", expect=75)
    path.write_bytes(path.read_bytes()[:3000])
    assert "out.h5" in fasweep.run("verify", "out.h5", expect=5)
    assert "rebuilt" in fasweep.run("verify", "out.h5", "--repair")
    assert "sound" in fasweep.run("verify", "out.h5")


def test_second_writer_is_refused_and_the_first_one_named(fasweep: Fasweep):
    fasweep.job()
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--workers", "1", "--set", "training.max-steps=1000000")
    lock = fasweep.folder / "out.h5.lock"
    while not (lock.exists() and lock.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    out = fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "training.max-steps=1000000", expect=2)
    assert "is held" in out and f"process {process.pid}" in out
    process.send_signal(signal.SIGKILL)
    process.communicate()
    out = fasweep.run("run", "job.cfg", "-o", "out.h5", "--time-limit", "1s", "--set", "training.max-steps=1000000", expect=75)
    assert "taking over" in out and f"process {process.pid}" in out
