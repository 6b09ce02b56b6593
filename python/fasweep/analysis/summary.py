"""A text table of one result file: what training ended with, and how many runs ended how."""

from __future__ import annotations

import itertools

import numpy as np

from fasweep.analysis.averages import counted, mean_and_deviation
from fasweep.analysis.results import Results, read, select

METRICS = ("final_alignment", "final_loss")
HEADER = ("activation", "rule", "lambda", "p", "runs", "alignment", "loss", "status")


def print_summary(file: str) -> None:
    results = read(file, METRICS)
    print(table(results))
    print("mean +- standard deviation at the end of training, of the runs with status done")


def table(results: Results) -> str:
    """One line for each (activation, rule, lambda, p) with a finished run, columns aligned."""
    axes = (results.activation, results.rule, results.ridge, results.p)
    points = itertools.product(*(dict.fromkeys(axis.tolist()) for axis in axes))
    groups = (select(results, activation=a, rule=r, ridge=ridge, p=p) for a, r, ridge, p in points)
    lines = [HEADER, *(line(group) for group in groups if len(group))]
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in lines)


def line(group: Results) -> tuple[str, ...]:
    done = counted(group)
    names, counts = np.unique(group.status, return_counts=True)
    return (
        str(group.activation[0]),
        str(group.rule[0]),
        f"{group.ridge[0]:g}",
        str(group.p[0]),
        str(len(group)),
        *(mean_text(done.metrics[name]) for name in METRICS),
        ", ".join(f"{count} {name}" for name, count in zip(names, counts)),
    )


def mean_text(values: np.ndarray) -> str:
    if not values.size:
        return "-"
    mean, deviation = mean_and_deviation(values)
    return f"{mean:.4g}" if np.isnan(deviation) else f"{mean:.4g} +- {deviation:.2g}"
