"""Opens result files: the only module of the package that does.

Owns which rows are finished and how rows are chosen by axis value; the schemas are _file's. Does not compute anything from
what it reads.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from configparser import ConfigParser
from dataclasses import dataclass, fields, replace
from pathlib import Path

import h5py
import numpy as np

from fasweep._errors import Error
from fasweep._file import axes, dimension_names, open_file, read_column, unreadable


# What numbers in a column stand for.
WORDS: dict[str, dict[float, str]] = {"richness": {0: "lazy"}, "batch_size": {0: "all"}}


class AnalysisError(Error):
    """Of results that are no figure."""


@dataclass(frozen=True)
class Results:
    """Runs of one file in plan order; arrays have one entry, or one row, a run."""

    file: str
    run: np.ndarray  # row in the file
    p: np.ndarray
    ridge: np.ndarray  # lambda, a word that Python keeps for itself
    activation: np.ndarray  # names, as are rule and status
    rule: np.ndarray
    seed: np.ndarray
    status: np.ndarray
    step: np.ndarray  # the recorded steps, the columns of a trajectory
    columns: dict[str, np.ndarray]  # every axis by its name in the file: p, lambda, ... step_size, n, batch_size
    steps: np.ndarray  # training steps taken
    settings: dict[str, str]  # of the job, by section.key
    metrics: dict[str, np.ndarray]  # final_<metric>: runs; <metric>: runs x steps, NaN beyond a run's end; then numbers

    def __len__(self) -> int:
        return len(self.p)

    def at(self, rows: np.ndarray) -> Results:
        """These rows: their numbers, or whether each is wanted."""
        return _rows(self, rows)

    def with_metrics(self, metrics: dict[str, np.ndarray]) -> Results:
        return replace(self, metrics=metrics)


@dataclass(frozen=True)
class Dimension:
    """Along which a metric is several numbers a step."""

    name: str
    values: np.ndarray


def select(results: Results, **values: object) -> Results:
    """The rows where each named column has the given value: select(r, p=200, ridge=0.1, rule="backprop", n=50)."""
    rows = np.ones(len(results), dtype=bool)
    for column, value in values.items():
        if column not in results.columns and not hasattr(results, column):
            raise AnalysisError(
                f"file '{results.file}' has no axis '{column}' (its axes are {', '.join(results.columns)}); choose one of them"
            )
        rows &= (results.columns[column] if column in results.columns else getattr(results, column)) == value
    return _rows(results, rows)


def where(results: Results, conditions: Sequence[str]) -> Results:
    """The rows that meet every condition, written as on the command line: ["rule=feedback-alignment", "p=200"]."""
    for condition in conditions:
        column, equals, wanted = condition.partition("=")
        column = column.strip()
        if not equals or column not in results.columns:
            raise AnalysisError(
                f"condition '{condition}' names no axis of '{results.file}' (its axes are {', '.join(results.columns)}); "
                "write AXIS=VALUE, as in rule=feedback-alignment"
            )
        values = results.columns[column]
        if values.dtype.kind == "U":
            rows = values == wanted.strip()
        else:
            numbers = {word: number for number, word in WORDS.get(column, {}).items()}
            try:
                rows = np.isclose(values, float(numbers.get(wanted.strip(), wanted)), rtol=1e-9, atol=0)
            except ValueError:
                rows = np.zeros(len(values), dtype=bool)
        if not rows.any():
            raise AnalysisError(f"condition '{condition}' leaves no run of '{results.file}'; accepted: {listed(values)}")
        results = _rows(results, rows)
    return results


def check_only_seeds_vary(results: Results, named: Collection[str], advice: str = "") -> None:
    """Refuses to average over anything but seeds: every other column must follow from those that are named."""
    for column, values in results.columns.items():
        # data_seed and training_seed follow from seed unless they are axes of their own.
        known = [*named, *(["seed"] if column.endswith("_seed") else [])]
        if column in named or column == "seed":
            continue
        if len(points(results, [*known, column])) > len(points(results, known)):
            raise AnalysisError(
                f"axis '{column}' of '{results.file}' has several values ({listed(values)}; a mean over them is of nothing); "
                f"choose one with --where {column}={np.unique(values)[0]}{advice}"
            )
    if len(points(results, list(results.columns))) < len(results):
        raise AnalysisError(
            f"runs of '{results.file}' cannot be told apart by any axis (of several data sets that differ in nothing but their files?); "
            "sweep each into a file of its own"
        )


def points(results: Results, columns: Sequence[str]) -> list[tuple[object, ...]]:
    """The different values of these columns that some run has, in the order of the rows."""
    if not columns:
        return [()]
    return list(dict.fromkeys(zip(*(results.columns[column].tolist() for column in columns))))


def listed(values: np.ndarray) -> str:
    different = [str(value) for value in np.unique(values).tolist()]
    return ", ".join(different if len(different) < 12 else [*different[:10], f"... {different[-1]}"])


def check_some_done(results: Results) -> None:
    """Refuses a file that has nothing to average."""
    if not (results.status == "done").any():
        raise AnalysisError(
            f"file '{results.file}' has no run that ended as it should (of {len(results)}: {counted_by_status(results)}); see fasweep status, "
            "and try a smaller training.step-size"
        )


def counted_by_status(results: Results) -> str:
    names, counts = np.unique(results.status, return_counts=True)
    return ", ".join(f"{count} {name}" for name, count in zip(names, counts))


def trajectory(results: Results, metric: str, row: int) -> tuple[np.ndarray, np.ndarray]:
    """Steps and values of one run up to and including its own last step, which may lie between recorded steps.

    Needs `metric` and `final_<metric>` among the metrics that were read.
    """
    values = results.metrics[metric][row]
    reached = (results.step <= results.steps[row]) & ~np.isnan(values.reshape(len(values), -1)).all(axis=1)
    steps, values = results.step[reached], values[reached]
    if steps.size and steps[-1] == results.steps[row]:
        return steps, values
    last = results.metrics[f"final_{metric}"][row]
    return np.append(steps, results.steps[row]), np.concatenate([values, [last]])


def read(path: str | Path, metrics: Sequence[str], say_pending: bool = True) -> Results:
    """The finished runs of a file with the named metrics. Says on standard error how many runs are still to do."""
    with open_file(path) as file:
        try:
            everything = Results(
                file=str(path),
                run=np.arange(len(file["p"])),
                p=file["p"][...],
                ridge=file["lambda"][...],
                activation=read_column(file["activation"]),
                rule=read_column(file["rule"]),
                seed=file["seed"][...],
                status=read_column(file["status"]),
                step=file["step"][...],
                columns={name: read_column(file[name]) for name in axes(file)},
                steps=file["steps"][...],
                settings=_settings(file["provenance/job"].asstr()[()]),
                metrics={name: _metric(file, name) for name in metrics},
            )
        except (KeyError, OSError) as error:
            raise unreadable(path, error) from error
    finished = everything.status != "pending"
    if not finished.any():
        raise AnalysisError(f"file '{path}' has no finished run (all {len(finished)} are pending); continue its sweep")
    if not finished.all() and say_pending:
        print(
            f"note: {path}: {np.count_nonzero(~finished)} of {len(finished)} runs are pending and left out",
            file=sys.stderr,
        )
    return _rows(everything, finished)


def metric_dimension(path: str | Path, metric: str) -> Dimension | None:
    """None of a metric that is one number a step."""
    with open_file(path) as file:
        if metric not in file or f"final_{metric}" not in file:
            known = [name.removeprefix("final_") for name in file if name.startswith("final_")]
            raise AnalysisError(f"file '{path}' has no metric '{metric}'; accepted: {', '.join(known)}")
        names = dimension_names(file[metric])
        return None if len(names) < 3 else Dimension(names[2], file[names[2]][...])


def metric_names(path: str | Path) -> list[str]:
    with open_file(path) as file:
        return [name.removeprefix("final_") for name in file if name.startswith("final_")]


def provenance(path: str | Path) -> dict[str, str]:
    """Texts on where the file is from: job, build, agents, sessions, failures, and its attributes."""
    with open_file(path) as file:
        texts = {name: dataset.asstr()[()] for name, dataset in file["provenance"].items()}
        return texts | {name: str(value) for name, value in file.attrs.items()}


def is_hdf5(path: Path) -> bool:
    return path.is_file() and h5py.is_hdf5(path)


def _rows(results: Results, rows: np.ndarray) -> Results:
    whole = ("file", "step", "settings", "metrics", "columns")
    names = [field.name for field in fields(Results) if field.name not in whole]
    return replace(
        results,
        **{name: getattr(results, name)[rows] for name in names},
        columns={name: values[rows] for name, values in results.columns.items()},
        metrics={name: values[rows] for name, values in results.metrics.items()},
    )


def _settings(job: str) -> dict[str, str]:
    parser = ConfigParser(interpolation=None, delimiters="=", comment_prefixes="#", strict=False)
    parser.read_string(job)
    return {f"{section}.{key}": value for section in parser.sections() for key, value in parser[section].items()}


def _metric(file: h5py.File, name: str) -> np.ndarray:
    if name not in file:
        raise AnalysisError(
            f"file '{file.filename}' has no '{name}' (its job's record.metrics leaves it out); "
            "sweep into a new file with record.metrics = default"
        )
    return file[name][...].astype(np.float64)
