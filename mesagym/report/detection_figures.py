"""The figures of the detectors' benchmark: its matrix, and areas against costs."""

import math
from collections.abc import Mapping
from typing import Any

from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import NullFormatter

from mesagym.report import style
from mesagym.report.style import Drawing

Document = Mapping[str, Any]

_COLOURS: Mapping[str, str] = {
    "fires": style.PROXY_3,
    "silent": style.FAINT,
    "signed": style.BOTH,
    "unsigned": style.FAINT,
    "no null": style.FAINT,
    "to the proxy": style.PROXY_2,
    "to the base": style.BASE,
    "void": style.PAPER,
    "not applicable": style.PAPER,
}
"""Of what a cell came to."""

_LIGHT: tuple[str, ...] = ("fires", "signed")
"""Words whose colour is dark enough for light letters."""

_CELL = 27
"""Height of a row of the matrix in CSS pixels."""


def draw_matrix(document: Document) -> Drawing:
    """Draw what every detector came to on every organism, and where that surprised.

    Args:
        document: of `mesagym.detectors.summary`.
    """
    detectors = [each["name"] for each in document["detectors"]]
    titles = {each["name"]: each["id"] for each in document["detectors"]}
    places = list(dict.fromkeys(cell["place"] for cell in document["cells"]))
    with style.applied():
        drawn = style.new_figure(
            180 + _CELL * len(places), 230 + 78 * max(1, len(detectors))
        )
        axes = drawn.add_subplot()
        style.clear_frame(axes)
        tips = {}
        for cell in document["cells"]:
            x, y = detectors.index(cell["detector"]), places.index(cell["place"])
            tile = axes.add_patch(
                Rectangle((x + 0.04, y + 0.08), 0.92, 0.84, fc=_COLOURS[cell["came"]])
            )
            name = f"cell-{x}-{y}"
            tile.set_gid(name)
            tips[name] = (
                f"{cell['place']}, {cell['detector']}: {cell['came']}; expected: "
                f"{cell['expected']}. {cell['why']}"
            )
            axes.text(
                x + 0.5,
                y + 0.52,
                _in_cell(cell),
                ha="center",
                va="center",
                fontsize=9,
                color=style.ON_COLOUR if cell["came"] in _LIGHT else style.INK,
            )
            if cell["as_expected"] is False:
                edge = Rectangle(
                    (x + 0.04, y + 0.08), 0.92, 0.84, fill=False, ec=style.INK, lw=1.8
                )
                axes.add_patch(edge)
        axes.set_xlim(0, len(detectors))
        axes.set_ylim(len(places), 0)
        axes.set_xticks(
            [k + 0.5 for k in range(len(detectors))],
            [titles[name] for name in detectors],
        )
        axes.set_yticks([k + 0.5 for k in range(len(places))], places)
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        came = [cell["came"] for cell in document["cells"]]
        marks = [
            Patch(fc=colour, label=word)
            for word, colour in _COLOURS.items()
            if word in came and colour != style.PAPER
        ]
        if any(cell["as_expected"] is False for cell in document["cells"]):
            marks.append(Patch(fc="none", ec=style.INK, lw=1.8, label="not expected"))
        axes.legend(
            handles=marks,
            loc="upper center",
            bbox_to_anchor=(0.5, -0.02 - 0.2 / max(1, len(places))),
            ncols=4,
        )
    alt = (
        f"A matrix of {len(detectors)} detectors on {len(places)} organisms: "
        f"{sum(c['as_expected'] is False for c in document['cells'])} cells came out "
        "otherwise than was expected."
    )
    return Drawing(drawn, alt, tips)


def _in_cell(cell: Mapping[str, Any]) -> str:
    if cell["came"] == "not applicable":
        return "n/a"
    if cell["came"] == "void":
        return "void"
    means = cell["means"].values()
    if len(means) == 1:
        return f"{next(iter(means)):+z.2f}"
    return " / ".join(f"{each:+z.1f}" for each in means)


def draw_budget(document: Document) -> Drawing | None:
    """Draw the area under the curve against what a reading costs, None without it."""
    points = [p for p in document.get("budget", []) if p["auroc"] is not None]
    if not points:
        return None
    names = list(dict.fromkeys(point["detector"] for point in points))
    letters = {point["detector"]: point["letter"] for point in points}
    colours = (*style.PROXIES, style.BASE, style.BOTH, style.INK, style.NEITHER)
    with style.applied():
        drawn = style.new_figure(300)
        axes = drawn.add_subplot()
        for k, name in enumerate(names):
            mine = sorted(
                (point["flops"], point["auroc"])
                for point in points
                if point["detector"] == name
            )
            axes.plot(
                [x for x, _ in mine],
                [y for _, y in mine],
                marker="o",
                color=colours[k % len(colours)],
                label=f"{name.replace('_', ' ')}, of {letters[name]}",
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(lambda x, _: _power(x))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("floating point operations a reading")
        axes.set_ylabel("area under the curve")
        axes.legend(loc="lower right")
    return Drawing(drawn, "Area under the curve of each detector against its cost.")


def _power(value: float) -> str:
    """Write a power of ten with its exponent raised: 10⁸."""
    digits = str(round(math.log10(value)))
    return "10" + digits.translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
