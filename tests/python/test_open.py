"""fasweep.open: axes, coordinates and values are those of the file, whatever was chosen, and missing where there are none."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import pytest
import xarray
from conftest import ROOT

import fasweep

GRID: dict[str, Any] = {
    "p": [6, 12], "lambda": [0, 0.5], "activation": ["tanh", "relu"], "rule": ["feedback-alignment", "backprop"], "seed": range(3),
}
DATA = {"n": 5, "d": 7}
TRAINING = {"max-steps": 40}
RECORD = {"steps": "log(8)"}


@pytest.fixture
def grid_file(folder: Path) -> Path:
    path = folder / "grid.h5"
    fasweep.run(grid=GRID, data=DATA, training=TRAINING, record=RECORD, output=path, progress=False)
    return path


def row_of(file: h5py.File, **values: Any) -> int:
    rows = np.ones(file["run"].shape, dtype=bool)
    for name, value in values.items():
        column = file[name].asstr()[...] if file[name].dtype == object else file[name][...]
        rows &= column == value
    (row,) = np.flatnonzero(rows)
    return int(row)


def test_every_point_has_the_values_of_its_row(grid_file: Path):
    data = fasweep.open(grid_file)

    assert dict(data.sizes) == {"p": 2, "lambda": 2, "activation": 2, "rule": 2, "seed": 3, "step": data.sizes["step"]}
    assert data.activation.values.tolist() == ["tanh", "relu"]  # as in the job
    assert data.step_size.dims == ("activation",) and data.n.dims == ()
    with h5py.File(grid_file) as file:
        for p, ridge, activation, rule, seed in [(6, 0, "tanh", "backprop", 2), (12, 0.5, "relu", "feedback-alignment", 0)]:
            point = {"p": p, "lambda": ridge, "activation": activation, "rule": rule, "seed": seed}
            row = row_of(file, **point)
            chosen = data.sel(point)
            np.testing.assert_array_equal(chosen.loss.values, file["loss"][row])
            assert chosen.final_alignment.values == file["final_alignment"][row]
            assert chosen.run.values == row and chosen.status.values == "done"
    assert data.loss.attrs["units"] == "1" and "loss" in data.loss.attrs["long_name"]


def test_parts_are_those_of_the_whole(grid_file: Path):
    data = fasweep.open(grid_file)
    whole = fasweep.open(grid_file).load().loss

    parts: list[dict[str, object]] = [
        dict(p=1), dict(p=slice(None, None, -1), seed=[2, 0]), dict(step=slice(1, None, 2)), dict(step=-1, rule=0, seed=1),
        dict(step=[3, 1], activation=[1]), dict(seed=[]),
    ]
    for part in parts:
        np.testing.assert_array_equal(data.loss.isel(part).values, whole.isel(part).values)


def test_only_rows_that_are_chosen_are_read(grid_file: Path, monkeypatch: pytest.MonkeyPatch):
    from fasweep import _dataset

    data = fasweep.open(grid_file)
    read: list[int] = []
    real = _dataset._read_rows

    def spy(dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
        read.append(len(rows))
        return real(dataset, rows)

    monkeypatch.setattr(_dataset, "_read_rows", spy)
    repr(data)
    assert read == []
    assert data.loss.sel(rule="backprop", p=6).mean("seed").shape == (2, 2, data.sizes["step"])
    assert read == [2 * 2 * 3]


def test_rows_come_in_any_order_over_chunks(folder: Path):
    from fasweep._dataset import _read_rows

    values = np.arange(70.0).reshape(35, 2)
    with h5py.File(folder / "chunks.h5", "w") as file:
        dataset = file.create_dataset("x", data=values, chunks=(4, 2))
        for rows in ([34, 0, 7, 8, 7, 3], [], list(range(35))[::-3]):
            chosen = np.array(rows, dtype=int)
            np.testing.assert_array_equal(_read_rows(dataset, chosen), values[chosen])


def test_runs_without_results_are_missing(grid_file: Path):
    with h5py.File(grid_file, "r+") as file:
        row = row_of(file, p=12, seed=1, activation="relu", rule="backprop", **{"lambda": 0})
        file["status"][row] = "pending"
        for name in ("loss", "final_loss"):
            file[name][row] = np.nan

    data = fasweep.open(grid_file)

    missing = data.final_loss.isnull()
    assert int(missing.sum()) == 1
    assert (data.status == "pending").equals(missing)
    assert bool(missing.sel({"p": 12, "seed": 1, "activation": "relu", "rule": "backprop", "lambda": 0}))
    assert data.loss.where(data.status == "pending").isnull().all()


def test_any_key_is_an_axis_and_what_follows_from_others_is_none(folder: Path):
    grid: Any = {"p": [4, 8], "step_size": [1e-3, 1e-2], "seed": [3], "n": [5, 6], "d": [7, 9], "zip": "n, d"}

    data = fasweep.run(grid=grid, training=TRAINING, output="axes.h5", progress=False)

    assert {name: size for name, size in data.sizes.items() if size > 1 and name != "step"} == {"p": 2, "step_size": 2, "n": 2}
    assert data.d.dims == ("n",) and data.d.sel(n=6) == 9
    assert data.sel(seed=3, step_size=1e-2).final_loss.shape == (2, 1, 1, 1, 2)


@pytest.mark.parametrize(
    "grid, why",
    [
        ({"p": [4, 8], "lambda": [0, 0.1], "zip": "p, lambda"}, "do not fill a grid (of 4 points)"),
        ({"p": "uniform(4, 400)", "lambda": "uniform(0, 1)", "sample": "sobol(5)"}, "are sampled"),
        ([{"p": [4, 8]}, {"p": 16, "lambda": 0.1}], "do not fill a grid (of 6 points)"),
    ],
)
def test_axes_that_fill_no_grid_stay_coordinates_of_a_run(folder: Path, grid: Any, why: str):
    data = fasweep.run(grid=grid, data=DATA, training=TRAINING, output="runs.h5", progress=False)

    assert data.loss.dims == ("run", "step") and data.p.dims == ("run",) and data.rule.dims == ()
    assert data.attrs["layout"].startswith("run: ") and why in data.attrs["layout"]
    widest = data.where(data.p == data.p.max(), drop=True)
    assert widest.sizes["run"] == 1
    with h5py.File("runs.h5") as file:
        np.testing.assert_array_equal(widest.loss.values[0], file["loss"][int(np.argmax(file["p"][...]))])


def test_a_table_has_a_row_a_run_and_final_values(grid_file: Path):
    data = fasweep.open(grid_file)

    table = data.fasweep.table()
    assert len(table) == 48 and "loss" not in table
    assert table.columns[:6].tolist() == ["run", "p", "lambda", "activation", "rule", "seed"]
    with h5py.File(grid_file) as file:
        by_row = table.set_index("run").sort_index()
        np.testing.assert_array_equal(by_row.final_loss, file["final_loss"][...])
        assert by_row.rule.tolist() == file["rule"].asstr()[...].tolist()
    assert len(data.sel(rule="backprop", p=6).fasweep.table()) == 12
    one = data.isel({name: 0 for name in data.status.dims}).fasweep.table()
    assert len(one) == 1 and one.status[0] == "done"


@pytest.mark.parametrize(("engine", "library"), [("h5netcdf", "h5netcdf"), ("netcdf4", "netCDF4"), ("scipy", "scipy")])
def test_a_grid_can_be_kept_as_netcdf(grid_file: Path, engine: Any, library: str):
    pytest.importorskip(library)
    data = fasweep.open(grid_file)

    data.to_netcdf("grid.nc", engine=engine)

    with xarray.open_dataset("grid.nc", engine=engine, decode_times=False) as kept:
        assert kept.attrs == data.attrs and set(kept.variables) == set(data.variables)
        for name in data.variables:
            assert kept[name].dims == data[name].dims and kept[name].equals(data[name].astype(kept[name].dtype)), name
            assert kept[name].attrs == data[name].attrs, name


def test_a_table_can_be_kept_as_parquet(grid_file: Path):
    table = fasweep.open(grid_file).fasweep.table()

    # A column is numbers or texts, and no index says anything: what every format of tables keeps.
    assert all(column.dtype.kind in "if" or column.map(type).eq(str).all() for _, column in table.items())
    assert table.index.equals(pandas.RangeIndex(len(table)))
    pytest.importorskip("pyarrow", reason="no pyarrow here, which writes Parquet")
    table.to_parquet("table.parquet")
    pandas.testing.assert_frame_equal(pandas.read_parquet("table.parquet"), table)


def test_a_grid_can_be_copied_and_sent_to_other_processes(grid_file: Path):
    data = fasweep.open(grid_file)

    assert pickle.loads(pickle.dumps(data)).loss.equals(data.loss)
    assert data.copy(deep=True).loss.equals(data.loss)


def test_metrics_of_several_numbers_are_columns_of_a_table(folder: Path):
    record = RECORD | {"metrics": "loss, kernel_eigenvalues"}
    data = fasweep.run(grid={"p": [6, 9]}, data=DATA, training=TRAINING, record=record, output="spectrum.h5", progress=False)

    assert data.kernel_eigenvalues.dims[-2:] == ("step", "eigenvalue")
    table = data.fasweep.table()
    for i in range(5):
        np.testing.assert_array_equal(table[f"final_kernel_eigenvalues_{i}"], np.ravel(data.final_kernel_eigenvalues[..., i]))


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "store" / "versions").glob("*/*.h5")), ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_files_of_every_version_open(path: Path):
    data = fasweep.open(path)

    with h5py.File(path) as file:
        assert data.status.size == len(file["run"])
        name = next(name for name in file if name.startswith("final_"))
        np.testing.assert_array_equal(np.ravel(data[name].values)[np.argsort(np.ravel(data.run.values))], file[name][...])


def test_other_files_are_refused_with_a_sentence(folder: Path):
    (folder / "text.h5").write_text("no")
    with h5py.File(folder / "other.h5", "w"):
        pass

    for name, why in (("nothing.h5", "you may not read it"), ("text.h5", "not HDF5"), ("other.h5", "no attribute 'schema'")):
        with pytest.raises(fasweep.Error, match=why):
            fasweep.open(name)


def test_a_file_that_has_grown_is_not_read_by_old_rows(grid_file: Path):
    data = fasweep.open(grid_file)
    data.close()  # as when too many files are open
    larger = GRID | {"seed": range(4)}
    assert fasweep.run(grid=larger, data=DATA, training=TRAINING, record=RECORD, output=grid_file, progress=False).sizes["seed"] == 4

    with pytest.raises(fasweep.Error, match="open it again"):
        data.final_loss.values
