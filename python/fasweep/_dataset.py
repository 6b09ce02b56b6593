"""Result files as labelled arrays: finds the axes that fill a grid, and reads the rows that a selection wants."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas
import xarray
from xarray.backends import BackendArray, CachingFileManager
from xarray.core import indexing

from fasweep._errors import Error
from fasweep._file import GRID_AXES, axes, dimension_names, open_file, read_column

OWN_ATTRIBUTES = ("CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_FillValue", "coordinates", "flag_values", "flag_meanings")


def open_results(path: Path) -> xarray.Dataset:
    """See fasweep.open."""
    open_file(path).close()  # says what is wrong with it
    manager = CachingFileManager(h5py.File, path, mode="r")  # reopens by itself, in another process too
    file = manager.acquire()
    columns = {name: read_column(file[name]) for name in axes(file)}
    job = file["provenance/job"].asstr()[()]
    sampled = re.search(r"^sample = (?!none$)", job, re.MULTILINE) is not None
    grid = _Grid(columns, sampled)
    coordinates: dict[str, Any] = {}
    if grid.fills:
        coordinates = {name: ((name,), values) for name, values in grid.labels.items()}
    coordinates |= {name: grid.coordinate(values) for name, values in columns.items() if name not in coordinates}
    variables: dict[str, Any] = {}
    for name, dataset in file.items():
        if not isinstance(dataset, h5py.Dataset) or name in coordinates:
            continue
        dimensions = dimension_names(dataset)
        if dimensions == [name] and name != "run":
            coordinates[name] = ((name,), dataset[...], _attributes(dataset))
        elif dimensions[:1] != ["run"]:
            continue
        elif h5py.check_string_dtype(dataset.dtype) or "flag_values" in dataset.attrs:
            variables[name] = (grid.dimensions, read_column(dataset)[grid.rows], _attributes(dataset))
        else:
            array = indexing.LazilyIndexedArray(_Rows(manager, name, grid.rows, file.attrs["plan_hash"]))
            variables[name] = ((*grid.dimensions, *dimensions[1:]), array, _attributes(dataset))
    if not grid.fills:
        coordinates["run"] = variables.pop("run")
    attributes = {name: value.item() if isinstance(value, np.generic) else value for name, value in file.attrs.items()}
    attributes |= {"layout": grid.layout, "job": job}
    result = xarray.Dataset(variables, coordinates, attributes)
    for name in columns:
        result[name].attrs = _attributes(file[name])
    result.set_close(manager.close)
    return result


def open_state(path: Path) -> xarray.Dataset:
    """See fasweep.state."""
    manager = CachingFileManager(h5py.File, path, mode="r")
    file = manager.acquire()
    variables: dict[str, Any] = {}
    coordinates: dict[str, Any] = {}
    for name, dataset in file.items():
        if not isinstance(dataset, h5py.Dataset):
            continue
        dimensions = dimension_names(dataset)
        if dimensions == [name]:
            coordinates[name] = (dimensions, dataset[...], _attributes(dataset))
        else:
            variables[name] = (dimensions, indexing.LazilyIndexedArray(_Rows(manager, name)), _attributes(dataset))
    result = xarray.Dataset(variables, coordinates, dict(file.attrs))
    result.set_close(manager.close)
    return result


class _Grid:
    """Which columns are the axes of a grid that the runs fill, and which row of the file is at each of its points.

    fills        whether there is such a grid
    labels       axis: its values, numbers ascending, names in order of appearance
    dimensions   of the runs: the axes, or "run"
    rows         row in the file of each point, over the dimensions
    layout       both, in words
    """

    def __init__(self, columns: Mapping[str, np.ndarray], sampled: bool) -> None:
        self.labels: dict[str, np.ndarray] = {}
        self._codes: dict[str, np.ndarray] = {}
        self.runs = len(next(iter(columns.values())))
        for name, values in columns.items():
            labels, codes = _labelled(values)
            if name in GRID_AXES or not self._follows(codes, list(self._codes)):
                self.labels[name], self._codes[name] = labels, codes
        sizes = tuple(len(labels) for labels in self.labels.values())
        points = int(np.prod(sizes, dtype=float))
        self.fills = not sampled and points == self.runs and len(np.unique(self._point(list(self._codes)))) == points
        if self.fills:
            self.dimensions = tuple(self.labels)
            self.rows = np.argsort(self._point(list(self._codes))).reshape(sizes)
            self.layout = "grid: " + " x ".join(f"{name} ({size})" for name, size in zip(self.labels, sizes))
        else:
            self.dimensions = ("run",)
            self.rows = np.arange(self.runs)
            several = ", ".join(name for name, labels in self.labels.items() if len(labels) > 1)
            why = "are sampled" if sampled else f"do not fill a grid (of {points} points)"
            self.layout = f"run: {self.runs} runs in a row, because their axes ({several}) {why}; choose with where(..., drop=True)"

    def coordinate(self, values: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
        """A column that is not an axis, over the fewest dimensions that determine it."""
        codes = _labelled(values)[1]
        if not self.fills:
            return ((), values[0]) if codes.max() == 0 else (self.dimensions, values)
        needed = list(self.dimensions)
        for name in self.dimensions:
            without = [other for other in needed if other != name]
            if self._follows(codes, without):
                needed = without
        rows = _outer(self.rows, tuple(slice(None) if name in needed else 0 for name in self.dimensions))
        return tuple(needed), values[rows]

    def _point(self, names: list[str]) -> np.ndarray:
        """Each run's number among the points of these axes."""
        point = np.zeros(self.runs, dtype=np.int64)
        for name in names:
            point = point * len(self.labels[name]) + self._codes[name]
        return point

    def _follows(self, codes: np.ndarray, names: list[str]) -> bool:
        """Whether the values of these axes determine the value of each run."""
        points = np.unique(self._point(names), return_inverse=True)[1]
        value = np.empty(points.max() + 1, dtype=codes.dtype)
        value[points] = codes
        return bool((value[points] == codes).all())


