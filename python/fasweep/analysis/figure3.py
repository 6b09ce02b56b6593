"""Draws the layout of Figure 3 of Song, Xu and Lafferty 2021 from a result file of classification runs.

Left: alignment of the error signals that reach the hidden units; right: accuracy on the test set; both against epochs,
one colour a lambda, means dashed with the deviation over seeds shaded, or one thin line a run.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fasweep.analysis import style
from fasweep.analysis.averages import counted, end_together, mean_and_deviation, shared_trajectories
from fasweep.analysis.drawing import check_output, draw_band, label, save, write_note
from fasweep.analysis.results import AnalysisError, Results, check_only_seeds_vary, check_some_done, read, select, trajectory, where

ACCURACY = "test_accuracy"
# What the paper's cos(delta_BP(h), delta_FA(h)) may mean; it does not say over what it is taken.
ALIGNMENTS = {
    "signal_alignment": "signals, mean over samples",
    "batch_signal_alignment": "signals summed over the batch",
    "gradient_alignment": "gradients of W",
    "alignment": r"weights, $\cos(b, \beta)$",
}


def write_figure3(file: str, output: str, alignment: str, every_run: bool, conditions: Sequence[str] = ()) -> None:
    path = Path(output)
    check_output(path)
    names = [name for metric in (alignment, ACCURACY) for name in (metric, f"final_{metric}")]
    results = where(read(file, names), conditions)
    with matplotlib.rc_context(style.PARAMETERS):
        save(draw(results, alignment, every_run), path)


def draw(results: Results, alignment: str, every_run: bool) -> Figure:
    panel = one_curve_a_ridge(results)
    figure = Figure(figsize=(1.4 * style.PANEL_WIDTH * 2, 1.2 * style.PANEL_HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, metric in ((left, alignment), (right, ACCURACY)):
        draw_curves(axes, panel, metric, every_run)
        axes.set_xlabel("epoch")
        write_note(axes, panel)
    left.set_ylabel("alignment")
    left.set_title(ALIGNMENTS[alignment])
    right.set_ylabel("test accuracy")
    right.set_title(zoom(right, panel))
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(handles))  # over no curve
    seeds = len(np.unique(counted(panel).seed))
    ends = "" if end_together(counted(panel)) else ", to the end of the first run"
    what = "one line a run" if every_run else f"mean and standard deviation{ends}"
    figure.supxlabel(f"{what}; {panel.rule[0]}, {panel.activation[0]}, p = {panel.p[0]}; seeds: {seeds}", fontsize="small")
    return figure


def one_curve_a_ridge(results: Results) -> Results:
    """The runs of feedback alignment, which must differ in lambda and seed only."""
    panel = select(results, rule="feedback-alignment")
    if not len(panel):
        raise AnalysisError(f"file '{results.file}' has no finished run of feedback-alignment; its figure needs some")
    check_some_done(panel)
    check_only_seeds_vary(panel, ["lambda"])
    return panel


def steps_of_an_epoch(results: Results) -> int:
    """As many batches as it takes to see every training sample once."""
    if results.settings.get("data.samples") == "fresh":
        raise AnalysisError(f"file '{results.file}' is of samples that no step sees again, which have no epochs; plot against steps")
    samples = int(results.settings["data.n"])
    batch = results.settings.get("training.batch-size", "all")
    if batch == "all":
        return 1
    drops_the_last = results.settings.get("training.last-batch") == "dropped"
    return samples // int(batch) if drops_the_last else math.ceil(samples / int(batch))


def draw_curves(axes: Axes, panel: Results, metric: str, every_run: bool) -> None:
    epoch = steps_of_an_epoch(panel)
    for position, ridge in enumerate(np.unique(panel.ridge)):
        runs = counted(select(panel, ridge=ridge))
        if not len(runs):
            continue
        colour = style.colour(position)
        if every_run:
            for row in range(len(runs)):
                steps, values = trajectory(runs, metric, row)
                axes.plot(steps / epoch, values, color=colour, linewidth=0.6)
            axes.plot([], [], color=colour, label=label(ridge))
        else:
            steps, curves = shared_trajectories(runs, metric)
            mean, deviation = mean_and_deviation(curves)
            draw_band(axes, steps / epoch, mean, mean - deviation, mean + deviation, "--", colour)
            axes.lines[-1].set_label(label(ridge))


def zoom(axes: Axes, panel: Results) -> str:
    """Leaves out the first steep tenth of the accuracy curves, behind which the levels of lambda would look equal. The
    words that say so."""
    values = counted(panel).metrics[ACCURACY]
    late = values[:, values.shape[1] // 10 :]
    if not np.isfinite(late).any():
        return ""
    lowest, highest = np.nanmin(late), np.nanmax(late)
    margin = 0.05 * max(highest - lowest, 1e-3)
    axes.set_ylim(lowest - margin, highest + margin)
    return "axis: values after a tenth of training"
