"""Draws the layout of Figure 2 of Song, Xu and Lafferty 2021 from one or several result files.

Top row: final alignment cos(b, beta) against width, mean and deviation over seeds. Bottom row: training loss at one width, median
and quantiles, against steps, or against eta t where step sizes differ. One column an activation, one colour a lambda, dashes a rule.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fasweep.analysis import style
from fasweep.analysis.averages import counted, end_together, mean_and_deviation, median_and_quantiles, shared_trajectories
from fasweep.analysis.drawing import LineStyle, check_output, draw_band, label, name_ticks, save, write_note
from fasweep.analysis.results import AnalysisError, Results, check_only_seeds_vary, check_some_done, read, select, where
from fasweep.analysis.schedules import flow_time

METRICS = ("final_alignment", "loss", "final_loss")
NAMED = ("activation", "rule", "lambda", "p")  # what tells points and lines apart
DASHES: dict[str, LineStyle] = {"feedback-alignment": "-", "backprop": "--", "kolen-pollack": "-.", "drtp": ":"}
PAPER_WIDTH = 3200  # of the paper's Figures 2d to 2f


def write_figure2(files: Sequence[str], output: str, width: int | None, conditions: Sequence[str] = ()) -> None:
    path = Path(output)
    check_output(path)
    results = [where(read(file, METRICS), conditions) for file in files]
    with matplotlib.rc_context(style.PARAMETERS):
        save(draw(results, width), path)


def draw(results: Sequence[Results], width: int | None) -> Figure:
    for result in results:
        check_some_done(result)
        check_only_seeds_vary(result, NAMED)
    panels = panels_by_activation(results)
    width = chosen_width(list(panels.values()), width)
    ridges = sorted({float(ridge) for panel in panels.values() for ridge in panel.ridge})
    columns = len(panels)
    figure = Figure(figsize=(style.PANEL_WIDTH * columns, 2 * style.PANEL_HEIGHT), layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False, sharey="row")
    dashes = dashes_of({rule for panel in panels.values() for rule in panel.rule.tolist()})
    in_flow_time = step_sizes_differ(panels.values())
    for (activation, panel), (top, bottom) in zip(panels.items(), grid.T):
        top.set_title(activation)
        draw_alignment(top, panel, ridges, dashes)
        draw_losses(bottom, select(panel, p=width), ridges, dashes, in_flow_time)
    begin_together(grid[1])
    grid[0, 0].set_ylabel(r"alignment $\cos(b, \beta)$")
    grid[1, 0].set_ylabel("training loss")
    draw_legend(figure, ridges, dashes)
    figure.supxlabel(caption(panels, dashes, width), fontsize="small")
    return figure


def dashes_of(rules: Collection[str]) -> dict[str, LineStyle]:
    """The rules in the order in which they are drawn; one that DASHES does not name has as many dots as its place says."""
    others = sorted(set(rules) - DASHES.keys())
    dotted: dict[str, LineStyle] = {rule: (0, (5, 1) + (1, 1) * dots) for dots, rule in enumerate(others, start=2)}
    return {rule: dashes for rule, dashes in DASHES.items() if rule in rules} | dotted


def panels_by_activation(results: Sequence[Results]) -> dict[str, Results]:
    """The runs of each activation, in the order of files and rows. Each activation must come from one file."""
    panels: dict[str, Results] = {}
    for result in results:
        for activation in dict.fromkeys(result.activation.tolist()):
            if activation in panels:
                raise AnalysisError(
                    f"activation '{activation}' is in '{panels[activation].file}' and in '{result.file}' (its runs "
                    "would be counted twice); give one file for each activation"
                )
            panels[activation] = select(result, activation=activation)
    return panels


def chosen_width(panels: Sequence[Results], width: int | None) -> int:
    """The width of the loss panels: as asked for, else the paper's, else the one nearest to the geometric middle."""
    common = sorted(set.intersection(*({int(p) for p in panel.p} for panel in panels)))
    accepted = ", ".join(map(str, common))
    if not common:
        raise AnalysisError("no width has finished runs of every activation (loss panels need one); draw them apart")
    if width is not None and width not in common:
        raise AnalysisError(f"width {width} has no finished runs of every activation; accepted: {accepted}")
    if width is not None:
        return width
    if PAPER_WIDTH in common:
        return PAPER_WIDTH
    middle = np.sqrt(common[0] * common[-1])
    return min(common, key=lambda p: abs(np.log(p / middle)))


