"""Draws any metric against any axis, or against time, at any recorded time, with a curve and a panel for each value of others.

Only seeds are averaged: every other axis must be named, follow from those that are, or have one value.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogFormatterSciNotation

from fasweep.analysis import style
from fasweep.analysis.averages import counted, end_together, mean_and_interval, median_and_quantiles, shared_trajectories
from fasweep.analysis.drawing import check_output, name_ticks, save, write_note
from fasweep.analysis.results import (
    WORDS, AnalysisError, Dimension, Results, check_only_seeds_vary, check_some_done, counted_by_status, listed, metric_dimension, points, read, select, where,
)
from fasweep.analysis.schedules import flow_time, written

TIMES = ("step", "eta*t")  # that x may be, besides axes
SPREADS = {"mean": "mean and 95 % interval", "median": "median and middle 68 %"}
GUIDE: dict[str, Any] = {"color": "grey", "linestyle": ":", "linewidth": 1}
TITLE_LETTERS = 32  # that fit above a panel
MOST_NUMBERS = 60  # that fit into the cells of a map
NEAR = 0.1  # how far, relative to it, a record may be from the time that was asked for


@dataclass(frozen=True)
class Request:
    """What to draw; names of axes are those of the file's columns."""

    x: str
    y: str
    hue: str | None = None
    column: str | None = None
    at: str = "end"  # or step=N, eta*t=T
    paired: bool = False  # the change from step 0 in place of the value
    spread: str = "mean"
    guides: Sequence[float] = ()  # slopes
    log: str = "auto"  # none, x, y, xy
    map: bool = False  # hue upwards, y as colour


@dataclass(frozen=True)
class Curve:
    """Numbers of one curve, over its x; `counts` are runs a point, `times` when they were recorded (empty at the end)."""

    x: np.ndarray
    line: np.ndarray
    low: np.ndarray
    high: np.ndarray
    counts: np.ndarray
    times: np.ndarray
    cut: bool = False  # ends before some of its runs


def write_plot(file: str, output: str, request: Request, conditions: Sequence[str] = ()) -> None:
    path = Path(output)
    check_output(path)
    results, dimension = read_for(file, request.y, conditions)
    with matplotlib.rc_context(style.PARAMETERS):
        save(draw(results, request, dimension), path)


def read_for(file: str, metric: str, conditions: Sequence[str] = ()) -> tuple[Results, Dimension | None]:
    """The runs with a metric, or A/B, the ratio of two; and its own dimension, of which a condition may take one: kernel_eigenvalues,
    eigenvalue=0. Schedules are named as the job writes them."""
    upper, _, lower = (part.strip() for part in metric.partition("/"))
    dimension = metric_dimension(file, upper)
    names = [name for name in (upper, lower) if name]
    if lower and (dimension or metric_dimension(file, lower)):
        raise AnalysisError(f"'{metric}' is a ratio of several numbers a step; take metrics of one number each")
    results = read(file, [name for one in names for name in (one, f"final_{one}")])
    if "schedule" in results.columns:
        others = [name for name in results.columns if name != "schedule"]
        results = replace(results, columns=results.columns | {"schedule": written(results, others)})
    own = [one for one in conditions if dimension and one.partition("=")[0].strip() == dimension.name]
    results = where(results, [one for one in conditions if one not in own])
    if lower:
        values = results.metrics
        with np.errstate(divide="ignore", invalid="ignore"):
            results = results.with_metrics({f"{part}{metric}": values[part + upper] / values[part + lower] for part in ("", "final_")})
    return (results, dimension) if not dimension or not own else (take(results, upper, dimension, own[-1]), None)


def take(results: Results, metric: str, dimension: Dimension, condition: str) -> Results:
    wanted = condition.partition("=")[2].strip()
    found = np.flatnonzero(dimension.values.astype(str) == wanted)
    if not found.size:
        raise AnalysisError(f"condition '{condition}' names no {dimension.name}; accepted: {listed(dimension.values)}")
    return results.with_metrics({name: values[..., found[0]] for name, values in results.metrics.items()})


