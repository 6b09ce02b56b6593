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


def test_other_axes_are_columns_and_nothing_is_averaged_over_them(make_file: Callable[..., Path]):
    path = make_file("sizes", "[grid]\np = 4\nseed = 0, 1\n[data]\nn = 3, 5\nd = 5\n[training]\nmax-steps = 9\n")

    lines = summary(path).stdout.splitlines()

    assert lines[0].split()[:5] == ["activation", "rule", "lambda", "p", "n"]
    with h5py.File(path) as file:
        for line, n in zip(lines[1:3], (3, 5), strict=True):
            cells = [cell.strip() for cell in line.split("  ") if cell]
            assert cells[4:6] == [str(n), "2"]
            mean = file["final_loss"][...][file["n"][...] == n].astype(float).mean()
            assert float(cells[7].split(" +- ")[0]) == pytest.approx(mean, rel=1e-3)


def test_reader_that_leaves_early_is_no_error(shared_file: Path):
    command = f"{sys.executable} -m analysis summary {shared_file} | true"

    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)

    assert done.stderr == ""
