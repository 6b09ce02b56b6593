"""How every figure looks: colours, sizes, fonts; nothing about what is drawn."""

from __future__ import annotations

# Okabe and Ito's colours, told apart with every common colour blindness; their yellow comes last, faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
# One fewer than colours, so that more levels than colours still differ where points are marked.
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

PANEL_WIDTH = 2.9  # inches
PANEL_HEIGHT = 2.5
SHADE = 0.15  # opacity of a deviation band

PARAMETERS = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "legend.fontsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "lines.linewidth": 1.4,
    "lines.markersize": 4,
    "errorbar.capsize": 2,
    "legend.frameon": False,
    "savefig.dpi": 110,
}


def colour(position: int) -> str:
    return COLOURS[position % len(COLOURS)]


def marker(position: int) -> str:
    return MARKERS[position % len(MARKERS)]
