"""Finds the program, starts it, and turns its exit codes into results or exceptions. Knows nothing of jobs or files."""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fasweep._errors import Error, ProgramError

COMPLETE, SOME_FAILED, STOPPED_EARLY = 0, 3, 75  # exit codes after which there are results to open


def program() -> Path:
    """The program that is started: what FASWEEP_BINARY names, else the one installed in this package, else the one
    beside it (`build/release/fasweep` of the repository, `PREFIX/bin/fasweep` of an installation), else `fasweep` on PATH."""
    named = os.environ.get("FASWEEP_BINARY")
    if named:
        if not os.access(named, os.X_OK):
            raise Error(f"FASWEEP_BINARY = '{named}' cannot be started (it is not an executable file); name fasweep's program, or unset it")
        return Path(named)
    package = Path(__file__).resolve().parent
    candidates = [
        package / "bin" / "fasweep",
        (package / "../../build/release/fasweep").resolve(),
        (package / "../../../../bin/fasweep").resolve(),  # of PREFIX/share/fasweep/python/fasweep
        Path(shutil.which("fasweep") or ""),
    ]
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK) and candidate.resolve() != Path(sys.argv[0]).resolve():
            return candidate
    raise Error(
        "the program fasweep is not found (neither in the package, nor beside it, nor on PATH); build it with "
        "cmake --preset release && cmake --build --preset release, or name it by FASWEEP_BINARY"
    )


def main() -> None:
    """The command `fasweep` that the package installs: becomes the program."""
    try:
        path = program()
    except Error as error:
        sys.exit(f"fasweep: {error}")
    os.execv(path, [str(path), *sys.argv[1:]])


def output_of(*arguments: str) -> str:
    """Standard output of a command that ends by itself."""
    done = subprocess.run([program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != COMPLETE:
        raise ProgramError(sentence_of(done.stderr.splitlines()), done.returncode)
    return done.stdout


def sentence_of(lines: Sequence[str]) -> str:
    """The program's last message: everything from its last line that begins with its name, without the name."""
    starts = [number for number, line in enumerate(lines) if line.startswith("fasweep: ")]
    said = "\n".join(lines[starts[-1] :] if starts else lines[-5:])
    return said.removeprefix("fasweep: ") or "fasweep ended without a message; start it in a terminal"


def sweep(job: Path, output: Path, launcher: str | None, options: Mapping[str, Any], progress: bool) -> None:
    """Runs `fasweep run` until it ends, see fasweep.run."""
    command = [*shlex.split(launcher or ""), str(program()), "run", str(job), "-o", str(output), "--json", *flags(options)]
    bar = _bar(progress)
    # A process group of its own, so that ctrl-C in a terminal, or a notebook's interrupt, which may go to this process's
    # whole group, reaches the program only once: a second one would make it drop its current runs.
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            preexec_fn=_leave_group_and_end_with_parent,
        )
    except OSError as error:
        raise Error(f"'{command[0]}' cannot be started ({error.strerror}); give another launcher") from error
    # Launchers end their ranks at INT, and pass USR1 on; the program drains at either.
    stop = signal.SIGUSR1 if launcher else signal.SIGINT
    said, interrupted = _follow(process, stop, bar)
    if process.returncode not in (COMPLETE, SOME_FAILED, STOPPED_EARLY):
        if interrupted:
            raise KeyboardInterrupt
        raise ProgramError(sentence_of(said), process.returncode)
    if interrupted:
        raise KeyboardInterrupt(f"{output} keeps what was done; the same call continues, fasweep.open reads it")
    if process.returncode == STOPPED_EARLY:
        if not output.exists():
            raise ProgramError(sentence_of(said), STOPPED_EARLY)
        warnings.warn(said[-1] if said else "the sweep was stopped early", RuntimeWarning, stacklevel=3)


def flags(options: Mapping[str, Any]) -> list[str]:
    """{"time_limit": "2h", "workers": 2} as options of the command line."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _leave_group_and_end_with_parent() -> None:
    # Runs in the child before it becomes the program, so that a killed notebook kernel leaves no sweep behind.
    os.setpgid(0, 0)
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _follow(process: subprocess.Popen[str], stop: signal.Signals, bar: Any) -> tuple[list[str], bool]:
    """Reads until the program ends. Returns its output without progress, and whether an interrupt was passed on."""
    assert process.stdout
    said: list[str] = []
    shown = 0  # lines of `said`: those before the first progress are held back, because they may become an exception
    interrupts = 0
    while True:
        try:
            for line in process.stdout:
                report = _report(line)
                if report is None:
                    said.append(line.rstrip("\n"))
                    continue
                _show(bar, report)
                for text in said[shown:]:
                    bar.write(text, file=sys.stderr)
                shown = len(said)
            process.wait()
            break
        except KeyboardInterrupt:
            interrupts += 1
            process.send_signal(stop if interrupts == 1 else signal.SIGTERM)
    if process.returncode in (COMPLETE, SOME_FAILED):
        bar.set_postfix_str("", refresh=False)
        bar.update(bar.total - bar.n)
    has_results = process.returncode in (COMPLETE, SOME_FAILED, STOPPED_EARLY)
    bar.leave = has_results
    bar.close()
    if has_results:
        print(*said[shown:], sep="\n", file=sys.stderr)
    return said, interrupts > 0


def _report(line: str) -> dict[str, Any] | None:
    if not line.startswith("{"):
        return None
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        return None


def _bar(progress: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a notebook without ipywidgets has a bar of text
        from tqdm.auto import tqdm

        return tqdm(total=1.0, disable=not progress, bar_format="{percentage:3.0f}%|{bar}| {elapsed}{postfix}")


def _show(bar: Any, report: Mapping[str, Any]) -> None:
    """report: a line of `fasweep run --json`; share_done is that of the predicted work."""
    parts = [f"{report['done']}/{report['total']} runs", f"{report['runs_per_second']:.3g} runs/s"]
    parts += [f"{report[name]} {name}" for name in ("failed", "diverged") if report[name]]
    if report["eta_s"] is not None:
        parts.append(f"{report['eta_s']:.0f} s left")
    bar.set_postfix_str(", ".join(parts), refresh=False)
    bar.update(max(0.0, report["share_done"] - bar.n))