def draw(results: Results, request: Request, dimension: Dimension | None = None) -> Figure:
    check_request(results, request, dimension)
    columns = sorted_values(results, request.column, dimension)
    hues = sorted_values(results, request.hue, dimension)
    width = style.PANEL_WIDTH * (1.5 if len(columns) == 1 else len(columns))
    figure = Figure(figsize=(width, 1.2 * style.PANEL_HEIGHT), layout="constrained")
    panels = figure.subplots(1, len(columns), squeeze=False, sharex=True, sharey=True)[0]
    curves = [
        [curve_of(results, request, dimension, {str(request.column): column, str(request.hue): hue}) for hue in hues] for column in columns
    ]
    drawn = [curve for of_panel in curves for curve in of_panel if curve is not None]
    for axes, column, of_panel in zip(panels, columns, curves):
        for position, curve in enumerate(of_panel):
            if curve is not None and not request.map:
                draw_curve(axes, curve, position, request)
        if request.column is not None:
            axes.set_title(textwrap.fill(f"{request.column} = {text(column, request.column)}", TITLE_LETTERS))
        axes.set_xlabel({"eta*t": r"$\eta t$", "p": "hidden width p", "lambda": r"$\lambda$"}.get(request.x, request.x))
        if request.map:
            continue  # the caption says what is left out, below the cells
        write_note(axes, select(results, **{name: column for name in (request.column,) if name is not None and name in results.columns}))
    if not drawn:
        raise AnalysisError(f"file '{results.file}' has no value of {request.y} at {request.at}; recorded are {recorded(results)}")
    label = f"change of {request.y} since step 0" if request.paired else request.y
    if request.map:
        draw_maps(figure, panels, curves, hues, request, label)
    else:
        panels[0].set_ylabel(label.replace("/", " /\n"))
        set_scales(panels, drawn, results, request)
        draw_guides(panels, drawn, request)
        draw_legend(figure, hues, request)
    figure.supxlabel(caption(results, request, drawn), fontsize="small", wrap=True)
    return figure


def check_request(results: Results, request: Request, dimension: Dimension | None) -> None:
    check_some_done(results)
    named = [name for name in (request.x, request.hue, request.column) if name is not None]
    accepted = [*results.columns, *own_name(dimension)]
    for name in named:
        if name not in accepted and not (name == request.x and name in TIMES):
            raise AnalysisError(f"'{name}' is no axis of '{results.file}'; accepted: {', '.join([*accepted, *TIMES])} (these two for --x)")
    if len(set(named)) < len(named):
        raise AnalysisError(f"an axis was named twice ({', '.join(named)}); give each of --x, --hue and --col one of its own")
    if dimension and dimension.name not in named:
        raise AnalysisError(
            f"'{request.y}' is several numbers a step, over '{dimension.name}'; choose one with --where {dimension.name}={dimension.values[0]}, "
            f"or give --x, --hue or --col {dimension.name}"
        )
    if request.x in TIMES and request.at != "end":
        raise AnalysisError(f"--at {request.at} and --x {request.x} are not accepted together (a curve over time has all times); leave one out")
    if request.map and (request.hue is None or request.x in TIMES or request.guides):
        raise AnalysisError("a map has an axis of the file on each side, and no guides; give --x and --hue such axes, or leave out --map")
    if request.guides and request.log not in ("auto", "xy"):
        raise AnalysisError(f"a guide is a slope on two logarithmic axes, not with --log {request.log}; give --log xy")
    check_only_seeds_vary(counted(results), [name for name in named if name in results.columns], " or give it to --hue or --col")


def curve_of(results: Results, request: Request, dimension: Dimension | None, values: dict[str, object]) -> Curve | None:
    """Of the runs, and of the metric's numbers, that have these values; None if there are none."""
    runs = counted(select(results, **{name: value for name, value in values.items() if name in results.columns}))
    if not len(runs):
        return None
    if dimension and dimension.name in values:
        runs = take(runs, request.y, dimension, f"{dimension.name}={values[dimension.name]}")
    runs = since_start(runs, request.y) if request.paired else runs
    if request.x in TIMES:
        steps, numbers = shared_trajectories(runs, request.y)
        x = flow_time(runs, steps)[0] if request.x == "eta*t" else steps
        return summed_up(x, list(numbers.T), np.zeros(0), request, not end_together(runs))
    numbers, times = values_at(runs, request.y, request.at)
    if dimension and dimension.name == request.x:
        return summed_up(dimension.values, list(numbers.T), times, request)
    levels = np.unique(runs.columns[request.x])
    return summed_up(levels, [numbers[runs.columns[request.x] == level] for level in levels], times, request)


def summed_up(
    x: np.ndarray, groups: Sequence[np.ndarray], times: np.ndarray, request: Request, cut: bool = False
) -> Curve | None:
    groups = [values[np.isfinite(values)] for values in groups]
    kept = [position for position, values in enumerate(groups) if values.size]
    if not kept:
        return None
    centre = {"mean": mean_and_interval, "median": median_and_quantiles}[request.spread]
    line, low, high = np.array([centre(groups[position]) for position in kept]).T
    counts = np.array([groups[position].size for position in kept])
    return Curve(np.asarray(x)[kept], line, low, high, counts, times[np.isfinite(times)], cut)


