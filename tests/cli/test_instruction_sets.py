"""One program, several instruction sets: which one trains, and that its bits hold."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import BINARY, ROOT, Fasweep, assert_same_results, environment

V4_OBJECT = BINARY.parent / "src" / "backend" / "cpu" / "trainer_v4.o"

# sha256 of `fasweep export --trajectories` of jobs/smoke.cfg, trained with --reproducible; docs/solvers.md has it too.
SMOKE_HASH = "2c95791f466d52c2941afdd7f63d7d2b8953be139433d32164dbcca4fe19b757"


@pytest.fixture
def version(fasweep: Fasweep) -> dict[str, str]:
    return json.loads(fasweep.run("version", "--json"))


@pytest.fixture
def both(version: dict[str, str]) -> None:
    """For builds with v3 and v4, on processors with both."""
    if not V4_OBJECT.exists() or version["isa"] != "v4":
        pytest.skip(f"not both instruction sets here: {version['compiler']}, this processor {version['isa']}")


def noted(path: Path) -> list[str]:
    with h5py.File(path) as file:
        return re.findall(r"\(isa (\w+)\)", file["provenance/agents"].asstr()[()])


def test_version_says_which_trains_and_refuses_others(fasweep: Fasweep, version: dict[str, str]):
    assert f"isa: {version['isa']}\n" in fasweep.run("version")
    refusal = fasweep.run("version", expect=2, FASWEEP_ISA="v9")
    assert "option '--isa' = 'v9' is not accepted (no such choice); write one of auto, " in refusal
    assert version["isa"] in refusal


@pytest.mark.usefixtures("both")
def test_both_train_alike_but_for_rounding(fasweep: Fasweep):
    job = fasweep.job()
    for isa in ("v3", "v4"):
        fasweep.run("run", job, "-o", f"{isa}.h5", FASWEEP_ISA=isa)
        assert noted(fasweep.folder / f"{isa}.h5") == [isa]
        assert f"(isa {isa})" in fasweep.run("status", f"{isa}.h5", "--json")
    with h5py.File(fasweep.folder / "v3.h5") as v3, h5py.File(fasweep.folder / "v4.h5") as v4:
        # Float32 over 60 steps of sums over 24 units.
        np.testing.assert_allclose(v3["loss"][...], v4["loss"][...], rtol=1e-4)
        assert not np.array_equal(v3["loss"][...], v4["loss"][...])  # else there would be no need to choose


@pytest.mark.usefixtures("both")
def test_a_file_keeps_its_own(fasweep: Fasweep):
    job = fasweep.job()
    fasweep.run("run", job, "-o", "whole.h5", "--isa", "v3")
    fasweep.run("run", job, "-o", "grown.h5", "--isa", "v3", "--set", "grid.seed=0")
    fasweep.run("run", job, "-o", "grown.h5")
    assert noted(fasweep.folder / "grown.h5") == ["v3", "v3"]
    assert_same_results(fasweep.folder / "whole.h5", fasweep.folder / "grown.h5")
    said = fasweep.run("state", "grown.h5", "--run", "3", "-o", "state.h5")
    assert "reproduced bit for bit" in said


def test_a_file_whose_own_is_lacking_waits_for_a_word(fasweep: Fasweep, version: dict[str, str]):
    job = fasweep.job()
    fasweep.run("run", job, "-o", "part.h5", "--set", "grid.seed=0")
    with h5py.File(fasweep.folder / "part.h5", "r+") as file:
        agents = file["provenance/agents"]
        agents[()] = agents.asstr()[()].replace(f"(isa {version['isa']})", "(isa v9)")
    assert "complete" in fasweep.run("run", job, "-o", "part.h5", "--set", "grid.seed=0")  # nothing is left to train
    refusal = fasweep.run("run", job, "-o", "part.h5", expect=2)
    assert "trained by instruction set 'v9'" in refusal and f"go on with --isa {version['isa']}" in refusal
    fasweep.run("run", job, "-o", "part.h5", "--isa", version["isa"])
    assert noted(fasweep.folder / "part.h5") == ["v9", version["isa"]]


def test_merging_runs_of_several_says_so(fasweep: Fasweep, version: dict[str, str]):
    job = fasweep.job()
    for shard in range(2):
        fasweep.run("run", job, "-o", f"s{shard}.h5", "--shard", f"{shard}/2")
    assert "instruction sets" not in fasweep.run("merge", "s0.h5", "s1.h5", "-o", "alike.h5")
    with h5py.File(fasweep.folder / "s1.h5", "r+") as file:
        agents = file["provenance/agents"]
        agents[()] = agents.asstr()[()].replace(f"(isa {version['isa']})", "(isa v9)")
    warning = f"'both.h5' holds runs of the instruction sets {version['isa']} and v9 (which round the last digits otherwise)"
    assert warning in fasweep.run("merge", "s0.h5", "s1.h5", "-o", "both.h5")


@pytest.mark.usefixtures("both", "needs_mpirun")
def test_all_ranks_take_that_of_the_first(fasweep: Fasweep):
    longer = ["--set", "training.max-steps=20000"]  # some seconds, in which the other rank comes too
    run = [str(BINARY), "run", fasweep.job(), "-o", "ranks.h5", *longer]
    command = ["mpirun", "-n", "1", "-x", "FASWEEP_ISA=v3", *run, ":", "-n", "1", *run]
    subprocess.run(command, cwd=fasweep.folder, env=environment(), check=True, capture_output=True)
    assert noted(fasweep.folder / "ranks.h5") == ["v3", "v3"]


@pytest.mark.usefixtures("both")
def test_reproducible_takes_the_lower_and_nothing_beside(fasweep: Fasweep):
    job = fasweep.job()
    fasweep.run("run", job, "-o", "reproducible.h5", "--reproducible")
    assert noted(fasweep.folder / "reproducible.h5") == ["v3"]
    refusal = fasweep.run("run", job, "-o", "no.h5", "--reproducible", "--isa", "v4", expect=2)
    assert "--isa v4 gives other bits" in refusal


def test_reproducible_results_have_the_published_hash(fasweep: Fasweep, version: dict[str, str]):
    cache = (BINARY.parent / "CMakeCache.txt").read_text()
    flags = re.findall(r"^CMAKE_CXX_FLAGS_RELEASE:\w+=(.*)$", cache, re.MULTILINE)[0]
    if "x86-64-v3" not in version["compiler"] or not version["compiler"].startswith("GNU 12") or "-O3" not in flags:
        pytest.skip(f"another build than the hash is of: {version['compiler']}, {flags}")
    fasweep.run("run", str(ROOT / "jobs" / "smoke.cfg"), "-o", "smoke.h5", "--reproducible")
    export = [str(BINARY), "export", "smoke.h5", "--trajectories"]
    table = subprocess.run(export, cwd=fasweep.folder, check=True, capture_output=True)
    assert hashlib.sha256(table.stdout).hexdigest() == SMOKE_HASH
    assert SMOKE_HASH in (ROOT / "docs" / "solvers.md").read_text()


@pytest.fixture
def emulate(fasweep: Fasweep):
    """Runs the program as a processor of another kind would, by qemu-user, without which its tests are skipped."""
    emulator = shutil.which("qemu-x86_64") or shutil.which("qemu-x86_64-static") or ""
    if not emulator or not V4_OBJECT.exists():
        pytest.skip("no qemu-x86_64 (Debian: qemu-user), or a build for one instruction set")

    def run(processor: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [emulator, "-cpu", processor, str(BINARY), *arguments]
        return subprocess.run(
            command, cwd=fasweep.folder, env=environment(), check=False, capture_output=True, text=True
        )

    return run


def test_a_processor_without_avx512_gives_the_bits_of_v3(fasweep: Fasweep, emulate):
    assert "isa: v3\n" in emulate("Haswell", "version").stdout
    assert "lacks it); write one of v3" in emulate("Haswell", "version", "--isa", "v4").stderr
    job = fasweep.job()
    process = emulate("Haswell", "run", job, "-o", "haswell.h5", "--workers", "1")
    assert process.returncode == 0, process.stderr
    fasweep.run("run", job, "-o", "here.h5", "--reproducible")
    assert_same_results(fasweep.folder / "here.h5", fasweep.folder / "haswell.h5")


def test_a_processor_without_avx2_is_refused_in_one_sentence(emulate):
    process = emulate("Nehalem", "version")
    lines = [line for line in process.stderr.splitlines() if not line.startswith("qemu")]
    assert process.returncode == 2 and len(lines) == 1
    assert lines[0].startswith("fasweep: this processor cannot run the program (it lacks AVX2 or FMA")


@pytest.mark.skipif(not V4_OBJECT.exists(), reason="a build for one instruction set")
def test_code_for_v4_shows_one_function_and_runs_nothing_at_the_start():
    """What it showed, another object might call; what it ran at the start would end the program on older processors."""
    if shutil.which("readelf") is None:
        pytest.skip("no readelf")
    sections = subprocess.run(["readelf", "-SW", V4_OBJECT], check=True, capture_output=True, text=True).stdout
    assert not re.search(r"\.(init_array|ctors|preinit_array|group)\b", sections)
    symbols = subprocess.run(["readelf", "-sW", V4_OBJECT], check=True, capture_output=True, text=True).stdout
    # Number, value, size, type, binding, visibility, section, name.
    rows = [line.split() for line in symbols.splitlines()]
    shown = [row[7] for row in rows if len(row) > 7 and row[4] in ("GLOBAL", "WEAK", "UNIQUE") and row[6] != "UND"]
    assert shown == ["_ZN7fasweep19make_cpu_trainer_v4Ev"]
