"""The lines of docs/file-format.md that open a result file in h5py, xarray and pandas run, and reach the right rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fasweep.analysis import results

ROOT = Path(__file__).resolve().parents[2]
JOB = """
[grid]
p = 100, 200
lambda = 0, 0.1
activation = linear, relu
seed = 0..2
[data]
n = 10
d = 20
[training]
max-steps = 50
[record]
steps = log(12)
"""


def readers_block() -> str:
    text = (ROOT / "docs" / "file-format.md").read_text()
    block = text.split("<!-- readers:begin -->")[1].split("<!-- readers:end -->")[0]
    return block.split("```python\n")[1].split("```")[0]


def test_lines_of_the_page_reach_the_rows_they_name(
    make_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    path = make_file("smoke", JOB)
    monkeypatch.chdir(path.parent)

    names: dict[str, Any] = {}
    exec(compile(readers_block(), "file-format.md", "exec"), names)

    with h5py.File(path) as file:
        names_read = ("p", "lambda", "seed", "activation", "alignment", "final_alignment")
        columns = {name: file[name][...] for name in names_read}
        rule = file["rule"].asstr()[...] == "feedback-alignment"
        relu = file["activation"].asstr()[...] == "relu"
    rows = (columns["p"] == 200) & (columns["lambda"] == 0.1) & relu & rule
    assert rows.sum() == 3
    np.testing.assert_array_equal(np.ravel(names["trajectory"]), columns["alignment"][rows & (columns["seed"] == 0)][0])
    # xarray averages in float32.
    for mean in (names["mean"], names["mean4"]):
        np.testing.assert_allclose(mean.values, columns["alignment"][rows].mean(axis=0), rtol=1e-5)
    for p in (100, 200):
        values = columns["final_alignment"][(columns["lambda"] == 0.1) & (columns["p"] == p) & relu & rule].astype(float)
        assert names["by_width"].loc[p, "mean"] == pytest.approx(values.mean(), rel=1e-5)
        assert names["by_width"].loc[p, "std"] == pytest.approx(values.std(ddof=1), rel=1e-5)


def test_trajectories_of_several_numbers_are_joined_with_their_last(make_file: Callable[..., Path]):
    job = JOB + "metrics = loss, kernel_eigenvalues\n"
    job = job.replace("n = 10\n", "n = 4, 6\n").replace("max-steps = 50\n", "max-steps = 50\nstop = time(0.0205)\n")
    path = make_file("spectrum", job)

    read = results.read(path, ["loss", "final_loss", "kernel_eigenvalues", "final_kernel_eigenvalues"])

    ended_between = 0
    for row in range(len(read)):
        steps, loss = results.trajectory(read, "loss", row)
        same_steps, values = results.trajectory(read, "kernel_eigenvalues", row)
        np.testing.assert_array_equal(steps, same_steps)
        assert values.shape == (len(loss), 6) and steps[-1] == read.steps[row]
        assert (np.isnan(values) == (np.arange(6) >= read.columns["n"][row])).all()
        np.testing.assert_array_equal(values[-1], read.metrics["final_kernel_eigenvalues"][row])
        ended_between += steps[-1] not in read.step
    assert ended_between > 0


def test_depth_and_layer_are_dimensions(make_file: Callable[..., Path]):
    fasweep = pytest.importorskip("fasweep", reason="no xarray here; jobs/packages.sh --developer installs it")
    job = JOB.replace("seed = 0..2", "seed = 0..1\ndepth = 1..3") + "metrics = loss, alignment, layer_weight_alignment\n"

    data = fasweep.open(make_file("depth", job))

    assert data.sizes["depth"] == 3 and data.sizes["layer"] == 3
    deep = data.sel(depth=2)
    np.testing.assert_allclose(deep.layer_weight_alignment.isel(layer=1), deep.alignment, rtol=1e-5, atol=1e-6)
    assert np.isnan(deep.layer_weight_alignment.isel(layer=2)).all()
