"""Published numbers beside those of a file: mean, 95 % interval and a verdict for each, and what deviates named.

Owns published.json: one table a publication, with its source, the settings that its recipe asks for, and its rows. A published number agrees
if it lies where as many further runs as it is of would, in 95 of 100 cases, by Student's t and the spread of the file's own seeds; a bound, "< 35",
if the mean is below it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from fasweep.analysis.averages import counted, mean_and_deviation, student
from fasweep.analysis.figure3 import steps_of_an_epoch
from fasweep.analysis.results import AnalysisError, Results, check_only_seeds_vary, metric_names, read, select, where
from fasweep.analysis.schedules import each_run


@dataclass(frozen=True)
class Quantity:
    """A published column: the metric that it is of, and how it follows from it."""

    metric: str
    unit: str
    of: Callable[[np.ndarray], np.ndarray]


def degrees(cosines: np.ndarray) -> np.ndarray:
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


QUANTITIES = {
    "accuracy": Quantity("test_accuracy", "%", lambda share: 100 * share),
    "error": Quantity("test_accuracy", "%", lambda share: 100 * (1 - share)),
    "delta angle": Quantity("signal_alignment", "degrees", degrees),
    "weight angle": Quantity("alignment", "degrees", degrees),
    "loss": Quantity("loss", "", lambda loss: loss),
}
HEADER = ("quantity", "published", "fasweep", "95 % interval", "runs", "verdict")


@dataclass(frozen=True)
class Line:
    """One published number and what the file has of it."""

    rule: str
    time: int  # in epochs or steps
    quantity: str
    published: float
    values: np.ndarray  # of runs; empty if the file has none
    runs: int  # that the published number is the mean of
    is_bound: bool = False  # which the mean is below

    @property
    def verdict(self) -> str:
        if not self.values.size:
            return "not in the file"
        mean, deviation = mean_and_deviation(self.values)
        if self.is_bound:
            return "agrees" if mean < self.published else f"fasweep is higher by {mean - self.published:.3g}"
        if self.values.size == 1:
            return f"{self.published - mean:+.3g}, one run"
        count = len(self.values)
        reach = student(count - 1) * deviation * np.sqrt(1 / count + 1 / self.runs)
        if abs(self.published - mean) <= reach:
            return "agrees"
        return f"fasweep is {'higher' if mean > self.published else 'lower'} by {abs(mean - self.published):.3g}"

    def cells(self) -> tuple[str, ...]:
        published = f"{'< ' if self.is_bound else ''}{self.published:g} {QUANTITIES[self.quantity].unit}".strip()
        start = (self.rule, str(self.time), self.quantity, published)
        if not self.values.size:
            return (*start, "-", "-", "0", self.verdict)
        mean, deviation = mean_and_deviation(self.values)
        count = len(self.values)
        half = student(count - 1) * deviation / np.sqrt(count) if count > 1 else np.nan
        return (*start, f"{mean:.4g}", "-" if count == 1 else f"+- {half:.2g}", str(count), self.verdict)


@cache
def tables() -> list[dict[str, Any]]:
    return json.loads(resources.files("fasweep.analysis").joinpath("published.json").read_text())


def print_published(file: str, conditions: Sequence[str] = (), name: str | None = None) -> None:
    results = where(read(file, []), conditions)
    table = chosen(results, name)
    print(f"{table['name']}: {table['source']}")
    for deviation in [*table["deviations"], *differences(results, table)]:
        print(f"deviates: {deviation}")
    rows = [("rule", table["columns"][0], *HEADER), *(line.cells() for line in lines_of(file, conditions, table))]
    widths = [max(map(len, cells)) for cells in zip(*rows)]
    print("\n".join("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in rows))
    print(f"agrees: where the mean of {table['runs']} further run{'s' if table['runs'] > 1 else ''} would lie in 95 of 100 cases")


def chosen(results: Results, name: str | None) -> dict[str, Any]:
    """The table of this name, or the one whose recipe the file follows."""
    for table in tables():
        if table["name"] == name or (name is None and not differences(results, table)):
            return table
    names = ", ".join(table["name"] for table in tables())
    if name is not None:
        raise AnalysisError(f"there is no published table '{name}' (the tables are {names}); choose one of them")
    jobs = ", ".join(table["job"] for table in tables())
    raise AnalysisError(
        f"file '{results.file}' follows no published recipe (the tables are {names}); run one of {jobs}, or name a table with --table, which then "
        "says what deviates"
    )


def differences(results: Results, table: dict[str, Any]) -> list[str]:
    """Settings away from the recipe's."""
    found = []
    for key, wanted in table["recipe"].items():
        column = "loss_function" if key == "training.loss" else key.split(".")[1].replace("-", "_")
        odd = sorted(set(each_run(results, column, key, "left at its default").tolist()) - {wanted})
        if odd:
            found.append(f"{key} is {', '.join(odd)}, in the recipe {wanted}")
    return found


def lines_of(file: str, conditions: Sequence[str], table: dict[str, Any]) -> list[Line]:
    known = metric_names(file)
    quantities = [name for name in table["columns"][2:] if QUANTITIES[name].metric in known]
    metrics = {QUANTITIES[name].metric for name in quantities}
    results = counted(where(read(file, [*metrics, *(f"final_{metric}" for metric in metrics)], say_pending=False), conditions))
    lines = []
    for time, rule, *numbers in table["rows"]:
        runs = select(results, rule=rule)
        check_only_seeds_vary(runs, ("rule",), "; choose one value with --where")
        for name, number in zip(table["columns"][2:], numbers):
            if number is not None and name in quantities:
                values = QUANTITIES[name].of(values_at(runs, QUANTITIES[name].metric, time, table["columns"][0]))
                bound = str(number).removeprefix("< ")
                lines.append(Line(rule, time, name, float(bound), values, table["runs"], is_bound=bound != str(number)))
    return lines


def values_at(runs: Results, metric: str, time: int, unit: str) -> np.ndarray:
    """Of the runs after so many epochs, or steps, where that step is recorded."""
    if not len(runs):
        return np.empty(0)
    step = time * (steps_of_an_epoch(runs) if unit == "epoch" else 1)
    at_end = runs.metrics[f"final_{metric}"][runs.steps == step]
    if at_end.size:
        return at_end
    values = runs.metrics[metric][:, runs.step == step].ravel()
    return values[np.isfinite(values)]

