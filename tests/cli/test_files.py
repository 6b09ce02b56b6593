"""What lies beside a result file, what others put into it, and what is wrong with it: nothing is lost, nothing that is not
fasweep's is touched, and no damage is called sound."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Fasweep, assert_same_results, status_column

JOB = """
[grid]
p = 3, 5
lambda = 0, 1
seed = 0..2
[training]
step-size = 0.0001
max-steps = 20
[record]
steps = log(6)
metrics = loss, alignment
"""
VERSIONS = Path(__file__).resolve().parents[1] / "store" / "versions"


@pytest.fixture
def complete(fasweep: Fasweep) -> Path:
    fasweep.job(JOB)
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    return fasweep.folder / "out.h5"


def interrupt(fasweep: Fasweep, name: str = "out.h5", *arguments: str) -> Path:
    """A sweep that was stopped before its first run."""
    fasweep.run("run", "job.cfg", "-o", name, "--time-limit", "0.001s", *arguments, expect=75)
    return fasweep.folder / (name + ".journal")


# --- damage


@pytest.mark.parametrize("command", ["verify", "check", "export"])
@pytest.mark.parametrize("place", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
def test_a_flipped_bit_is_found_by_every_reader(fasweep: Fasweep, complete: Path, command: str, place: float):
    data = bytearray(complete.read_bytes())
    data[min(int(place * len(data)), len(data) - 1)] ^= 8
    complete.write_bytes(data)

    assert "damaged" in fasweep.run(command, "out.h5", expect=5)
    assert complete.read_bytes() == data


def test_bytes_lost_or_added_are_found(fasweep: Fasweep, complete: Path):
    data = complete.read_bytes()
    for changed in (data[:-1], data[:-40], data[: len(data) // 2], data + b"\n"):
        complete.write_bytes(changed)
        assert "damaged" in fasweep.run("verify", "out.h5", expect=5)
    assert fasweep.run("run", "job.cfg", "-o", "out.h5", expect=5)
    assert complete.read_bytes() == changed


def test_a_file_written_to_by_others_is_checked_by_its_contents(fasweep: Fasweep, complete: Path):
    def change(what) -> None:
        with h5py.File(complete, "r+") as file:
            what(file)

    change(lambda file: file.attrs.create("comment", "mine"))
    assert "no checksum" in fasweep.run("verify", "out.h5")
    whole = complete.read_bytes()

    def cell(name: str, value):
        def write(file: h5py.File) -> None:
            file[name][3] = value

        return write

    def retyped(file: h5py.File) -> None:
        values = file["alignment"][...].view(np.uint32)
        del file["alignment"]
        file["alignment"] = values

    changes = [
        cell("rule", "nonsense"), cell("stop_reason", "plateau(1)"), cell("stop_reason", "error"), cell("solver", "magic"),
        cell("status", "failed"), cell("step", 7), cell("run", 7), cell("p", 77), cell("final_loss", 3.0),
        cell("final_loss", np.nan), cell("loss", np.nan), cell("steps", 7), cell("wall_s", -1.0), retyped,
        lambda file: file["loss"].write_direct(np.full(file["loss"].shape, np.nan, np.float32)),
        lambda file: file.attrs.modify("complete", 0), lambda file: file.attrs.modify("count_done", 3),
        lambda file: file["provenance"].attrs.modify("training_seconds", 1e9),
    ]  # fmt: skip
    for number, what in enumerate(changes):
        complete.write_bytes(whole)
        change(what)
        assert "damaged" in fasweep.run("verify", "out.h5", expect=5), number


@pytest.mark.parametrize("name", ["complete", "schema", "plan_hash", "count_done", "count_pending"])
@pytest.mark.parametrize("size", [0, 2, 1000])
def test_attributes_of_another_size_are_refused(fasweep: Fasweep, complete: Path, name: str, size: int):
    with h5py.File(complete, "r+") as file:
        del file.attrs[name]
        file.attrs[name] = np.full(size, 0x4141414141414141)
    for command in ("verify", "status", "export"):
        if name != "plan_hash" or command == "verify":
            assert "is not one" in fasweep.run(command, "out.h5", expect=5)


def test_datasets_of_another_size_or_kind_are_refused(fasweep: Fasweep, complete: Path):
    def huge(file: h5py.File, name: str) -> None:
        file.create_dataset(name, shape=(10**15,), chunks=(1024,), dtype=h5py.string_dtype())

    def two_texts(file: h5py.File, name: str) -> None:
        file[name] = ["a", "b"]

    def short(file: h5py.File, name: str) -> None:
        file[name] = np.arange(3)

    def text(file: h5py.File, name: str) -> None:
        file[name] = "text"

    whole = complete.read_bytes()
    for name in ("status", "provenance/job", "steps", "final_loss", "loss", "run", "worker", "provenance/failures"):
        for put in (huge, two_texts, short, text):
            if put is text and name.startswith("provenance"):
                continue
            complete.write_bytes(whole)
            with h5py.File(complete, "r+") as file:
                del file[name]
                put(file, name)
            fasweep.run("verify", "out.h5", expect=5)
            fasweep.run("export", "out.h5", expect=5)


def test_files_without_a_checksum_neither_hang_nor_crash(fasweep: Fasweep):
    whole = (VERSIONS / "0.1" / "complete.h5").read_bytes()
    path = fasweep.folder / "old.h5"
    heap = whole.rindex(b"GCOL")
    for place in (heap + 279, 2692):  # HDF5 1.10 reads the first for ever, and crashes on the other
        data = bytearray(whole)
        data[place : place + 64] = bytes(64)
        path.write_bytes(data)
        assert "old.h5" in fasweep.run("verify", "old.h5", expect=5)


# --- journal and file


def test_a_journal_whose_head_is_damaged_keeps_its_records(fasweep: Fasweep):
    fasweep.job(JOB)
    journal = interrupt(fasweep)
    data = bytearray(journal.read_bytes())
    data[100:164] = bytes(64)
    journal.write_bytes(data)
    assert "damaged" in fasweep.run("run", "job.cfg", "-o", "out.h5", expect=5)

    assert "sound" in fasweep.run("verify", "out.h5", "--repair")
    assert (fasweep.folder / "out.h5.journal.damaged").read_bytes() == data
    fasweep.run("run", "job.cfg", "-o", "out.h5")


@pytest.mark.parametrize("version", ["0.1", "fasweep-2"])
def test_the_plan_of_a_journal_may_come_from_the_file(fasweep: Fasweep, version: str):
    shutil.copytree(VERSIONS / version, fasweep.folder, dirs_exist_ok=True)
    journal = fasweep.folder / "killed.h5.journal"
    data = bytearray(journal.read_bytes())
    data[100] ^= 1
    done = json.loads(fasweep.run("status", "killed.h5", "--json"))["counts"]["done"]
    journal.write_bytes(data)

    assert "sound" in fasweep.run("verify", "killed.h5", "--repair")

    assert (status_column(fasweep.folder / "killed.h5") == "done").sum() >= done > 0
    fasweep.run("run", "killed.cfg", "-o", "killed.h5")


def old_journal_beside_complete_file(fasweep: Fasweep) -> None:
    """As a backup that came back leaves them."""
    fasweep.job(JOB)
    backup = interrupt(fasweep).rename(fasweep.folder / "backup")
    fasweep.run("run", "job.cfg", "-o", "out.h5")
    backup.rename(fasweep.folder / "out.h5.journal")


def test_repair_keeps_runs_that_only_the_file_has(fasweep: Fasweep):
    old_journal_beside_complete_file(fasweep)
    finished = h5py.File(fasweep.folder / "out.h5")["finished_at"][...]
    assert "but not in the journal" in fasweep.run("verify", "out.h5", expect=5)

    assert " runs from the file that the journal did not have" in fasweep.run("verify", "out.h5", "--repair")

    np.testing.assert_array_equal(h5py.File(fasweep.folder / "out.h5")["finished_at"][...], finished)
    assert (fasweep.folder / "out.h5.journal.damaged").exists()


def test_a_run_keeps_what_only_the_file_has(fasweep: Fasweep):
    old_journal_beside_complete_file(fasweep)
    finished = h5py.File(fasweep.folder / "out.h5")["finished_at"][...]

    assert "runs that its journal lacks" in fasweep.run("run", "job.cfg", "-o", "out.h5", "--time-limit", "0.001s")

    np.testing.assert_array_equal(h5py.File(fasweep.folder / "out.h5")["finished_at"][...], finished)


def test_a_damaged_file_is_kept_aside(fasweep: Fasweep):
    fasweep.job(JOB)
    interrupt(fasweep)
    path = fasweep.folder / "out.h5"
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)

    assert "sound" in fasweep.run("verify", "out.h5", "--repair")

    assert (fasweep.folder / "out.h5.damaged").read_bytes() == data


# --- what others put into the file


def test_additions_survive(fasweep: Fasweep, complete: Path):
    with h5py.File(complete, "r+") as file:
        file["my_fit"] = np.arange(12.0)
        file["my_fit"].dims[0].attach_scale(file["run"])
        file["mine/deep"] = "text"
        file["alias"] = h5py.SoftLink("/loss")
        file["outside"] = h5py.ExternalLink("other.h5", "/x")
        file["provenance/note"] = "a note"
        file.attrs["comment"] = "good runs"
        file.attrs["list"] = ["a", "bc"]
        file["loss"].attrs["note"] = np.array([1, 2, 3])
    for seeds in ("0..3", "0..4"):
        fasweep.run("run", "job.cfg", "-o", "out.h5", "--set", f"grid.seed={seeds}")
        assert "sound" in fasweep.run("verify", "out.h5")
        with h5py.File(complete) as file:
            np.testing.assert_array_equal(file["my_fit"][...], np.arange(12.0))
            assert file["mine/deep"].asstr()[()] == "text" and file["provenance/note"].asstr()[()] == "a note"
            assert file.get("alias", getlink=True).path == "/loss" and file["alias"].shape == file["loss"].shape
            assert file.get("outside", getlink=True).filename == "other.h5"
            assert file.attrs["comment"] == "good runs" and list(file.attrs["list"]) == ["a", "bc"]
            np.testing.assert_array_equal(file["loss"].attrs["note"], [1, 2, 3])
            assert list(file["my_fit"].dims[0]) == []
    assert not list(fasweep.folder.glob("*.before"))
    fasweep.run("run", "job.cfg", "-o", "whole.h5", "--set", "grid.seed=0..4")
    with h5py.File(complete, "r+") as file:
        for name in ("my_fit", "mine", "alias", "outside"):
            del file[name]
        del file.attrs["comment"], file.attrs["list"], file["loss"].attrs["note"]
    assert_same_results(complete, fasweep.folder / "whole.h5")


def test_nothing_of_an_earlier_schema_is_taken_for_an_addition(fasweep: Fasweep):
    shutil.copytree(VERSIONS / "0.1", fasweep.folder, dirs_exist_ok=True)
    fasweep.run("run", "complete.cfg", "-o", "complete.h5", "--set", "grid.seed=0..2")
    fasweep.run("run", "complete.cfg", "-o", "whole.h5", "--set", "grid.seed=0..2")
    with h5py.File(fasweep.folder / "complete.h5") as a, h5py.File(fasweep.folder / "whole.h5") as b:
        assert list(a) == list(b)
        for name in a:
            assert sorted(a[name].attrs) == sorted(b[name].attrs), name


# --- links


def test_a_link_is_written_through(fasweep: Fasweep):
    home, scratch = fasweep.folder / "home", fasweep.folder / "scratch"
    home.mkdir()
    scratch.mkdir()
    (home / "out.h5").symlink_to("../scratch/real.h5")
    fasweep.job(JOB)

    interrupt(fasweep, "home/out.h5")
    assert (scratch / "real.h5.journal").exists() and sorted(p.name for p in home.iterdir()) == ["out.h5"]
    fasweep.run("status", "home/out.h5")
    fasweep.run("run", "job.cfg", "-o", "home/out.h5")
    fasweep.run("run", "job.cfg", "-o", "home/out.h5", "--set", "grid.seed=0..3")

    assert (home / "out.h5").is_symlink()
    assert sorted(p.name for p in scratch.iterdir()) == ["real.h5"]
    assert "sound" in fasweep.run("verify", "home/out.h5")
    assert len(status_column(scratch / "real.h5")) == 16


# --- files beside the output


@pytest.mark.parametrize("suffix", [".lock", ".new", ".journal.new"])
@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder"])
def test_what_others_have_beside_the_output_is_left_alone(fasweep: Fasweep, suffix: str, kind: str):
    fasweep.job(JOB)
    precious = fasweep.folder / "precious"
    beside = fasweep.folder / f"x.h5{suffix}"
    if kind == "file":
        beside.write_text("precious")
    elif kind == "folder":
        beside.mkdir()
    else:
        beside.symlink_to("precious")
        if kind == "link":
            precious.write_text("precious")

    assert f"x.h5{suffix}" in fasweep.run("run", "job.cfg", "-o", "x.h5", expect=2)

    assert (beside.read_text() == "precious") if kind in ("file", "link") else precious.exists() is False
    assert beside.is_symlink() == (kind in ("link", "dangling")) and not (fasweep.folder / "x.h5").exists()


def test_folders_of_checkpoints_keep_what_is_not_fasweeps(fasweep: Fasweep):
    fasweep.job(JOB)
    mine = fasweep.folder / "x.h5.checkpoints" / "mine"
    mine.mkdir(parents=True)
    (mine / "thesis").write_text("thesis")
    fasweep.run("run", "job.cfg", "-o", "x.h5")
    assert (mine / "thesis").read_text() == "thesis"

    elsewhere = fasweep.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "0123456789abcdef").write_text("mine")
    (fasweep.folder / "y.h5.checkpoints").symlink_to("elsewhere")
    fasweep.run("run", "job.cfg", "-o", "y.h5", "--checkpoint-seconds", "0")
    assert [p.name for p in elsewhere.iterdir()] == ["0123456789abcdef"]


def test_drafts_of_a_killed_writer_are_replaced(fasweep: Fasweep):
    fasweep.job(JOB)
    for suffix, text in ((".lock", "node7, process 123"), (".new", "half a file"), (".journal.new", "half a journal")):
        (fasweep.folder / f"x.h5{suffix}").write_text(text)
    assert "taking over from node7" in fasweep.run("run", "job.cfg", "-o", "x.h5")
    assert sorted(p.name for p in fasweep.folder.iterdir()) == ["job.cfg", "x.h5"]


# --- open elsewhere, no locks


def test_a_file_open_in_a_notebook_is_not_called_damaged(fasweep: Fasweep, complete: Path):
    held = h5py.File(complete, "a", locking=True) if "locking" in h5py.File.__init__.__code__.co_varnames else h5py.File(complete, "a")
    with held as notebook:
        for command in (["verify"], ["status"], ["export"], ["run", "job.cfg", "-o"]):
            assert "open for writing in another program" in fasweep.run(*command, "out.h5", expect=2)
        notebook["my_fit"] = 1.0
    assert "sound" in fasweep.run("verify", "out.h5")


def test_a_sweep_whose_file_is_open_in_a_notebook_keeps_both(fasweep: Fasweep):
    fasweep.job(JOB)
    process = fasweep.start("run", "job.cfg", "-o", "out.h5", "--publish-seconds", "0.1", "--workers", "1",
                            "--set", "training.max-steps=400000")  # fmt: skip
    path = fasweep.folder / "out.h5"
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    with h5py.File(path, "a") as notebook:
        notebook["my_fit"] = 1.0
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
        notebook["my_other_fit"] = 2.0
    assert "open for writing" in err
    with h5py.File(fasweep.folder / "out.h5.before") as file:
        assert file["my_fit"][()] == 1 and file["my_other_fit"][()] == 2
    assert "sound" in fasweep.run("verify", "out.h5")


@pytest.mark.parametrize("code", [37, 95, 38])
def test_a_file_system_without_locks_is_written_to(fasweep: Fasweep, code: int):
    """As NFS without lockd; an ENOLCK of flock was 75 for ever."""
    source = fasweep.folder / "nolock.c"
    source.write_text(f"#include <errno.h>\nint flock(int f, int o) {{ errno = {code}; return -1; }}\n")
    library = fasweep.folder / "nolock.so"
    if shutil.which("cc") is None:
        pytest.skip("no cc")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    fasweep.job(JOB)
    for arguments in (["run", "job.cfg", "-o", "out.h5"], ["verify", "out.h5"], ["export", "out.h5"]):
        fasweep.run(*arguments, LD_PRELOAD=str(library))
    assert "complete" in fasweep.run("status", "out.h5")
