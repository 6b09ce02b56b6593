"""Writes job files, and the data sets that they name, from Python's values. Checks only what the program cannot."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

import numpy as np

from fasweep._errors import Error

# Keys and their values: a number, a name, text as in a job file ("0..49", "100*2^1..7", a formula), a list of these, which
# makes the key an axis, or a value for each activation, {"linear": 1e-4, "relu": 1e-3}.
Section = Mapping[str, Any]
Data = Union[Mapping[str, Any], tuple[Any, Any], str, "os.PathLike[str]"]

ARRAYS = {"X": "x", "y": "y", "X_test": "x_test", "y_test": "y_test"}  # as the program looks for them in a file
GRID = ("p", "lambda", "activation", "rule", "seed", "zip", "sample")


def write_sections(
    path: Path,
    grid: Section | Sequence[Section],
    data: Data | None,
    training: Section | None,
    record: Section | None,
    results: Path | None = None,
) -> None:
    """results: the file whose sweep this job begins or continues, if any; data of other results are not replaced."""
    grids = [grid] if isinstance(grid, Mapping) else list(grid)
    sections: list[tuple[str, Section]] = [("grid", _with_sections(one)) for one in grids]
    sections += [("data", _data_section(data, path, results)), ("training", training or {}), ("record", record or {})]
    text = ["# written by the Python package fasweep"]
    for name, values in sections:
        if values:
            text.append(f"[{name}]")
            text += [f"{_key(key)} = {_text(key, value)}" for key, value in values.items()]
    path.write_text("\n".join(text) + "\n")


def _with_sections(grid: Section) -> Section:
    """Any key may be an axis of the grid; those of other sections are then written section.key."""
    if all(_key(name) in GRID or "." in name for name in grid):
        return grid
    from fasweep._commands import keys

    full = {key.split(".")[1]: key for key in keys()}
    return {_key(name) if _key(name) in GRID or "." in name else full.get(_key(name), name): grid[name] for name in grid}


def _key(name: str) -> str:
    """step_size is step-size, and lambda_ is lambda, which is a Python keyword."""
    return name.rstrip("_").replace("_", "-")


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        text = value
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}:{_number(one)}" for name, one in value.items())
    elif isinstance(value, range) and value.step == 1 and len(value) > 2:
        text = f"{value[0]}..{value[-1]}"
    elif isinstance(value, Iterable):
        text = ", ".join(one if isinstance(one, str) else _number(one) for one in value)
    else:
        text = _number(value)
    if not text.strip() or any(mark in text for mark in "\n\r#"):
        raise Error(f"{key} = {value!r} is not accepted (empty, or several lines, or with a '#'); give one line of text")
    return text


def _number(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise Error(f"{value!r} is not accepted (neither a number nor text); give numbers or names") from None


def _data_section(data: Data | None, job: Path, results: Path | None) -> Section:
    if data is None:
        return {}
    if isinstance(data, (str, os.PathLike)):
        return _table_section(Path(data))
    if isinstance(data, tuple):
        if len(data) != 2:
            raise Error(
                f"data of {len(data)} parts are not accepted (they have no names); give (X, y), or a dict with X_test and y_test too"
            )
        data = dict(zip(("X", "y"), data))
    arrays = {name: np.asarray(data[name]) for name in ARRAYS if name in data}
    settings = {name: value for name, value in data.items() if name not in ARRAYS}
    if not arrays:
        return settings
    _check_arrays(arrays)
    path = job.with_suffix(".data.h5")
    _write_arrays(path, arrays, results)
    usual = {"source": "hdf5", "path": str(path.resolve()), "targets": "classes" if arrays["y"].dtype.kind in "bui" else "numbers"}
    return usual | settings


def _table_section(path: Path) -> Section:
    """A file given by its name alone, which says what it is."""
    name = path.name.removesuffix(".gz")
    for suffix, source in ((".csv", "csv"), (".tsv", "csv"), (".txt", "csv"), (".h5", "hdf5"), (".hdf5", "hdf5"), (".mat", "hdf5")):
        if name.endswith(suffix):
            return {"source": source, "path": str(path.resolve())}
    raise Error(f"data '{path}' are not accepted (the name does not say what they are); give dict(source=..., path='{path}')")


def _check_arrays(arrays: Mapping[str, np.ndarray]) -> None:
    for name in ("X", "y"):
        if name not in arrays:
            raise Error(f"data without '{name}' are not accepted (there is nothing to fit); give X (samples, inputs) and y (samples)")
    if ("X_test" in arrays) != ("y_test" in arrays):
        raise Error("data with one of X_test and y_test are not accepted (test samples need both); give both or neither")
    for name, array in arrays.items():
        if array.dtype.kind not in "buif":
            raise Error(
                f"{name} of type {array.dtype} is not accepted (not numbers); give numbers, "
                f"np.unique(labels, return_inverse=True)[1] in place of labels that are text"
            )
    for x, y in (("X", "y"), ("X_test", "y_test")):
        if x in arrays and arrays[x].shape[:1] != arrays[y].shape[:1]:
            raise Error(
                f"{x} of shape {arrays[x].shape} and {y} of shape {arrays[y].shape} are not accepted (not as many samples); "
                "the first axis of both is the sample"
            )


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray], results: Path | None) -> None:
    """By a draft and a rename; never over the data of existing results."""
    import h5py

    if path.exists() and results is not None and results.exists():
        with h5py.File(path) as file:
            same = file.keys() == {ARRAYS[name] for name in arrays} and all(
                np.array_equal(file[ARRAYS[name]][...], array, equal_nan=array.dtype.kind == "f") for name, array in arrays.items()
            )
        if same:
            return
        raise Error(f"'{results}' holds results of other data (those in '{path}'); give another output")
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with h5py.File(draft, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(ARRAYS[name], data=array)
    draft.replace(path)
