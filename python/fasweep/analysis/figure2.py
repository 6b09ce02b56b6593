"""Draws the layout of Figure 2 of Song, Xu and Lafferty 2021 from one or several result files.

Top row: final alignment cos(b, beta) of feedback alignment against width. Bottom row: training loss against steps at
one width, feedback alignment solid, other rules dashed. One column an activation, one line a lambda; bars and bands are deviations over seeds.
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
from matplotlib.ticker import NullLocator

from fasweep.analysis import style
from fasweep.analysis.averages import carried_forward, counted, mean_and_deviation
from fasweep.analysis.drawing import LineStyle, check_output, draw_band, label, save, write_note
from fasweep.analysis.results import AnalysisError, Results, read, select

METRICS = ("final_alignment", "loss", "final_loss")
DASHES: dict[str, LineStyle] = {"feedback-alignment": "-", "backprop": "--", "kolen-pollack": "-.", "drtp": ":"}
PAPER_WIDTH = 3200  # of the paper's Figures 2d to 2f


def write_figure2(files: Sequence[str], output: str, width: int | None) -> None:
    path = Path(output)
    check_output(path)
    results = [read(file, METRICS) for file in files]
    with matplotlib.rc_context(style.PARAMETERS):
        save(draw(results, width), path)


def draw(results: Sequence[Results], width: int | None) -> Figure:
    panels = panels_by_activation(results)
    width = chosen_width(list(panels.values()), width)
    ridges = sorted({float(ridge) for panel in panels.values() for ridge in panel.ridge})
    columns = len(panels)
    figure = Figure(figsize=(style.PANEL_WIDTH * columns, 2 * style.PANEL_HEIGHT), layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False)
    dashes = dashes_of({rule for panel in panels.values() for rule in panel.rule.tolist()})
    for (activation, panel), (top, bottom) in zip(panels.items(), grid.T):
        top.set_title(activation)
        draw_alignment(top, select(panel, rule="feedback-alignment"), ridges)
        draw_losses(bottom, select(panel, p=width), ridges, dashes)
    grid[0, 0].set_ylabel(r"alignment $\cos(b, \beta)$")
    grid[1, 0].set_ylabel("training loss")
    draw_legends(grid[0, 0], grid[1, 0], ridges, dashes)
    figure.supxlabel(f"mean and standard deviation; seeds a point: {seeds_text(panels)}", fontsize="small")
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
        if "feedback-alignment" not in result.rule:
            raise AnalysisError(
                f"file '{result.file}' has no finished run of feedback-alignment (its rules are "
                f"{', '.join(sorted(set(result.rule)))}); give a file with grid.rule = feedback-alignment"
            )
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


def draw_alignment(axes: Axes, panel: Results, ridges: Sequence[float]) -> None:
    for position, ridge in enumerate(ridges):
        line = counted(select(panel, ridge=ridge))
        widths = np.unique(line.p)
        if not widths.size:
            continue
        points = [mean_and_deviation(select(line, p=p).metrics["final_alignment"]) for p in widths]
        means, deviations = np.array(points).T
        bars = deviations if np.isfinite(deviations).any() else None  # a single seed has no deviation
        axes.errorbar(widths, means, bars, color=style.colour(position), marker=style.marker(position))
    axes.set_xscale("log")
    ticks = np.unique(panel.p)
    ticks = ticks[:: 1 + ticks.size // 8]  # seven labels fit side by side
    axes.set_xticks(ticks, [str(p) for p in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("hidden width p")
    write_note(axes, panel)


def draw_losses(axes: Axes, panel: Results, ridges: Sequence[float], dashes: dict[str, LineStyle]) -> None:
    axes.set_xscale("symlog", linthresh=1, linscale=0.3)  # a logarithm that has room for step 0
    axes.set_yscale("log")
    lowest = np.inf
    for rule, linestyle in dashes.items():
        for position, ridge in enumerate(ridges):
            line = counted(select(panel, ridge=ridge, rule=rule))
            if not len(line):
                continue
            mean, deviation = mean_and_deviation(carried_forward(line, "loss"))
            draw_band(axes, line.step, mean, deviation, linestyle, style.colour(position))
            lowest = min(lowest, mean[mean > 0].min(initial=np.inf))
    if np.isfinite(lowest):
        # Where the deviation exceeds the mean, the band leaves the panel below; the means alone set the scale.
        axes.set_ylim(bottom=lowest / 2)
    axes.set_xlim(0, max(1, panel.step[-1]))
    axes.set_xlabel("step")
    axes.set_title(f"p = {panel.p[0]}")
    write_note(axes, panel)


def draw_legends(top: Axes, bottom: Axes, ridges: Sequence[float], dashes: dict[str, LineStyle]) -> None:
    """Made apart from the lines: the panel of the legend may be one where every run diverged."""
    top.figure.legend(
        handles=[
            Line2D([], [], color=style.colour(position), marker=style.marker(position), label=label(ridge))
            for position, ridge in enumerate(ridges)
        ],
        loc="lower center",  # above the figure, over no curve
        bbox_to_anchor=(0.5, 1.0),
        ncols=len(ridges),
    )
    bottom.legend(handles=[Line2D([], [], color="grey", linestyle=line, label=rule) for rule, line in dashes.items()])


def seeds_text(panels: dict[str, Results]) -> str:
    """How many runs stand behind a point of the top row; a range where points differ, as in an unfinished sweep."""
    done = [counted(select(panel, rule="feedback-alignment")) for panel in panels.values()]
    points = Counter(point for runs in done for point in zip(runs.activation, runs.ridge, runs.p))
    fewest, most = min(points.values(), default=0), max(points.values(), default=0)
    return f"{most}" if fewest == most else f"{fewest} to {most}"
