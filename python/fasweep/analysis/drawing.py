"""What figures share: writing them to a file, lines with bands, and the words beside them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from fasweep.analysis import style
from fasweep.analysis.results import AnalysisError, Results, is_hdf5

SUFFIXES = (".png", ".svg", ".pdf")

LineStyle = str | tuple[int, tuple[int, ...]]  # as matplotlib names lines, or describes their dashes


def check_output(path: Path, suffixes: Sequence[str] = SUFFIXES) -> None:
    accepted = ", ".join(suffixes)
    if path.suffix not in suffixes:
        raise AnalysisError(
            f"'{path}' cannot be written (its suffix '{path.suffix}' names no format); accepted: {accepted}"
        )
    if is_hdf5(path):
        raise AnalysisError(f"'{path}' is not written (an HDF5 file has that name); give another name")


def save(figure: Figure, path: Path) -> None:
    write_whole(path, lambda temporary: figure.savefig(temporary, format=path.suffix[1:], bbox_inches="tight"))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """By temporary and rename, so that an interrupted or failed writing leaves the older file whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise AnalysisError(
            f"'{path}' cannot be written ({error.strerror or error}); name a folder that can be written"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def draw_band(
    axes: Axes, x: np.ndarray, line: np.ndarray, low: np.ndarray, high: np.ndarray, dashes: LineStyle, colour: str
) -> None:
    axes.plot(x, line, linestyle=dashes, color=colour)
    axes.fill_between(x, low, high, color=colour, alpha=style.SHADE, linewidth=0)


def name_ticks(axes: Axes, values: np.ndarray) -> None:
    """Ticks of a logarithmic x axis at the values themselves, as many as have room for their labels."""
    axes.set_xscale("log")
    apart = np.log(values[-1] / values[0]) / 4.5
    ticks = [values[0]]
    for value in values[1:]:
        if np.log(value / ticks[-1]) >= apart:
            ticks.append(value)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_locator(NullLocator())


def label(ridge: float) -> str:
    return rf"$\lambda$ = {ridge:g}"


def write_note(axes: Axes, panel: Results) -> None:
    """In the panel's corner: the runs that its means leave out, by status."""
    left_out = panel.status[panel.status != "done"]
    if left_out.size:
        counts = zip(*np.unique(left_out, return_counts=True))
        text = "left out: " + ", ".join(f"{count} {status}" for status, count in counts)
        axes.text(0.98, 0.02, text, transform=axes.transAxes, ha="right", va="bottom", fontsize="small")
