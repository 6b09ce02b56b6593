"""A text table of one result file: what training ended with, and how many runs ended how."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from fasweep.analysis.averages import counted, mean_and_deviation
from fasweep.analysis.results import Results, counted_by_status, points, read, select, where

METRICS = ("alignment", "loss")
AXES = ("activation", "rule", "lambda", "p")  # of every table; others where they have several values


def print_summary(file: str, conditions: Sequence[str] = ()) -> None:
    results = where(read(file, [f"final_{metric}" for metric in METRICS]), conditions)
    print(table(results))
    print("mean +- standard deviation at the end of training, of the runs with status done")


def table(results: Results) -> str:
    """The lines with their columns aligned."""
    lines = lines_of(results, METRICS)
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines)


def lines_of(results: Results, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """A header, and a line for each point but its seeds that has a finished run."""
    axes = [*AXES, *(axis for axis in results.columns if axis not in (*AXES, "seed") and varies(results, axis))]
    levels = [dict.fromkeys(results.columns[axis].tolist()) for axis in axes]
    found = set(points(results, axes))
    in_order = (point for point in itertools.product(*levels) if point in found)
    header = (*axes, "runs", *metrics, "status")
    return [header, *(line(point, select(results, **dict(zip(axes, point))), metrics) for point in in_order)]


def varies(results: Results, axis: str) -> bool:
    """Whether it tells runs apart that the usual axes do not."""
    return len(points(results, [*AXES, axis])) > len(points(results, AXES))


def line(point: tuple[object, ...], group: Results, metrics: Sequence[str]) -> tuple[str, ...]:
    done = counted(group)
    return (
        *(f"{value:g}" if isinstance(value, float) else str(value) for value in point),
        str(len(group)),
        *(mean_text(done.metrics[f"final_{metric}"]) for metric in metrics),
        counted_by_status(group),
    )


def mean_text(values: np.ndarray) -> str:
    if not values.size:
        return "-"
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.4g}" if np.isnan(deviation) else f"{mean:.4g} +- {deviation:.2g}"
