"""What is printed or written is whole, or the exit code says that it is not."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from conftest import BINARY, Fasweep, environment

COMMANDS = [
    ["plan", "job.cfg"], ["plan", "job.cfg", "--points", "csv"], ["plan", "job.cfg", "--json"], ["status", "out.h5"],
    ["status", "out.h5", "--json"], ["verify", "out.h5"], ["export", "out.h5"], ["export", "out.h5", "--trajectories"],
    ["check", "out.h5"], ["keys"], ["keys", "--json"], ["version"], ["--help"], ["run", "--help"],
]  # fmt: skip


@pytest.fixture
def swept(fasweep: Fasweep) -> Fasweep:
    fasweep.run("run", fasweep.job(), "-o", "out.h5")
    return fasweep


@pytest.mark.parametrize("where", ["/dev/full", "closed"])
def test_output_that_cannot_be_written_is_no_success(swept: Fasweep, where: str):
    for command in COMMANDS:
        redirected = ">&-" if where == "closed" else f">{where}"
        ended = subprocess.run(
            ["sh", "-c", f'exec "$@" {redirected}', "sh", str(BINARY), *command],
            cwd=swept.folder, env=environment(), text=True, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert ended.returncode == 2, command
        assert "standard output cannot be written" in ended.stderr, command
    assert "sound" in swept.run("verify", "out.h5")


def test_streams_that_are_closed_do_not_get_into_files(swept: Fasweep):
    subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", str(BINARY), "run", "job.cfg", "-o", "second.h5"],
        cwd=swept.folder, env=environment(), check=True,
    )  # fmt: skip
    assert "sound" in swept.run("verify", "second.h5")


def test_a_reader_that_has_enough_ends_an_export_quietly(swept: Fasweep):
    piped = subprocess.run(
        ["sh", "-c", '"$@" | head -n 1', "sh", str(BINARY), "export", "out.h5", "--trajectories"],
        cwd=swept.folder, env=environment(), text=True, capture_output=True,
    )  # fmt: skip
    assert piped.stdout.startswith("run,") and piped.stderr == ""


def files(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("command", [["export", "out.h5", "--trajectories"], ["state", "out.h5", "--run", "3"]])
def test_what_does_not_fit_leaves_nothing_behind(swept: Fasweep, command: list[str]):
    before = files(swept.folder)
    full = subprocess.run(
        [str(BINARY), *command, "-o", "part"], cwd=swept.folder, env=environment(), text=True, capture_output=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )  # fmt: skip
    assert full.returncode in (2, 75) and "File too large" in full.stderr, full.stderr
    assert files(swept.folder) == before
    swept.run(*command, "-o", "part")
    assert files(swept.folder) == sorted([*before, "part"])


@pytest.mark.parametrize("command", [["export", "out.h5"], ["state", "out.h5", "--run", "3"]])
def test_nothing_that_is_there_is_touched(swept: Fasweep, command: list[str]):
    (swept.folder / "mine.new").write_text("mine")
    (swept.folder / "link").symlink_to("nowhere")
    before = files(swept.folder)
    assert "mine.new" in swept.run(*command, "-o", "mine", expect=2)
    assert "already exists" in swept.run(*command, "-o", "link", expect=2)
    assert files(swept.folder) == before
    assert (swept.folder / "mine.new").read_text() == "mine"


def test_a_folder_that_is_not_there_is_named_before_the_training(swept: Fasweep):
    assert "nowhere/state.h5" in swept.run("state", "out.h5", "--run", "0", "-o", "nowhere/state.h5", expect=2)
