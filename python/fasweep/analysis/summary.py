"""A text table of one result file: what training ended with, and how many runs ended how."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from fasweep.analysis.averages import counted, mean_and_deviation
from fasweep.analysis.results import Results, points, read, select, where

METRICS = ("final_alignment", "final_loss")
AXES = ("activation", "rule", "lambda", "p")  # of every table; others where they have several values
HEADER = ("runs", "alignment", "loss", "status")


def print_summary(file: str, conditions: Sequence[str] = ()) -> None:
    results = where(read(file, METRICS), conditions)
    print(table(results))
    print("mean +- standard deviation at the end of training, of the runs with status done")


def table(results: Results) -> str:
    """One line for each point but its seeds that has a finished run, columns aligned."""
    axes = [*AXES, *(axis for axis in results.columns if axis not in (*AXES, "seed") and varies(results, axis))]
    levels = [dict.fromkeys(results.columns[axis].tolist()) for axis in axes]
    found = set(points(results, axes))
    in_order = (point for point in itertools.product(*levels) if point in found)
    lines = [(*axes, *HEADER), *(line(point, select(results, **dict(zip(axes, point)))) for point in in_order)]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines)


def varies(results: Results, axis: str) -> bool:
    """Whether it tells runs apart that the usual axes do not."""
    return len(points(results, [*AXES, axis])) > len(points(results, AXES))


def line(point: tuple[object, ...], group: Results) -> tuple[str, ...]:
    done = counted(group)
    names, counts = np.unique(group.status, return_counts=True)
    return (
        *(f"{value:g}" if isinstance(value, float) else str(value) for value in point),
        str(len(group)),
        *(mean_text(done.metrics[name]) for name in METRICS),
        ", ".join(f"{count} {name}" for name, count in zip(names, counts)),
    )


def mean_text(values: np.ndarray) -> str:
    if not values.size:
        return "-"
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.4g}" if np.isnan(deviation) else f"{mean:.4g} +- {deviation:.2g}"
