"""Runs on fresh samples beside the equations of their order parameters: how far each strays from its own solution, as text and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fasweep.analysis import exponents, style
from fasweep.analysis.averages import counted, mean_and_deviation
from fasweep.analysis.drawing import check_output, save
from fasweep.analysis.order_parameters import MOMENTS, RULES, Solution, generalisation_error, solve
from fasweep.analysis.plot import text
from fasweep.analysis.results import (
    AnalysisError, Results, check_only_seeds_vary, check_some_done, metric_names, points, read, trajectory, where,
)
from fasweep.analysis.schedules import each_run

METRICS = (
    "student_overlaps", "student_teacher_overlaps", "teacher_overlaps", "student_output_weights", "student_feedback_weights",
    "teacher_output_weights",
)
JOB = "jobs/published/refinetti-shallow.cfg"
# Column, key, its default, and what the equations are about.
SETTINGS: tuple[tuple[str, ...], ...] = (
    ("rule", "grid.rule", "", *RULES), ("activation", "grid.activation", "", *MOMENTS), ("depth", "grid.depth", "1", "1"),
    ("samples", "data.samples", "fixed", "fresh"), ("batch_size", "training.batch-size", "all", "1"),
    ("loss_function", "training.loss", "squared", "squared"), ("optimizer", "training.optimizer", "sgd", "sgd"),
    ("dropout", "training.dropout", "0", "0"), ("biases", "training.biases", "no", "no"), ("richness", "training.richness", "lazy", "lazy"),
    ("step_schedule", "training.step-schedule", "constant", "constant"), ("schedule", "training.schedule", "constant", "constant"),
)
PARTS = ("error", "R", "Q", "v")  # in the order of the panels
MOST_ROWS = 6  # of a figure; --where chooses others
MOST_DOTS = 25  # a line, that can be told from it


@dataclass(frozen=True)
class Run:
    """At the recorded steps, in the units of the equations: what one run did, and what they say from where it began."""

    recorded: Solution
    solved: Solution

    def difference(self, part: str) -> float:
        """The largest of any entry at any time; of the error as a share of that at the start."""
        largest = np.max(np.abs(numbers(self.recorded, part) - numbers(self.solved, part)))
        return float(largest / self.recorded.generalisation_error[0] if part == "error" else largest)


def numbers(solution: Solution, part: str) -> np.ndarray:
    """times x entries; of the symmetric Q each once."""
    if part == "error":
        return solution.generalisation_error[:, np.newaxis]
    values: np.ndarray = getattr(solution, part)
    if part == "Q":
        rows, columns = np.triu_indices(values.shape[1])
        return values[:, rows, columns]
    return values.reshape(len(values), -1)


def print_order_parameters(file: str, conditions: Sequence[str] = (), output: str | None = None) -> None:
    path = None if output is None else Path(output)
    if path is not None:
        check_output(path)
    results = read_for(file, conditions)
    runs = [run_beside_equations(results, row) for row in range(len(results))]
    print("\n".join(report(results, runs)))
    if path is not None:
        with matplotlib.rc_context(style.PARAMETERS):
            save(draw(results, runs), path)


def read_for(file: str, conditions: Sequence[str]) -> Results:
    """The runs that ended as they should, if the equations are about them."""
    missing = [metric for metric in METRICS if metric not in metric_names(file)]
    if missing:
        raise AnalysisError(f"file '{file}' has no {missing[0]} (the equations begin with order parameters); record.metrics = ..., {', '.join(METRICS)}, {JOB}")
    results = where(read(file, [name for metric in METRICS for name in (metric, f"final_{metric}")]), conditions)
    check_some_done(results)
    results = counted(results)
    check_covered(results)
    return results


def check_covered(results: Results) -> None:
    """Refuses what the equations are not about."""
    for column, key, default, *accepted in SETTINGS:
        values = results.columns.get(column, np.array([results.settings.get(key, default)]))
        odd = [value for value in (text(value, column) for value in np.unique(values).tolist()) if value not in accepted]
        if odd:
            about = f"the equations are about {' and '.join(accepted)}"
            raise AnalysisError(f"file '{results.file}' has runs of {key} = {odd[0]} ({about}); leave them out with --where, or sweep {JOB}")
    if np.isnan(results.metrics["student_overlaps"][:, 0, 0]).any():
        raise AnalysisError(f"file '{results.file}' has runs without order parameters (of too many hidden units); choose others with --where p=...")


def run_beside_equations(results: Results, row: int) -> Run:
    """Recorded and solved from step 0 on."""
    width, inputs = int(results.p[row]), int(results.columns["d"][row])
    steps, A = trajectory(results, "teacher_output_weights", row)
    if steps[0] != 0:
        raise AnalysisError(f"file '{results.file}' has no record of step 0 (the equations begin there); record.steps = log(200)")
    A = A[0][np.isfinite(A[0])]  # a file of several widths has room for the largest

    def recorded(metric: str, *shape: int) -> np.ndarray:
        values = trajectory(results, metric, row)[1]
        return values[:, : int(np.prod(shape))].reshape(len(values), *shape)

    Q, R = recorded("student_overlaps", width, width), recorded("student_teacher_overlaps", width, len(A))
    T, v, b = recorded("teacher_overlaps", len(A), len(A))[0], recorded("student_output_weights", width), recorded("student_feedback_weights", width)
    rule, activation = str(results.rule[row]), str(results.activation[row])
    eta = float(results.columns["step_size"][row])
    scale = 1 if each_run(results, "output_scale", "training.output-scale", "root-width")[row] == "one" else 1 / np.sqrt(width)
    variance = 1 / inputs if each_run(results, "input_law", "data.inputs", "gaussian")[row] == "gaussian-scaled" else 1
    output_factor = float(each_run(results, "output_step_factor", "training.output-step-factor", "1")[row])
    times = steps / inputs
    solved = solve(
        Q[0], R[0], T, v[0], A, b[0], rule, activation, eta * inputs * variance,
        float(each_run(results, "label_noise", "data.label-noise", "0")[row]), times,
        output_step_size=eta * output_factor * scale**2 * inputs, decay=eta * float(results.ridge[row]) * inputs,
    )
    return Run(Solution(times, Q, R, v, generalisation_error(Q, R, T, v, A, activation)), solved)


def grouped(results: Results) -> dict[tuple[object, ...], np.ndarray]:
    """Values of `axes_of(results)` -> rows of the runs that have them, and differ in seeds alone."""
    names = axes_of(results)
    check_only_seeds_vary(results, names)
    return rows_at(results, names)


def rows_at(results: Results, names: Sequence[str]) -> dict[tuple[object, ...], np.ndarray]:
    """Values of `names` -> rows of the runs that have them."""
    of_each = list(zip(*(results.columns[name].tolist() for name in names)))
    return {point: np.flatnonzero([one == point for one in of_each]) for point in points(results, names)}


def axes_of(results: Results) -> list[str]:
    """rule, activation and d, then every other axis that they do not tell."""
    names = ["rule", "activation", "d"]
    for name in results.columns:
        known = [*names, *(["seed"] if name.endswith("_seed") else [])]
        if name not in (*names, "seed") and len(points(results, [*known, name])) > len(points(results, known)):
            names.append(name)
    return names


def report(results: Results, runs: Sequence[Run]) -> list[str]:
    """Lines of text: means over seeds of the largest differences, and how they fall with d."""
    names = axes_of(results)
    cells: list[tuple[str, ...]] = [(*names, "runs", *PARTS)]
    for point, rows in grouped(results).items():
        values = [[runs[row].difference(part) for row in rows] for part in PARTS]
        cells.append((*map(text, point, names), str(len(rows)), *map(written, values)))
    widths = [max(map(len, column)) for column in zip(*cells)]
    return [
        f"{results.file}: {len(results)} runs on fresh samples beside the equations of their order parameters",
        *("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells),
        "largest difference at any recorded step, mean (and deviation) over seeds; of the generalisation error as a share of that at the start",
        *exponents_in_d(results, runs),
    ]


def written(values: Sequence[float]) -> str:
    mean, deviation = mean_and_deviation(np.array(values))
    return f"{mean:.2g}" + (f" ({deviation:.1g})" if len(values) > 1 else "")


def exponents_in_d(results: Results, runs: Sequence[Run]) -> list[str]:
    """Of runs that differ in d and seed alone: the difference to the limit falls as d^-1/2."""
    lines = []
    others = [name for name in axes_of(results) if name != "d"]
    for point, rows in rows_at(results, others).items():
        if len(np.unique(results.columns["d"][rows])) < exponents.LEAST_WIDTHS:
            continue
        found = []
        for part in PARTS:
            values = np.array([runs[row].difference(part) for row in rows])
            table = exponents.by_seed_and_width(results.columns["d"][rows], results.seed[rows], values)
            found.append(f"{part} {exponents.text(exponents.fit(*table))}")
        lines.append(f"exponents in d (-1/2 in theory), {', '.join(map(text, point, others))}: {', '.join(found)}")
    return lines


def draw(results: Results, runs: Sequence[Run]) -> Figure:
    """A row of panels for each point, of its first seed: lines are the equations, dots the run."""
    names, groups = axes_of(results), list(grouped(results).items())[:MOST_ROWS]
    figure = Figure(figsize=(style.PANEL_WIDTH * len(PARTS), style.PANEL_HEIGHT * len(groups)), layout="constrained")
    panels = figure.subplots(len(groups), len(PARTS), squeeze=False, sharex="row")
    titles = {"error": "generalisation error", "R": "R, student and teacher", "Q": "Q, student", "v": "v, output weights"}
    for line, (point, rows) in zip(panels, groups):
        for axes, part in zip(line, PARTS):
            draw_part(axes, runs[rows[0]], part)
        line[0].set_yscale("log")
        varied = [f"{name} = {text(value, name)}" for name, value in zip(names[2:], point[2:])]
        line[0].set_ylabel("\n".join([str(point[0]), ", ".join([str(point[1]), *varied])]))
    for axes, part in zip(panels[0], PARTS):
        axes.set_title(titles[part])
    for axes in panels[-1]:
        axes.set_xlabel("steps / d")
    left_out = len(grouped(results)) - len(groups)
    note = f"; {left_out} more rows are left out, --where chooses" if left_out else ""
    figure.supxlabel(f"lines: the equations; dots: one run, the first seed{note}", fontsize="small")
    return figure


def draw_part(axes: Axes, run: Run, part: str) -> None:
    later = run.recorded.times > 0  # time is logarithmic
    times, apart = run.recorded.times[later], 1 + np.count_nonzero(later) // MOST_DOTS
    for position, (recorded, solved) in enumerate(zip(numbers(run.recorded, part).T, numbers(run.solved, part).T)):
        colour = style.colour(position)
        axes.plot(times, solved[later], color=colour)
        axes.plot(times[::apart], recorded[later][::apart], ".", color=colour)
    axes.set_xscale("log")
