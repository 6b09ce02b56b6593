"""A small real Slurm cluster for the tests, and what they do with it: submit, look, wait.

The cluster is ../shared/slurm-local beside the checkout (FASWEEP_SLURM_LOCAL names another folder). It is started when
it does not run, and then stopped at the end.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SLURM_LOCAL = Path(os.environ.get("FASWEEP_SLURM_LOCAL", ROOT.parent / "shared" / "slurm-local"))

# The command line tests own how the program is run and what equal results are; a second conftest would shadow theirs.
_specification = importlib.util.spec_from_file_location("cli_conftest", ROOT / "tests" / "cli" / "conftest.py")
assert _specification is not None and _specification.loader is not None
cli = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(cli)


def bring_up() -> dict[str, str]:
    """Starts what does not run, lost nodes too. Returns the environment that Slurm's commands need."""
    output = subprocess.run([SLURM_LOCAL / "up"], check=True, text=True, stdout=subprocess.PIPE).stdout
    return dict(word.split("=", 1) for word in shlex.split(output) if "=" in word)


def runs_already() -> bool:
    folder = Path(os.environ.get("SLURM_LOCAL_DIR", Path(os.environ.get("XDG_RUNTIME_DIR", "/tmp")) / "slurm-local"))
    try:
        controller = (folder / "run" / "slurmctld.pid").read_text().strip()
        return Path("/proc", controller, "comm").read_text() == "slurmctld\n"
    except OSError:
        return False


@pytest.fixture(scope="session")
def cluster() -> Iterator[dict[str, str]]:
    if not (SLURM_LOCAL / "up").exists():
        pytest.skip(f"no local Slurm: {SLURM_LOCAL}/up does not exist (FASWEEP_SLURM_LOCAL names another folder)")
    if os.geteuid() != 0:
        pytest.skip("a local Slurm needs root")
    if not cli.BINARY.exists():
        pytest.skip(f"{cli.BINARY} is not built")
    was_up = runs_already()
    yield bring_up()
    if not was_up:
        subprocess.run([SLURM_LOCAL / "down"], check=True)


class Site:
    """A folder with its own copy of slurm/, from which jobs are submitted; its name has a space, as names may."""

    def __init__(self, folder: Path, cluster: dict[str, str]) -> None:
        self.folder = folder
        self.cluster = cluster
        self.submitted: list[str] = []
        self.scripts = folder / "slurm"
        shutil.copytree(ROOT / "slurm", self.scripts, ignore=shutil.ignore_patterns("site.env"))
        self.set(FASWEEP_BINARY=cli.BINARY)

    def set(self, **settings: object) -> None:
        with open(self.scripts / "site.env", "a") as file:
            file.writelines(f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items())

    def stand_in(self, text: str) -> None:
        """Jobs run this bash script in place of fasweep."""
        program = self.folder / "stand-in"
        program.write_text("#!/bin/bash\n" + text)
        program.chmod(0o755)
        self.set(FASWEEP_BINARY=program)

    def command(self, *words: object) -> str:
        environment = cli.environment(**self.cluster)
        process = subprocess.run(
            [str(word) for word in words], cwd=self.folder, env=environment, text=True, capture_output=True, timeout=60
        )
        assert process.returncode == 0, f"{words} ended with {process.returncode}:\n{process.stdout}{process.stderr}"
        return process.stdout

    def submit(self, *words: object) -> str:
        """Runs a command that submits; returns the number of the (first) job."""
        output = self.command(*words)
        job = re.search(r"\d+", output)
        assert job, output
        self.submitted += re.findall(r"(?:job|array) (\d+)", output)
        return job.group()

    def sweep(self, *words: object) -> str:
        return self.submit(self.scripts / "sweep.sbatch", *words)

    def job(self, job: str) -> dict[str, str]:
        words = self.command("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def log(self, job: str) -> str:
        return "".join(path.read_text() for path in self.folder.glob(f"*-{job}.log"))

    def wait_for(self, job: str, condition: Callable[[dict[str, str]], bool], seconds: int = 300) -> dict[str, str]:
        end = time.monotonic() + seconds
        while not condition(fields := self.job(job)):
            assert time.monotonic() < end, f"still {fields['JobState']} after {seconds} s:\n{self.log(job)}"
            time.sleep(0.3)
        return fields

    def wait_for_end(self, job: str) -> dict[str, str]:
        """Waits for a state that a job does not leave again; SIGNALING, REQUEUED, NODE_FAIL and others pass."""
        ended = ("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "OUT_OF_MEMORY", "TIMEOUT")
        return self.wait_for(job, lambda fields: fields["JobState"] in ended)

    def assert_completed(self, job: str) -> dict[str, str]:
        fields = self.wait_for_end(job)
        assert fields["JobState"] == "COMPLETED", f"{fields['JobState']} {fields['ExitCode']}\n{self.log(job)}"
        return fields


@pytest.fixture
def site(tmp_path: Path, cluster: dict[str, str]) -> Iterator[Site]:
    folder = tmp_path / "my sweep"
    folder.mkdir()
    site = Site(folder, cluster)
    yield site
    for job in site.submitted:
        subprocess.run(["scancel", job], env=cli.environment(**cluster), capture_output=True)