def step_sizes_differ(panels: Collection[Results]) -> bool:
    """Among the activations drawn side by side. Files of version 0.1 have no such column, and steps do for them."""
    columns = [panel.columns.get("step_size", np.zeros(0)) for panel in panels]
    return all(column.size for column in columns) and np.unique(np.concatenate(columns)).size > 1


def draw_alignment(axes: Axes, panel: Results, ridges: Sequence[float], dashes: dict[str, LineStyle]) -> None:
    for rule, linestyle in dashes.items():
        for position, ridge in enumerate(ridges):
            line = counted(select(panel, ridge=ridge, rule=rule))
            widths = np.unique(line.p)
            if not widths.size:
                continue
            points = [mean_and_deviation(select(line, p=p).metrics["final_alignment"]) for p in widths]
            means, deviations = np.array(points).T
            bars = deviations if np.isfinite(deviations).any() else None  # a single seed has no deviation
            axes.errorbar(widths, means, bars, linestyle=linestyle, color=style.colour(position), marker=style.marker(position))
    name_ticks(axes, np.unique(panel.p))
    axes.set_xlabel("hidden width p")
    write_note(axes, panel)


def draw_losses(
    axes: Axes, panel: Results, ridges: Sequence[float], dashes: dict[str, LineStyle], in_flow_time: bool
) -> None:
    for rule, linestyle in dashes.items():
        for position, ridge in enumerate(ridges):
            line = counted(select(panel, ridge=ridge, rule=rule))
            if not len(line):
                continue
            steps, losses = shared_trajectories(line, "loss")
            x = flow_time(line, steps)[0] if in_flow_time else steps
            # A logarithm has no room for step 0, where the loss is that of the first steps.
            shown = x > 0 if x[-1] > 0 else np.full(x.shape, True)
            draw_band(axes, x[shown], *median_and_quantiles(losses[:, shown]), linestyle, style.colour(position))
    if any(np.asarray(line.get_xdata())[-1] > 0 for line in axes.lines):
        axes.set_xscale("log")
    if any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        axes.set_yscale("log")
    axes.margins(x=0)
    axes.set_xlabel(r"$\eta t$" if in_flow_time else "step")
    axes.set_title(f"p = {panel.p[0]}")
    write_note(axes, panel)


def begin_together(panels: Sequence[Axes]) -> None:
    """Equal times stand at equal distances from the left: the panels begin where the last of them does. Each ends where
    its own runs end."""
    shown = [axes for axes in panels if axes.lines and axes.get_xscale() == "log"]
    begin = max((min(float(np.asarray(line.get_xdata())[0]) for line in axes.lines) for axes in shown), default=0.0)
    for axes in shown:
        if begin < axes.get_xlim()[1]:
            axes.set_xlim(left=begin)


def draw_legend(figure: Figure, ridges: Sequence[float], dashes: dict[str, LineStyle]) -> None:
    """Above the figure, over no curve; made apart from the lines, for those of a lambda may all have diverged."""
    handles = [
        Line2D([], [], color=style.colour(position), marker=style.marker(position), label=label(ridge))
        for position, ridge in enumerate(ridges)
    ]
    if len(dashes) > 1:
        handles += [Line2D([], [], color="grey", linestyle=line, label=rule) for rule, line in dashes.items()]
    figure.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(handles), 5))


def caption(panels: dict[str, Results], dashes: dict[str, LineStyle], width: int) -> str:
    """What the marks are, of how many runs: a range where points differ, as in an unfinished sweep."""
    done = [counted(panel) for panel in panels.values()]
    counts = Counter(point for runs in done for point in zip(runs.activation, runs.rule, runs.ridge, runs.p))
    fewest, most = min(counts.values()), max(counts.values())
    rule = "" if len(dashes) > 1 else f"{next(iter(dashes))}; "
    lines = [select(runs, rule=rule, ridge=ridge, p=width) for runs in done for rule in dashes for ridge in np.unique(runs.ridge)]
    ends = "" if all(end_together(line) for line in lines if len(line)) else ", to the end of the first run"
    return (
        f"{rule}top: mean and standard deviation at the end of training; bottom: median and middle 68 %{ends}; "
        f"seeds a point: {most if fewest == most else f'{fewest} to {most}'}"
    )
