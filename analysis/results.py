"""Opens result files: the only module of the package that does.

Owns the schema as a reader sees it: which rows are finished, what the category codes mean, how rows are chosen by axis
value. Does not compute anything from what it reads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from configparser import ConfigParser
from dataclasses import dataclass, fields, replace
from pathlib import Path

import h5py
import numpy as np

SCHEMA = "fasweep-1"


class AnalysisError(Exception):
    """What the user can mend, as one sentence."""


@dataclass(frozen=True)
class Results:
    """Runs of one file in plan order; arrays have one entry, or one row, a run."""

    file: str
    p: np.ndarray
    ridge: np.ndarray  # lambda, a word that Python keeps for itself
    activation: np.ndarray  # names, as are rule and status
    rule: np.ndarray
    seed: np.ndarray
    status: np.ndarray
    step: np.ndarray  # the recorded steps, the columns of a trajectory
    settings: dict[str, str]  # of the job, by section.key
    metrics: dict[str, np.ndarray]  # final_<metric>: runs; <metric>: runs x steps, NaN beyond a run's end

    def __len__(self) -> int:
        return len(self.p)


def select(results: Results, **values: object) -> Results:
    """The rows where each named column has the given value: select(r, p=200, ridge=0.1, rule="backprop")."""
    rows = np.ones(len(results), dtype=bool)
    for column, value in values.items():
        rows &= getattr(results, column) == value
    return _rows(results, rows)


def read(path: str | Path, metrics: Sequence[str]) -> Results:
    """The finished runs of a file with the named metrics. Says on standard error how many runs are still to do."""
    with _open(path) as file:
        try:
            everything = Results(
                file=str(path),
                p=file["p"][...],
                ridge=file["lambda"][...],
                activation=_names(file["activation"]),
                rule=_names(file["rule"]),
                seed=file["seed"][...],
                status=_names(file["status"]),
                step=file["step"][...],
                settings=_settings(file["provenance/job"].asstr()[()]),
                metrics={name: _metric(file, name) for name in metrics},
            )
        except (KeyError, OSError) as error:
            raise _unreadable(path, error) from error
    finished = everything.status != "pending"
    if not finished.any():
        raise AnalysisError(f"file '{path}' has no finished run (all {len(finished)} are pending); continue its sweep")
    if not finished.all():
        print(
            f"note: {path}: {np.count_nonzero(~finished)} of {len(finished)} runs are pending and left out",
            file=sys.stderr,
        )
    return _rows(everything, finished)


def is_hdf5(path: Path) -> bool:
    return path.is_file() and h5py.is_hdf5(path)


def _rows(results: Results, rows: np.ndarray) -> Results:
    names = [field.name for field in fields(Results) if field.name not in ("file", "step", "settings", "metrics")]
    columns = {name: getattr(results, name)[rows] for name in names}
    return replace(results, **columns, metrics={name: values[rows] for name, values in results.metrics.items()})


def _open(path: str | Path) -> h5py.File:
    if not os.access(path, os.R_OK):
        raise AnalysisError(f"file '{path}' cannot be opened (none that you may read); fasweep run makes one")
    if not h5py.is_hdf5(path):
        raise AnalysisError(f"file '{path}' is not fasweep's (it is no HDF5 file); give a result file of fasweep")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise _unreadable(path, error) from error
    schema = file.attrs.get("schema")
    if schema != SCHEMA:
        file.close()
        found = "it has no attribute 'schema'" if schema is None else f"its schema is '{schema}'"
        raise AnalysisError(f"file '{path}' is not fasweep's ({found}); give one whose schema is '{SCHEMA}'")
    return file


def _settings(job: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#")
    parser.read_string(job)
    return {f"{section}.{key}": value for section in parser.sections() for key, value in parser[section].items()}


def _metric(file: h5py.File, name: str) -> np.ndarray:
    if name not in file:
        raise AnalysisError(
            f"file '{file.filename}' has no '{name}' (its job's record.metrics leaves it out); "
            "sweep into a new file with record.metrics = default"
        )
    return file[name][...].astype(np.float64)


def _names(column: h5py.Dataset) -> np.ndarray:
    names = dict(zip(column.attrs["flag_values"].tolist(), column.attrs["flag_meanings"].split()))
    return np.array([names[code] for code in column[...].tolist()], dtype=np.str_)


def _unreadable(path: str | Path, error: Exception) -> AnalysisError:
    # h5py puts the cause in parentheses, after HDF5's own words for what it was doing.
    cause = str(error.args[0]).partition("(")[2].rpartition(")")[0] or str(error)
    return AnalysisError(f"file '{path}' cannot be read ({cause}); see what fasweep verify says of it")
