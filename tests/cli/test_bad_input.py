"""Every mistake gets one sentence that names it, the right exit code, and harms nothing."""

from __future__ import annotations

import pytest
from conftest import SMALL_JOB, Fasweep


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["bogus"], "bogus"),
        (["plan"], "job"),
        (["plan", "nowhere.cfg"], "nowhere.cfg"),
        (["plan", "job.cfg", "--set", "grid.p=0"], "grid.p"),
        (["plan", "job.cfg", "--set", "grid.q=1"], "grid.q"),
        (["plan", "job.cfg", "--set", "grid.lambda="], "empty"),
        (["plan", "job.cfg", "--set", "training.stop=never(3)"], "training.stop"),
        (["plan", "job.cfg", "--solver", "fast"], "weight-space"),
        (["plan", "job.cfg", "--set", "nothing"], "nothing"),
        (["run", "job.cfg"], "output"),
        (["run", "job.cfg", "-o", "nowhere/out.h5"], "nowhere"),
        (["run", "job.cfg", "-o", "out.h5", "--workers", "0"], "workers"),
        (["run", "job.cfg", "-o", "out.h5", "--backend", "tpu"], "tpu"),
        (["run", "job.cfg", "-o", "out.h5", "--sync-seconds=-1"], "sync-seconds"),
        (["run", "job.cfg", "-o", "out.h5", "--publish-seconds=nan"], "publish-seconds"),
        (["run", "job.cfg", "-o", "out.h5", "--lost-after-seconds=0"], "lost-after-seconds"),
        (["merge", "job.h5"], "output"),
        (["merge", "-o", "out.h5"], "inputs"),
        (["merge", "nowhere.h5", "-o", "out.h5"], "nowhere.h5"),
        (["run", "job.cfg", "-o", "out.h5", "--time-limit", "soon"], "soon"),
        (["run", "job.cfg", "-o", "out.h5", "--solver", "reduced-linear"], "reduced-linear"),
        (["run", "job.cfg", "-o", "notes.h5"], "notes.h5"),
        (["status", "nowhere.h5"], "nowhere.h5"),
        (["status", "notes.h5"], "notes.h5"),
        (["export", "nowhere.h5"], "nowhere.h5"),
        (["run", "job.cfg", "-o", "out.h5", "--set", "grid.p=2^26", "--set", "data.d=1000000"], "memory"),
        (["run", "job.cfg", "-o", ""], "empty"),
        (["run", "job.cfg", "-o", "x" * 240 + ".h5"], "243 bytes"),
        (["run", "job.cfg", "-o", "folder/" * 600 + "out.h5"], "too long"),
        (["run", "job.cfg", "-o", "x" * 300 + "/out.h5"], "300 bytes"),
        (["merge", "", "-o", "out.h5"], "empty"),
        (["status", "x" * 100000], "100000 bytes"),
        (["verify", "x" * 100000], "100000 bytes"),
        (["verify", "x" * 300 + "/out.h5"], "300 bytes"),
        (["export", "x" * 256 + "/"], "256 bytes"),
        (["plan", ""], "empty"),
    ],
)
def test_usage_errors_exit_2_and_name_the_thing(fasweep: Fasweep, arguments: list[str], named: str):
    fasweep.job()
    (fasweep.folder / "notes.h5").write_text("these are my notes, not a result file")
    before = sorted(p.name for p in fasweep.folder.iterdir())
    message = fasweep.run(*arguments, expect=2)
    assert named in message
    assert message.count("\n") == 1, message
    assert sorted(p.name for p in fasweep.folder.iterdir()) == before
    assert (fasweep.folder / "notes.h5").read_text() == "these are my notes, not a result file"


def test_key_without_its_section_is_found(fasweep: Fasweep):
    message = fasweep.run("plan", fasweep.job(), "--set", "lambda=0.1", expect=2)
    assert "did you mean 'grid.lambda'?" in message


def test_repeated_key(fasweep: Fasweep):
    fasweep.job(SMALL_JOB + "\n[data]\nn = 11\n")
    assert "data.n" in fasweep.run("plan", "job.cfg", expect=2)


@pytest.mark.parametrize("change", ["data.n=11", "grid.seed=0..1", "training.max-steps=61", "record.steps=log(5)"])
def test_other_plan_exits_4_with_the_difference(fasweep: Fasweep, change: str):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    before = (fasweep.folder / "out.h5").read_bytes()
    assert change.split("=")[0] in fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", change, expect=4)
    assert (fasweep.folder / "out.h5").read_bytes() == before


@pytest.mark.usefixtures("needs_mpirun")
def test_errors_under_mpirun_are_said_once(fasweep: Fasweep):
    fasweep.job()
    message = fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", "grid.p=0", ranks=3, expect=2)
    assert message.count("key 'grid.p'") == 1


@pytest.mark.parametrize("value", ["1" * 3_000_000, "\x1b[31mred", "\u009b31mred"], ids=["long", "escape", "C1"])
def test_messages_are_short_and_no_orders_to_a_terminal(fasweep: Fasweep, value: str):
    message = fasweep.run("plan", fasweep.job(f"[grid]\np = {value}\n"), expect=2)
    assert message.startswith("fasweep: key 'grid.p' = '") and "write numbers >= 1" in message
    assert len(message) < 4000
    assert not {"\x1b", "\u009b"} & set(message)


def test_export_overwrites_nothing(fasweep: Fasweep):
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    (fasweep.folder / "mine.csv").write_text("mine")
    assert "mine.csv" in fasweep.run("export", "out.h5", "-o", "mine.csv", expect=2)
    assert (fasweep.folder / "mine.csv").read_text() == "mine"