def since_start(results: Results, metric: str) -> Results:
    """The metric's change from step 0, run by run: what the draw of weights and data gives at the start is taken out."""
    if results.step[0] != 0:
        raise AnalysisError(f"file '{results.file}' has no record of step 0 (its first is {results.step[0]}); leave out --paired")
    start = results.metrics[metric][:, 0]
    changed = {metric: results.metrics[metric] - start[:, np.newaxis], f"final_{metric}": results.metrics[f"final_{metric}"] - start}
    return results.with_metrics(changed)


def values_at(results: Results, metric: str, at: str) -> tuple[np.ndarray, np.ndarray]:
    """A value for each run and the time it is of; NaN of runs that have none: they ended before, or no record is near."""
    name, _, wanted = at.partition("=")
    if at == "end":
        return results.metrics[f"final_{metric}"], np.zeros(0)
    try:
        time = float(wanted)
    except ValueError:
        time = np.nan
    if name.strip() not in TIMES or not time >= 0:
        raise AnalysisError(f"time '{at}' is not understood; accepted: end, step=N, eta*t=T")
    trajectories, finals = results.metrics[metric], results.metrics[f"final_{metric}"]
    everything = np.concatenate([trajectories, finals[:, np.newaxis]], axis=1)
    steps = np.column_stack([np.broadcast_to(results.step, (len(results), len(results.step))), results.steps])
    times = flow_time(results, steps) if name.strip() == "eta*t" else steps.astype(float)
    has_record = ~np.isnan(everything.reshape(*steps.shape, -1)).all(axis=2)  # runs of other lengths record at other steps
    times = np.where((steps <= results.steps[:, np.newaxis]) & has_record, times, np.inf)
    near = np.argmin(np.abs(times - time), axis=1)
    rows = np.arange(len(results))
    chosen = times[rows, near]
    allowed = NEAR * time if name.strip() == "eta*t" else 0
    missing = ~(np.abs(chosen - time) <= allowed)
    values = everything[rows, near]
    values[missing] = np.nan
    return values, np.where(missing, np.nan, chosen)


def recorded(results: Results) -> str:
    steps = results.step[results.step <= results.steps.max()]
    return f"steps {listed(steps)}"


def draw_curve(axes: Axes, curve: Curve, position: int, request: Request) -> None:
    colour = style.colour(position)
    if request.x in TIMES:
        axes.plot(curve.x, curve.line, color=colour)
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=style.SHADE, linewidth=0)
        return
    bars = np.array([curve.line - curve.low, curve.high - curve.line])
    axes.errorbar(
        curve.x, curve.line, np.nan_to_num(bars) if np.isfinite(bars).any() else None, color=colour, marker=style.marker(position),
        linestyle="" if curve.x.dtype.kind == "U" else "-",
    )


def draw_maps(
    figure: Figure, panels: Sequence[Axes], curves: Sequence[Sequence[Curve | None]], hues: Sequence[object], request: Request, label: str
) -> None:
    """A cell for each value of x and hue, at equal distances, for zero is often among them."""
    levels = np.unique(np.concatenate([curve.x for of_panel in curves for curve in of_panel if curve is not None]))
    cells = np.full((len(curves), len(hues), len(levels)), np.nan)
    for of_panel, matrix in zip(curves, cells):
        for curve, row in zip(of_panel, matrix):
            if curve is not None:
                row[np.searchsorted(levels, curve.x)] = curve.line
    lowest, highest = np.nanmin(cells), np.nanmax(cells)
    digits = ".2f" if 0.1 <= max(abs(lowest), abs(highest)) < 100 else ".1e"
    for axes, matrix in zip(panels, cells):
        image = axes.imshow(matrix, origin="lower", aspect="auto", vmin=lowest, vmax=highest, cmap="viridis")
        axes.grid(False)
        axes.set_xticks(range(len(levels)), [text(level, request.x) for level in levels.tolist()])
        axes.set_yticks(range(len(hues)), [text(hue, request.hue) for hue in hues])
        if cells[0].size <= MOST_NUMBERS:
            for (row, place), value in np.ndenumerate(matrix):
                dark = value < (lowest + highest) / 2
                axes.text(place, row, format(value, digits), ha="center", va="center", fontsize=6, color="white" if dark else "black")
    panels[0].set_ylabel(str(request.hue))
    figure.colorbar(image, ax=list(panels), label=label)