def _labelled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different values, and for each run the position of its own."""
    labels, first, codes = np.unique(values, return_index=True, return_inverse=True)
    if labels.dtype.kind != "U":
        return labels, codes
    order = np.argsort(first)
    return labels[order], np.argsort(order)[codes]


class _Rows(BackendArray):
    """A dataset of a file, not read yet; with `rows`, its first dimension is spread over theirs."""

    def __init__(self, manager: CachingFileManager, name: str, rows: np.ndarray | None = None, plan: str = "") -> None:
        dataset = manager.acquire()[name]
        self.manager, self.name, self.rows, self.plan = manager, name, rows, plan
        self.shape = dataset.shape if rows is None else rows.shape + dataset.shape[1:]
        self.dtype = dataset.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> np.ndarray:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> np.ndarray:
        file = self.manager.acquire()
        dataset = file[self.name]
        if self.rows is None:
            return _outer(dataset[...], key)
        if file.attrs["plan_hash"] != self.plan:
            raise Error(f"file '{file.filename}' was extended since it was opened; open it again")
        wanted = _outer(self.rows, key[: self.rows.ndim])
        values = _outer(_read_rows(dataset, np.ravel(wanted)), (slice(None), *key[self.rows.ndim :]))
        return values.reshape(np.shape(wanted) + values.shape[1:])


def _outer(array: np.ndarray, key: tuple[Any, ...]) -> np.ndarray:
    """Indexed along each dimension separately; a whole number drops the dimension."""
    for dimension in reversed(range(len(key))):
        array = array[(slice(None),) * dimension + (key[dimension],)]
    return array


def _read_rows(dataset: h5py.Dataset, rows: np.ndarray) -> np.ndarray:
    """Rows in any order; each chunk of the file is read at most once, and only the part that spans the rows."""
    result = np.empty((len(rows), *dataset.shape[1:]), dtype=dataset.dtype)
    order = np.argsort(rows, kind="stable")
    chunks = rows[order] // (dataset.chunks[0] if dataset.chunks else max(1, dataset.shape[0]))
    for positions in np.split(order, np.flatnonzero(np.diff(chunks)) + 1):
        if len(positions):
            first, last = rows[positions[0]], rows[positions[-1]]
            result[positions] = dataset[first : last + 1][rows[positions] - first]
    return result


def _attributes(dataset: h5py.Dataset) -> dict[str, Any]:
    return {name: value for name, value in dataset.attrs.items() if name not in OWN_ATTRIBUTES}


@xarray.register_dataset_accessor("fasweep")
class Accessor:
    """`data.fasweep`, on what fasweep.open returns and on selections from it."""

    def __init__(self, data: xarray.Dataset) -> None:
        self._data = data

    def table(self) -> pandas.DataFrame:
        """One row per run; columns are the axes, final values and how the run ended. No trajectories."""
        finals = self._data.drop_dims("step", errors="ignore")
        for name, values in finals.data_vars.items():
            own = [dimension for dimension in values.dims if dimension not in finals["status"].dims]
            if own:  # several numbers per run: one column each, as in `fasweep export`
                parts = {f"{name}_{i}": values.isel({own[0]: i}, drop=True) for i in range(values.sizes[own[0]])}
                finals = finals.drop_vars(name).assign(parts)
        finals = finals.drop_dims([name for name in finals.dims if name not in finals["status"].dims])
        frame = finals.to_dataframe().reset_index() if finals.dims else finals.expand_dims("row").to_dataframe().reset_index(drop=True)
        order = ["run", *(name for name in frame if name in finals.coords)]
        return frame[[*dict.fromkeys(name for name in order if name in frame), *(name for name in frame if name not in order)]]
