#!/usr/bin/env python3
"""A million tiny runs on four ranks, killed again and again: nothing acknowledged is lost or changed, the end is the same.

The sweep runs once without a kill and once with them, at random times, of rank 0, another rank or all. After each kill
the journal must begin with the bytes it had at the one before, but for a torn tail, and `status` must count no fewer runs.

    tests/faults/million.py --runs 1000000 --kills 12 --seed 1
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kill

JOB = """
[grid]
p = 1..4
lambda = linspace(0, 1, 25)
activation = relu
seed = 0..{last_seed}
[data]
n = 4
d = 3
[training]
max-steps = 20
[record]
steps = log(6)
metrics = loss, alignment
"""
RUNS_A_SEED = 100
TORN_BYTES = 4096  # at most, at a journal's end: more than a frame


def start(folder: Path, ranks: int) -> subprocess.Popen:
    command = [str(kill.BINARY), "run", "job.cfg", "-o", "out.h5", "--publish-seconds", "3", "--lost-after-seconds", "2"]
    return subprocess.Popen(["mpirun", "-n", str(ranks), *command], cwd=folder, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=kill.environment(OMPI_MCA_odls_base_sigkill_timeout="0"))


def hash_of(journal: Path, size: int) -> str:
    digest = hashlib.sha256()
    with journal.open("rb") as file:
        while size > 0 and (part := file.read(min(size, 1 << 22))):
            digest.update(part)
            size -= len(part)
    return digest.hexdigest()


def count_done(folder: Path) -> int:
    status = subprocess.run([kill.BINARY, "status", "--json", "out.h5"], cwd=folder, text=True, capture_output=True,
                            env=kill.environment())
    assert status.returncode == 0, status.stderr
    return json.loads(status.stdout)["counts"]["done"]


def finish(folder: Path, ranks: int) -> float:
    begin = time.monotonic()
    process = start(folder, ranks)
    out = kill.wait_until_gone(process, patience_s=3600)
    assert process.returncode == 0, out
    return time.monotonic() - begin


def run_killed(folder: Path, ranks: int, kills: int, duration: float, source: random.Random) -> list[str]:
    """What was killed when, one line each."""
    journal = folder / "out.h5.journal"
    lines: list[str] = []
    kept, kept_bytes, kept_hash = 0, 0, ""
    for _ in range(kills):
        process = start(folder, ranks)
        processes = kill.find_processes(process, ranks)
        time.sleep(source.uniform(0.5, 1.5 * duration / kills))
        kind, victims = kill.choose_victims(source, ranks)
        killed = kill.kill_processes(process, [processes[rank] for rank in victims if rank in processes])
        kill.wait_until_gone(process)
        if not killed or not journal.exists():
            lines.append("over before the kill")
            break
        size = journal.stat().st_size
        assert hash_of(journal, kept_bytes) == kept_hash or kept_bytes == 0, "what was acknowledged has changed"
        done = count_done(folder)
        assert done >= kept, f"{kept - done} acknowledged runs are gone"
        lines.append(f"{kind} killed: {done} runs acknowledged, journal of {size / 1e6:.0f} MB")
        kept, kept_bytes = done, max(size - TORN_BYTES, 0)
        kept_hash = hash_of(journal, kept_bytes)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--ranks", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        reference, killed = Path(name) / "reference", Path(name) / "killed"
        for folder in (reference, killed):
            folder.mkdir()
            (folder / "job.cfg").write_text(JOB.format(last_seed=arguments.runs // RUNS_A_SEED - 1))
        duration = finish(reference, arguments.ranks)
        print(f"{arguments.runs} runs on {arguments.ranks} ranks without a kill: {duration:.0f} s", flush=True)
        for line in run_killed(killed, arguments.ranks, arguments.kills, duration, random.Random(arguments.seed)):
            print("  " + line, flush=True)
        print(f"finished in {finish(killed, arguments.ranks):.0f} s more", flush=True)
        verified = subprocess.run([kill.BINARY, "verify", "out.h5"], cwd=killed, text=True, capture_output=True,
                                  env=kill.environment())
        assert verified.returncode == 0, verified.stdout + verified.stderr
        kill.assert_same_results(killed / "out.h5", reference / "out.h5")
    print("lost 0, changed 0; the file is the uninterrupted one")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit("usage: tests/faults/million.py --runs N [--kills K] [--ranks R] [--seed S]")
    main()
