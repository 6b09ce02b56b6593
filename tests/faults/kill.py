#!/usr/bin/env python3
"""Kills sweeps, many times, and checks after every kill that nothing acknowledged is lost or changed.

A run is acknowledged when its record is in the journal. Sweeps of 1, 2 and 4 ranks are killed at random times and at named
fault points (src/util/fault_point.hpp), in rank 0, another rank or all of them, with or without half a frame left at the
journal's end, and started again, up to the file that an uninterrupted sweep gives.

    tests/faults/kill.py --kills 1000 --seed 1
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))
from conftest import assert_same_results, environment  # noqa: E402

BINARY = Path(os.environ.get("FASWEEP_FAULTS_BINARY", ROOT / "build" / "release" / "tests" / "faults" / "fasweep-faults"))

JOB = """
[grid]
p = 64, 128
lambda = 0, 0.5
activation = relu, tanh
seed = 0..9
[data]
n = 20
d = 30
[training]
max-steps = 400
[record]
steps = log(12)
metrics = loss, alignment
"""
RUNS = 80

# Where the program may be killed, at the latest when it comes there for this time. Only rank 0 keeps results.
STORE_POINTS = {
    "journal-drafted": 1, "journal-renamed": 1, "frame-begins": 20, "frame-written": 20, "sync-begins": 3,
    "file-drafted": 2, "file-renamed": 2, "journal-removed": 1,
}
AGENT_POINTS = {"batch-received": 3, "result-ready": 3}


@dataclass
class Figures:
    kills: Counter[str] = field(default_factory=Counter)
    points: Counter[str] = field(default_factory=Counter)
    ended_first: int = 0
    sweeps: int = 0
    acknowledged: int = 0

    def total(self) -> int:
        return sum(self.kills.values())


def make_crc_table() -> list[int]:
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = make_crc_table()


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@dataclass(frozen=True)
class Record:
    """One run as it was acknowledged."""

    times: tuple[float, float]  # wall_s, finished_at
    status: int
    steps: int
    numbers: bytes  # trajectory of every metric, the final values and the first step's deviation, as in the journal


def journal_records(data: bytes) -> dict[int, Record]:
    """Row -> record of a journal's whole frames, by a reader that shares nothing with the program's."""
    records: dict[int, Record] = {}
    position = 0
    while position + 16 <= len(data):
        magic, kind, length, crc = struct.unpack_from("<4sIII", data, position)
        payload = data[position + 16 : position + 16 + length]
        if magic != b"fswj" or len(payload) != length or crc32c(data[position + 4 : position + 12] + payload) != crc:
            break
        if kind == 4:
            row, steps, wall_s, finished_at, _, status = struct.unpack_from("<qqddiB", payload, 8)
            (error,) = struct.unpack_from("<I", payload, 8 + 48)
            records.setdefault(row, Record((wall_s, finished_at), status, steps, payload[8 + 52 + error :]))
        position += 16 + length
    return records


STATUS = ("pending", "done", "failed", "diverged", "cancelled")  # by their code in the journal


def file_records(path: Path) -> dict[int, Record]:
    """Row -> record of a result file."""
    with h5py.File(path) as file:
        codes = {name: code for code, name in enumerate(STATUS)}
        status = np.array([codes[name] for name in file["status"].asstr()[...]])
        steps = file["steps"][...]
        wall_s, finished_at = file["wall_s"][...], file["finished_at"][...]
        reached = np.searchsorted(file["step"][...], steps, side="right")
        trajectories = {name: file[name][...] for name in ("loss", "alignment")}
        finals = {name: file["final_" + name][...] for name in ("loss", "alignment")}
        deviation = file["first_step_deviation"][...]
    records = {}
    for row in np.flatnonzero(status):
        parts = [trajectories[name][row, : reached[row]].tobytes() for name in trajectories]
        parts += [finals[name][row].tobytes() for name in finals]
        parts += [] if np.isnan(deviation[row]) else [deviation[row].tobytes()]
        records[int(row)] = Record((wall_s[row], finished_at[row]), int(status[row]), int(steps[row]), b"".join(parts))
    return records


def acknowledged(folder: Path) -> dict[int, Record]:
    journal, file = folder / "out.h5.journal", folder / "out.h5"
    if journal.exists():
        return journal_records(journal.read_bytes())
    return file_records(file) if file.exists() else {}


def start(folder: Path, ranks: int, fault: str = "") -> subprocess.Popen:
    launcher = ["mpirun", "-n", str(ranks)] if ranks > 1 else []
    command = [
        str(BINARY), "run", "job.cfg", "-o", "out.h5", "--workers", "1",
        "--batch-seconds", "0.005", "--sync-seconds", "0.01", "--publish-seconds", "0.05",
    ]
    return subprocess.Popen(
        [*launcher, *command], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environment(
            OMPI_MCA_odls_base_sigkill_timeout="0",  # when a rank dies, mpirun kills the others at once
            **({"FASWEEP_FAULT": fault} if fault else {}),
        ),
    )


def rank_processes(parent: int) -> dict[int, int]:
    """Rank -> process of the program's ranks under an mpirun that has started them."""
    found = {}
    for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        try:
            variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            if variable.startswith(b"OMPI_COMM_WORLD_RANK="):
                found[int(variable.split(b"=")[1])] = int(child)
    return found


