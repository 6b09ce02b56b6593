"""The text table: one line a point, its numbers those of numpy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def summary(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "analysis", "summary", str(path)], cwd=ROOT, capture_output=True, text=True
    )


def cells(printed: str) -> dict[tuple[str, ...], list[str]]:
    """(activation, rule, lambda, p) -> the other columns; columns are two spaces apart."""
    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in printed.splitlines()[1:-1]]
    return {tuple(row[:4]): row[4:] for row in rows}


def assert_numbers_are_those_of_numpy(printed: str, path: Path) -> None:
    with h5py.File(path) as file:
        keys = list(zip(file["activation"].asstr()[...], file["rule"].asstr()[...], file["lambda"], file["p"]))
        done = file["status"].asstr()[...] == "done"
        metrics = [file[name][...] for name in ("final_alignment", "final_loss")]
    table = cells(printed)
    assert len(table) == len(set(keys))
    for key in set(keys):
        group = np.array([other == key for other in keys])
        runs, *pairs, status = table[key[0], key[1], f"{key[2]:g}", str(key[3])]
        assert int(runs) == np.count_nonzero(group)
        assert f"{np.count_nonzero(group & done)} done" in status
        for pair, values in zip(pairs, metrics):
            mean, deviation = map(float, pair.split(" +- "))
            # As precise as printed: four and two digits.
            assert mean == pytest.approx(values[group & done].mean(), rel=1e-3)
            assert deviation == pytest.approx(values[group & done].std(ddof=1), rel=1e-1)


def test_numbers_are_those_of_numpy(shared_file: Path):
    done = summary(shared_file)

    assert (done.returncode, done.stderr) == (0, "")
    assert_numbers_are_those_of_numpy(done.stdout, shared_file)


def test_diverged_runs_are_counted_but_not_averaged(result_file: Path, set_status: Callable[..., np.ndarray]):
    set_status("diverged", seed=3)

    done = summary(result_file)

    assert_numbers_are_those_of_numpy(done.stdout, result_file)
    assert all(row[-1] == "1 diverged, 3 done" for row in cells(done.stdout).values())


def test_point_without_a_done_run_has_no_mean(result_file: Path, set_status: Callable[..., np.ndarray]):
    set_status("failed", p=40)

    table = cells(summary(result_file).stdout)

    assert table["tanh", "backprop", "0.5", "40"] == ["4", "-", "-", "4 failed"]


def test_missing_file_is_one_sentence(tmp_path: Path):
    done = summary(tmp_path / "none.h5")

    assert (done.returncode, done.stdout) == (2, "")
    assert "you may not read it" in done.stderr