def set_scales(panels: Sequence[Axes], drawn: Sequence[Curve], results: Results, request: Request) -> None:
    x = np.concatenate([curve.x for curve in drawn])
    y = np.concatenate([part for curve in drawn for part in (curve.line, curve.low, curve.high)])
    y = y[np.isfinite(y)]
    numeric = x.dtype.kind != "U"
    chosen = "xy" if request.guides else request.log
    if numeric and request.x in TIMES and chosen == "auto":
        x = x[x > 0]  # a logarithm has no room for step 0
    lines = np.concatenate([curve.line for curve in drawn])  # an interval may leave the panel below
    for name, values in (("x", x), ("y", lines)):
        if name in chosen and not (numeric and values.size and (values > 0).all()):
            raise AnalysisError(f"a logarithmic {name} axis has no place for {values.min(initial=0)}; give --log none, or leave out --guide")
    wide = {"x": 4, "y": 10}  # from this ratio on a logarithm shows more
    logs = {
        name: numeric and name in chosen
        or chosen == "auto" and numeric and values.size and values.min() > 0 and values.max() >= wide[name] * values.min()
        for name, values in (("x", x), ("y", y))
    }
    for axes in panels:
        if logs["x"] and request.x in TIMES:
            axes.set_xscale("log")
        elif logs["x"]:
            name_ticks(axes, np.unique(x))
        if logs["y"]:
            axes.set_yscale("log")
            axes.yaxis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(2, 0.4)))  # labels within a decade or two
        if request.x in TIMES or not numeric:
            axes.margins(x=0 if numeric else 0.3)


def draw_guides(panels: Sequence[Axes], drawn: Sequence[Curve], request: Request) -> None:
    """From the first point of the first curve on, over the range of x."""
    for slope in request.guides:
        x = np.array([drawn[0].x.min(), max(curve.x.max() for curve in drawn)], dtype=float)
        y = drawn[0].line[0] * (x / drawn[0].x[0]) ** slope
        for axes in panels:
            axes.plot(x, y, **GUIDE)


def draw_legend(figure: Figure, hues: Sequence[object], request: Request) -> None:
    name = {"lambda": r"$\lambda$"}.get(str(request.hue), request.hue)
    handles = [
        Line2D([], [], color=style.colour(i), marker=None if request.x in TIMES else style.marker(i), label=f"{name} = {text(hue, request.hue)}")
        for i, hue in enumerate(hues if request.hue is not None else [])
    ]
    handles += [Line2D([], [], **GUIDE, label=f"slope {slope:g}") for slope in request.guides]
    if not handles:
        return
    columns = 4 if max(len(str(handle.get_label())) for handle in handles) < TITLE_LETTERS else 2
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(handles), columns))


def caption(results: Results, request: Request, drawn: Sequence[Curve]) -> str:
    named = (request.x, request.hue, request.column)
    usual = ("activation", "rule", "lambda", "p", "n", "d")
    others = [axis for axis in results.columns if axis not in (*usual, "seed", "step_size", "k")]  # a column only where it is an axis
    fixed = [axis for axis in (*usual, *others) if axis in results.columns and axis not in named]
    of = [
        f"{axis} = {text(values[0], axis)}" if values.dtype.kind != "U" else str(values[0])
        for axis in fixed
        if (values := np.unique(results.columns[axis])).size == 1
    ]
    counts = np.concatenate([curve.counts for curve in drawn])
    seeds = f"seeds a point: {counts.max()}" if counts.min() == counts.max() else f"seeds a point: {counts.min()} to {counts.max()}"
    when = "" if request.x in TIMES else f" at {time_text(request.at, np.concatenate([curve.times for curve in drawn]))}"
    ends = ", to the end of the first run" if any(curve.cut for curve in drawn) else ""
    spread = request.spread if request.map else SPREADS[request.spread]
    left_out = f"; of all runs: {counted_by_status(results)}" if request.map and (results.status != "done").any() else ""
    return f"{', '.join(of)}\n{spread}{when}{ends}; {seeds}{left_out}".lstrip("\n")


def time_text(at: str, times: np.ndarray) -> str:
    if at == "end":
        return "the end of training"
    first, last = times.min(), times.max()
    name = at.partition("=")[0].strip()
    return f"{name} = {first:.4g}" if np.isclose(first, last) else f"{name} = {first:.3g} to {last:.3g} (nearest records)"


def sorted_values(results: Results, name: str | None, dimension: Dimension | None) -> list[object]:
    """Of an axis or the metric's dimension; names as in the file. One, of no meaning, where nothing is named."""
    if name is None:
        return [None]
    if dimension and name == dimension.name:
        return list(dimension.values.tolist())
    if results.columns[name].dtype.kind == "U":
        return [value for (value,) in points(results, [name])]
    return np.unique(results.columns[name]).tolist()


def own_name(dimension: Dimension | None) -> tuple[str, ...]:
    return () if dimension is None else (dimension.name,)


def text(value: object, axis: str | None = None) -> str:
    """Short; words where a column has a number in their place."""
    if axis in WORDS and value in WORDS[axis]:
        return WORDS[axis][value]  # type: ignore[index]
    return f"{value:.4g}" if isinstance(value, (float, np.floating)) else str(value)
