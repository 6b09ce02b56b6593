"""Result files as every reader here sees them: the schemas, each row's value on each axis, names as text."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np

from fasweep._errors import Error

SCHEMAS = ("fasweep-2", "fasweep-1")  # of the files that are read; the first is what fasweep writes
GRID_AXES = ("p", "lambda", "activation", "rule", "seed")


def open_file(path: str | Path) -> h5py.File:
    if not os.access(path, os.R_OK):
        raise Error(f"file '{path}' cannot be opened (it does not exist, or you may not read it); fasweep run makes one")
    if not h5py.is_hdf5(path):
        raise Error(f"file '{path}' is not a fasweep result file (not HDF5); give a result file of fasweep")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise unreadable(path, error) from error
    schema = file.attrs.get("schema")
    if schema not in SCHEMAS:
        file.close()
        found = "no attribute 'schema'" if schema is None else f"its schema is '{schema}'"
        raise Error(f"file '{path}' is not a fasweep result file ({found}); give one whose schema is '{SCHEMAS[0]}'")
    return file


def axes(file: h5py.File) -> list[str]:
    """Names of the columns that define a run."""
    first_final = next(name for name in file if name.startswith("final_"))
    listed = file[first_final].attrs.get("coordinates")  # CF; the first schema has the same five in every file
    return listed.split() if listed else list(GRID_AXES)


def read_column(dataset: h5py.Dataset) -> np.ndarray:
    """Numbers, or names as texts; the first schema has codes in place of names."""
    if h5py.check_string_dtype(dataset.dtype):
        return dataset.asstr()[...].astype(np.str_)
    if "flag_values" not in dataset.attrs:
        return dataset[...]
    names = dict(zip(dataset.attrs["flag_values"].tolist(), dataset.attrs["flag_meanings"].split()))
    return np.array([names[code] for code in dataset[...].tolist()], dtype=np.str_)


def dimension_names(dataset: h5py.Dataset) -> list[str]:
    """Of its dimension scales."""
    if h5py.h5ds.is_scale(dataset.id):
        return [dataset.name.lstrip("/")]
    return [dimension[0].name.lstrip("/") for dimension in dataset.dims if len(dimension)]


def unreadable(path: str | Path, error: Exception) -> Error:
    # h5py puts the cause in parentheses, after HDF5's own words for what it was doing.
    cause = str(error.args[0]).partition("(")[2].rpartition(")")[0] or str(error)
    return Error(f"file '{path}' cannot be read ({cause}); see what fasweep verify says of it")
