"""Draws the layout of Figure 3 of Song, Xu and Lafferty 2021 from a result file of classification runs.

Left: alignment of the error signals that reach the hidden units; right: accuracy on the test set; both against epochs,
one colour a lambda, means dashed with the deviation over seeds shaded, or one thin line a run.
"""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fasweep.analysis import style
from fasweep.analysis.averages import carried_forward, counted, mean_and_deviation
from fasweep.analysis.drawing import check_output, draw_band, label, save, write_note
from fasweep.analysis.results import AnalysisError, Results, read, select

ACCURACY = "test_accuracy"
# What the paper's cos(delta_BP(h), delta_FA(h)) may mean; it does not say over what it is taken.
ALIGNMENTS = {
    "signal_alignment": "signals, mean over samples",
    "batch_signal_alignment": "signals summed over the batch",
    "gradient_alignment": "gradients of W",
    "alignment": r"weights, $\cos(b, \beta)$",
}


def write_figure3(file: str, output: str, alignment: str, every_run: bool) -> None:
    path = Path(output)
    check_output(path)
    results = read(file, [name for metric in (alignment, ACCURACY) for name in (metric, f"final_{metric}")])
    with matplotlib.rc_context(style.PARAMETERS):
        save(draw(results, alignment, every_run), path)


def draw(results: Results, alignment: str, every_run: bool) -> Figure:
    panel = one_curve_a_ridge(results)
    epochs = panel.step / steps_of_an_epoch(panel)
    figure = Figure(figsize=(1.4 * style.PANEL_WIDTH * 2, 1.2 * style.PANEL_HEIGHT), layout="constrained")
    left, right = figure.subplots(1, 2)
    for axes, metric in ((left, alignment), (right, ACCURACY)):
        draw_curves(axes, panel, epochs, metric, every_run)
        axes.set_xlabel("epoch")
        write_note(axes, panel)
    left.set_ylabel("alignment")
    left.set_title(ALIGNMENTS[alignment])
    right.set_ylabel("test accuracy")
    zoom(right, panel)
    left.legend()
    seeds = len(np.unique(counted(panel).seed))
    what = "one line a run" if every_run else "mean and standard deviation"
    figure.supxlabel(f"{what}; {panel.rule[0]}, {panel.activation[0]}, p = {panel.p[0]}; seeds: {seeds}", fontsize="small")
    return figure


def one_curve_a_ridge(results: Results) -> Results:
    """The runs of feedback alignment, which must differ in lambda and seed only."""
    panel = select(results, rule="feedback-alignment")
    if not len(panel):
        raise AnalysisError(f"file '{results.file}' has no finished run of feedback-alignment; its figure needs some")
    for axis in ("p", "activation"):
        values = np.unique(getattr(panel, axis))
        if len(values) > 1:
            raise AnalysisError(
                f"file '{results.file}' has several values of grid.{axis} ({', '.join(map(str, values))}; a curve is "
                "of one network); sweep each into a file of its own"
            )
    return panel


def steps_of_an_epoch(results: Results) -> int:
    """As many batches as it takes to see every training sample once."""
    samples = int(results.settings["data.n"])
    batch = results.settings.get("training.batch-size", "all")
    return 1 if batch == "all" else math.ceil(samples / int(batch))


def draw_curves(axes: Axes, panel: Results, epochs: np.ndarray, metric: str, every_run: bool) -> None:
    for position, ridge in enumerate(np.unique(panel.ridge)):
        runs = counted(select(panel, ridge=ridge))
        if not len(runs):
            continue
        curves = carried_forward(runs, metric)
        colour = style.colour(position)
        if every_run:
            axes.plot(epochs, curves.T, color=colour, linewidth=0.6)
            axes.plot([], [], color=colour, label=label(ridge))
        else:
            draw_band(axes, epochs, *mean_and_deviation(curves), "--", colour)
            axes.lines[-1].set_label(label(ridge))


def zoom(axes: Axes, panel: Results) -> None:
    """Leaves out the first steep tenth of the accuracy curves, behind which the levels of lambda would look equal."""
    values = counted(panel).metrics[ACCURACY]
    late = values[:, values.shape[1] // 10 :]
    if np.isfinite(late).any():
        lowest, highest = np.nanmin(late), np.nanmax(late)
        margin = 0.05 * max(highest - lowest, 1e-3)
        axes.set_ylim(lowest - margin, highest + margin)
