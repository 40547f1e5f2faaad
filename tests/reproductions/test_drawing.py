"""What the figures of several reproductions share."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from mesagym.evals.statistics import mean_interval
from mesagym.report import style
from mesagym.reproductions import drawing

WHY = "2 of 2 seeds are competent, 5 are needed"


def test_upright_words_of_narrow_bars_do_not_overprint() -> None:
    with style.applied():
        figure = style.new_figure(330, drawing.WIDTH)
        axes = figure.subplots(1, 3)[0]
        for place in range(2):
            drawing.blank(axes, place, WHY, upright=True)
        axes.bar([2, 3, 4], 3.0)
        figure.draw_without_rendering()
        first, second = (text.get_window_extent() for text in axes.texts)
        panel = axes.get_window_extent()
    assert first.x1 < second.x0
    assert panel.x0 < first.x0
    assert panel.y0 < first.y0
    assert first.y1 < panel.y1


@pytest.mark.parametrize(("seeds", "intervals"), [(2, 0), (3, 0), (4, 1)])
def test_an_interval_is_drawn_from_four_seeds_on(seeds: int, intervals: int) -> None:
    axes = Figure().add_subplot()
    values = np.linspace(0.2, 0.4, seeds)
    drawing.bar(axes, 0, mean_interval(values), values, colour="k", width=0.6)
    points, *lines = axes.lines
    assert len(np.asarray(points.get_ydata())) == seeds
    assert len(lines) == intervals