def find_processes(process: subprocess.Popen, ranks: int) -> dict[int, int]:
    """Rank -> process, as soon as all are there; those there are if the program ends before."""
    processes = {0: process.pid} if ranks == 1 else {}
    while len(processes) < ranks and process.poll() is None:
        processes = rank_processes(process.pid)
        time.sleep(0.005)
    return processes


def kill_processes(process: subprocess.Popen, pids: list[int]) -> bool:
    """Whether any was still there to be killed."""
    killed = False
    for pid in pids if process.poll() is None else []:
        try:
            os.kill(pid, signal.SIGKILL)
            killed = True
        except ProcessLookupError:
            pass
    return killed


def all_ranks_ended(launcher: int) -> bool:
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return all(Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z" for child in children)


def wait_until_gone(process: subprocess.Popen, patience_s: float = 60) -> str:
    """What it printed. An mpirun that hangs although its ranks have ended, as Open MPI 4.1's sometimes does, is killed."""
    give_up = time.monotonic() + patience_s
    while time.monotonic() < give_up:
        try:
            return process.communicate(timeout=2)[0]
        except subprocess.TimeoutExpired:
            if isinstance(process.args, list) and process.args[0] == "mpirun" and all_ranks_ended(process.pid):
                process.kill()
    raise AssertionError(f"still there after {patience_s} s")


def choose_victims(random_source: random.Random, ranks: int) -> tuple[str, list[int]]:
    kinds = ["master"] if ranks == 1 else ["master", "worker", "all"]
    kind = random_source.choice(kinds)
    if kind == "all":
        return kind, list(range(ranks))
    return kind, [0 if kind == "master" else random_source.randrange(1, ranks)]


def kill_at_random_time(source: random.Random, folder: Path, ranks: int, duration: float, figures: Figures) -> bool:
    """At most `duration` seconds after the ranks have started. Whether the program was still there."""
    kind, victims = choose_victims(source, ranks)
    process = start(folder, ranks)
    processes = find_processes(process, ranks)
    time.sleep(source.uniform(0, duration))
    killed = kill_processes(process, [processes[rank] for rank in victims if rank in processes])
    wait_until_gone(process)
    if killed:
        figures.kills[f"{ranks} ranks, {kind}, any time"] += 1
    return killed


def dies_at_point(folder: Path, ranks: int, name: str, count: int, rank: int) -> bool:
    process = start(folder, ranks, f"{name}:{count}:{rank}")
    out = wait_until_gone(process)
    return process.returncode == -signal.SIGKILL or "signal 9" in out


def kill_at_point(source: random.Random, folder: Path, ranks: int, figures: Figures) -> bool:
    """Whether the program came to the point, chosen at random, and died there."""
    _, victims = choose_victims(source, ranks)
    rank = victims[0]
    points = AGENT_POINTS if rank > 0 else STORE_POINTS | AGENT_POINTS
    name = source.choice(list(points))
    killed = dies_at_point(folder, ranks, name, source.randint(1, points[name]), rank)
    if killed:
        figures.kills[f"{ranks} ranks, {'master' if rank == 0 else 'worker'}, named point"] += 1
        figures.points[name] += 1
    return killed


def leave_half_a_frame(source: random.Random, folder: Path) -> None:
    """As a machine that stops in the middle of a write does."""
    journal = folder / "out.h5.journal"
    if journal.exists() and (data := journal.read_bytes()):
        frame = struct.pack("<4sII", b"fswj", 4, 1000) + data[40:340]  # of the plan: no whole frame
        with journal.open("ab") as file:
            file.write(frame[: source.randint(1, len(frame))])


def check_kept(before: dict[int, Record], now: dict[int, Record], when: str) -> None:
    lost = [row for row, record in before.items() if row not in now]
    assert not lost, f"runs {lost} were acknowledged and are gone {when}"
    changed = [row for row, record in before.items() if now[row] != record]
    assert not changed, f"runs {changed} are not what was acknowledged {when}"


def finish(folder: Path, ranks: int) -> None:
    process = start(folder, ranks)
    out = wait_until_gone(process)
    assert process.returncode == 0, f"exit {process.returncode}:\n{out}"
    verified = subprocess.run([str(BINARY), "verify", "out.h5"], cwd=folder, text=True, capture_output=True, env=environment())
    assert verified.returncode == 0, verified.stdout + verified.stderr
    left = sorted(path.name for path in folder.glob("out.h5.*") if not path.name.endswith(".new"))
    assert not left, f"{left} are left over"


def run_killed_sweep(source: random.Random, folder: Path, reference: Path, ranks: int, kills: int, duration: float,
                     figures: Figures) -> None:
    """One sweep from nothing to the whole file, killed up to `kills` times on the way."""
    (folder / "job.cfg").write_text(JOB)
    kept: dict[int, Record] = {}
    for _ in range(kills):
        if source.random() < 0.5:
            killed = kill_at_random_time(source, folder, ranks, duration * (1 - len(kept) / RUNS), figures)
        else:
            killed = kill_at_point(source, folder, ranks, figures)
        if not killed:
            figures.ended_first += 1
            break
        now = acknowledged(folder)
        check_kept(kept, now, "after a kill")
        kept = now
        if source.random() < 0.25:
            leave_half_a_frame(source, folder)
    finish(folder, ranks)
    final = file_records(folder / "out.h5")
    check_kept(kept, final, "in the final file")
    assert_same_results(folder / "out.h5", reference)
    figures.sweeps += 1
    figures.acknowledged += len(kept)


def make_reference(folder: Path) -> Path:
    (folder / "job.cfg").write_text(JOB)
    finish(folder, 1)
    return folder / "out.h5"


def measure_duration(folder: Path, ranks: int) -> float:
    (folder / "job.cfg").write_text(JOB)
    begin = time.monotonic()
    wait_until_gone(start(folder, ranks))
    return time.monotonic() - begin


def run_harness(kills: int, seed: int, ranks: list[int], show_progress: bool = False) -> Figures:
    """Throws AssertionError, naming the seed, at the first thing that is lost or changed."""
    source = random.Random(seed)
    figures = Figures()
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "reference").mkdir()
        reference = make_reference(base / "reference")
        durations = {}
        for count in ranks:
            (base / f"timed{count}").mkdir()
            durations[count] = measure_duration(base / f"timed{count}", count)
        while figures.total() < kills:
            count = source.choice(ranks)
            folder = base / f"sweep{figures.sweeps}"
            folder.mkdir()
            many = min(source.randint(1, 12), kills - figures.total())
            try:
                run_killed_sweep(source, folder, reference, count, many, durations[count], figures)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}, sweep {figures.sweeps}, {count} ranks: {error}") from error
            if show_progress:
                print(f"\r{figures.total()} kills", end="", file=sys.stderr, flush=True)
    return figures


def print_figures(figures: Figures, seed: int, seconds: float) -> None:
    print(f"\nseed {seed}: {figures.total()} kills in {figures.sweeps} sweeps, {seconds:.0f} s")
    for kind, count in sorted(figures.kills.items()):
        print(f"  {kind}: {count}")
    print("  named points: " + ", ".join(f"{name} {count}" for name, count in sorted(figures.points.items())))
    print(f"  sweeps over before the kill: {figures.ended_first}")
    print(f"acknowledged runs checked in final files: {figures.acknowledged}; lost 0, changed 0")
    print("final files that differ from the uninterrupted one: 0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ranks", default="1,2,4", help="numbers of ranks, default 1,2,4")
    arguments = parser.parse_args()
    begin = time.monotonic()
    figures = run_harness(arguments.kills, arguments.seed, [int(n) for n in arguments.ranks.split(",")], True)
    print_figures(figures, arguments.seed, time.monotonic() - begin)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit("usage: tests/faults/kill.py --kills N [--seed S] [--ranks 1,2,4]")
    main()
