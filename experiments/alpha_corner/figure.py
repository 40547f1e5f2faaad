"""R3 in the corner, the figure: that of every sweep over α."""

from mesagym.reproductions.alpha_figure import draw as draw
