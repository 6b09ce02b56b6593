"""What a sweep says of its progress while its first run is still in training."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios

import pytest
from conftest import BINARY, Fasweep, environment
from test_checkpoints import kill_with_children

LONG_RUN = """
[grid]
p = 400
lambda = 0.1
activation = tanh
seed = 0
[data]
n = 20
d = 30
[training]
max-steps = 100000000
[record]
steps = log(20)
"""
COMMAND = ("run", "job.cfg", "-o", "out.h5", "--json", "--checkpoint-seconds", "0.1")


def read_progress(process: subprocess.Popen, lines: int) -> list[dict]:
    """The first so many reports in which something is done."""
    seen: list[dict] = []
    assert process.stderr
    for line in process.stderr:
        report = json.loads(line) if line.startswith("{") else {"share_done": 0}
        if report["share_done"] > 0:
            seen.append(report)
        if len(seen) == lines:
            return seen
    pytest.fail(f"the sweep has ended: {seen}")


@pytest.mark.parametrize("ranks", [0, 2])
def test_a_long_run_shows_how_far_it_is_and_goes_on_from_there(fasweep: Fasweep, needs_mpirun: None, ranks: int):
    fasweep.job(LONG_RUN)
    process = fasweep.start(*COMMAND, ranks=ranks)
    first, second = read_progress(process, 2)
    kill_with_children(process)
    assert first["done"] == second["done"] == 0
    assert 0 < first["share_done"] < second["share_done"] < 1
    assert first["eta_s"] > 0 and second["eta_s"] > 0  # no null, which stands for an unknown time

    process = fasweep.start(*COMMAND, ranks=ranks)
    (again,) = read_progress(process, 1)
    kill_with_children(process)
    assert first["share_done"] <= again["share_done"] < 1


def test_lines_show_the_share_that_is_done(fasweep: Fasweep):
    fasweep.job(LONG_RUN.replace("100000000", "10000000"))
    process = fasweep.start(*COMMAND[:-3])
    assert process.stderr
    line = next(line for line in process.stderr if "worker (" not in line and "workers (" not in line)
    kill_with_children(process)
    assert line.startswith("0/1 runs (") and "(0.0 %)" not in line and "ETA unknown" not in line, line


def read_terminal(fasweep: Fasweep, widths: list[int]) -> list[str]:
    """What a run writes on a terminal, a line each time; the terminal has the next width after every third."""
    controller, terminal = pty.openpty()
    remaining = list(widths)
    set_width(terminal, remaining.pop(0))
    command = [str(BINARY), "run", "job.cfg", "-o", "out.h5", "--workers", "1"]
    process = subprocess.Popen(command, cwd=fasweep.folder, env=environment(), stderr=terminal)
    seen = b""
    lines: list[bytes] = []
    while len(lines) < 3 * len(widths) + 1:
        seen += os.read(controller, 4096)
        lines = seen.split(b"\r\x1b[K")
        if remaining and len(lines) > 3 * (len(widths) - len(remaining)):
            set_width(terminal, remaining.pop(0))
    kill_with_children(process)
    return [line.decode() for line in lines[1:-1]]


def set_width(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


def test_the_line_fits_the_terminal_also_when_that_is_resized(fasweep: Fasweep):
    fasweep.job(LONG_RUN)
    lines = read_terminal(fasweep, [200, 30])
    assert "1 worker" in lines[0]
    assert len(lines[-1]) < 30 and ", ETA " in lines[-1] and "worker" not in lines[-1]
