"""The one look of every figure: palette, type, and how a drawing becomes a file."""

import contextlib
import html
import io
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mesagym.tracking.labels import folded
from mesagym.tracking.numerals import bare

# Okabe and Ito's colours (Color Universal Design, 2008), which people with any of the
# common colour-vision deficiencies tell apart; the grey is ours.
BASE = "#e69f00"
PROXY = "#0072b2"
BOTH = "#009e73"
NEITHER = "#8e959c"

# Further proxies, where each has a line of its own.
PROXY_2 = "#cc79a7"
PROXY_3 = "#d55e00"
PROXIES = (PROXY, PROXY_2, PROXY_3)

OUTCOME_COLOURS: dict[str, str] = {
    "base": BASE,
    "proxy": PROXY,
    "both": BOTH,
    "neither": NEITHER,
}
"""The colour of each outcome of an episode, wherever it is shown."""

INK = "#1f2328"
MUTED = "#5b636c"
FAINT = "#d6dbe0"
PAPER = "#ffffff"
ON_BASE = "#1f2329"
ON_COLOUR = "#fffffe"

# The colours in which environments draw a level.
WALL = "#343a46"
AGENT = "#be3e3c"

VARIABLES: dict[str, str] = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    PAPER: "--paper",
    ON_BASE: "--on-base",
    ON_COLOUR: "--on-colour",
    BASE: "--base",
    PROXY: "--proxy",
    PROXY_2: "--proxy-2",
    PROXY_3: "--proxy-3",
    BOTH: "--both",
    NEITHER: "--neither",
}
"""The CSS variable that stands for a colour in a page, where themes may change it."""

PANEL_WIDTH = 380
"""Width of a panel in CSS pixels: on a phone its type shrinks by an eighth only."""

_DPI = 72  # an SVG unit is then one CSS pixel, and a point of type is one as well

_RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 11,
    "axes.linewidth": 1.0,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 12.5,
    "axes.titleweight": "bold",
    "axes.unicode_minus": True,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    "figure.dpi": _DPI,
    "figure.facecolor": "none",
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same everywhere
    "font.size": 11,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "hatch.linewidth": 1.1,
    "legend.fontsize": 10.5,
    "legend.frameon": False,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "mesagym",
    "text.color": INK,
    "text.parse_math": False,  # a label with dollar signs is a label
    "xtick.color": FAINT,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 10.5,
    "ytick.color": FAINT,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 10.5,
    "ytick.major.size": 0,
}


@contextlib.contextmanager
def applied() -> Iterator[None]:
    """Use the style for what is drawn or saved inside; nothing stays behind."""
    with matplotlib.rc_context(_RC), warnings.catch_warnings():
        # A label in a script that the font lacks shows boxes in a file, and in a page
        # the browser's own font.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def new_figure(height: int | float, width: int | float = PANEL_WIDTH) -> Figure:
    """Return an empty figure, sizes in CSS pixels. Call it inside :func:`applied`."""
    size = (width / _DPI, height / _DPI)
    return Figure(figsize=size, dpi=_DPI, layout="constrained")


@dataclass(frozen=True)
class Drawing:
    """A finished figure with the words that belong to it."""

    figure: Figure
    alt: str
    """What it shows, for those who cannot see it."""
    tips: Mapping[str, str] = field(default_factory=dict)
    """What to say when the pointer rests on a part, by the part's ``gid``."""

    def png(self, dpi: int = 160) -> bytes:
        """Return the figure as PNG on white; the same figure gives the same bytes."""
        with applied():
            file = io.BytesIO()
            self.figure.savefig(
                file, format="png", dpi=dpi, facecolor=PAPER, metadata={"Software": ""}
            )
        return file.getvalue()

    def svg(self, name: str) -> str:
        """Return an ``<svg>`` to put into a page: themed, described, with tooltips.

        Args:
            name: letters, digits and hyphens; different for each drawing of a page,
                because the identifiers inside begin with it.
        """
        with applied():
            file = io.StringIO()
            self.figure.savefig(
                file,
                format="svg",
                transparent=True,
                metadata={"Date": None, "Creator": None},
            )
        text = file.getvalue()
        text = text[text.index("<svg") :].strip()
        text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
        text = re.sub(r"\n\s*", "\n", text)
        # A hundredth of a pixel is finer than any screen. What is written between the
        # tags is no pixel.
        text = re.sub(
            r"<[^>]*>", lambda tag: re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0]), text
        )
        text = text.replace("xlink:href", "href")
        text = re.sub(r'\bid="', f'id="{name}-', text)
        text = re.sub(r'href="#', f'href="#{name}-', text)
        text = text.replace("url(#", f"url(#{name}-")
        # The page's own typeface; matplotlib's takes the most room, so all fits.
        text = re.sub(r"(font: [^;'\"]*)'DejaVu Sans'", r"\1var(--sans)", text)
        for colour, variable in VARIABLES.items():
            text = text.replace(colour, f"var({variable})")
        for part, tip in self.tips.items():
            text = text.replace(
                f'<g id="{name}-{part}">',
                f'<g id="{name}-{part}"><title>{html.escape(tip)}</title>',
            )
        attributes = f'role="img" aria-label="{html.escape(self.alt)}"'
        view = re.search(r'viewBox="[^"]*"', text)
        assert view is not None
        return re.sub(r"<svg[^>]*>", f"<svg {view[0]} {attributes}>", text, count=1)


TITLE_WIDTH = 46
"""Characters of a title in a line, as many as a panel has room for."""


def set_title(axes: Axes, text: str) -> None:
    """Set a title, in lines that no panel cuts off."""
    axes.set_title(folded(text, TITLE_WIDTH))


def clear_frame(axes: Axes) -> None:
    """Take ticks, grid and spines away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def rate_text(rate: int | float) -> str:
    """Write a rate in two digits without the leading zero: .07, .93, 1.00; NaN as –."""
    return bare(rate)
