"""What every figure has in common."""

import re
import xml.etree.ElementTree as ElementTree
from itertools import combinations

import matplotlib
import numpy as np
import pytest

from mesagym.report import style
from mesagym.report.style import Drawing

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
DEFICIENCIES = {
    "none": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}


def lab(colour: str, deficiency: str) -> np.ndarray:
    """Return CIE L*a*b* (D65) of a colour as someone sees it."""
    values = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)]) / 255
    linear = np.where(
        values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92
    )
    seen = np.clip(DEFICIENCIES[deficiency] @ linear, 0, 1)
    to_xyz = [
        [0.4124, 0.3576, 0.1805],
        [0.2126, 0.7152, 0.0722],
        [0.0193, 0.1192, 0.9505],
    ]
    ratio = np.array(to_xyz) @ seen / [0.9505, 1.0, 1.089]
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * 841 / 108 + 4 / 29)
    return np.array(
        [116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])]
    )


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_the_colours_of_outcomes_stay_apart_for_every_kind_of_sight(deficiency):
    seen = [lab(colour, deficiency) for colour in style.OUTCOME_COLOURS.values()]

    # A difference of about 2 can just be seen.
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15


@pytest.fixture
def drawing() -> Drawing:
    with style.applied():
        figure = style.new_figure(height=120)
        axes = figure.subplots()
        axes.bar([0], [1], color=style.BASE)[0].set_gid("bar")
        axes.set_title("a $title$ & <more>")
    return Drawing(figure, 'it says "x" & <y>', {"bar": "<b>.50</b>"})


def test_an_svg_is_well_formed_whatever_its_words(drawing):
    ElementTree.fromstring(drawing.svg("one"))


def test_an_svg_says_what_it_shows(drawing):
    root = ElementTree.fromstring(drawing.svg("one"))

    assert root.get("aria-label") == 'it says "x" & <y>'


def test_every_identifier_in_an_svg_begins_with_its_name(drawing):
    names = re.findall(r'\bid="([^"]*)"', drawing.svg("one"))

    assert names
    assert all(name.startswith("one-") for name in names)


def test_what_an_svg_refers_to_is_in_it(drawing):
    text = drawing.svg("one")
    wanted = set(re.findall(r"url\(#([^)]*)\)", text))
    wanted |= set(re.findall(r'href="#([^"]*)"', text))

    assert wanted <= set(re.findall(r'\bid="([^"]*)"', text))


def test_a_part_of_an_svg_tells_its_number_when_pointed_at(drawing):
    assert '<g id="one-bar"><title>&lt;b&gt;.50&lt;/b&gt;</title>' in drawing.svg("one")


def test_colours_of_an_svg_follow_the_theme_of_the_page(drawing):
    text = drawing.svg("one")

    assert "var(--base)" in text
    assert style.BASE not in text


def test_numbers_in_words_keep_all_their_digits_and_pixels_do_not():
    with style.applied():
        figure = style.new_figure(100)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 0.123456789])
        axes.set_title("α* = 0.075 [0.071, 0.089]")
    svg = Drawing(figure, "α = 0.001").svg("digits")
    assert "α* = 0.075 [0.071, 0.089]" in svg
    assert 'aria-label="α = 0.001"' in svg
    tags = re.findall(r"<path[^>]*>", svg)
    assert len(tags) > 2
    assert not [tag for tag in tags if re.search(r"\d\.\d{3}", tag)]


def test_dollar_signs_in_a_label_are_no_formula(drawing):
    assert "a $title$" in drawing.svg("one")


def test_the_same_drawing_gives_the_same_files(drawing):
    assert drawing.svg("one") == drawing.svg("one")
    assert drawing.png() == drawing.png()


def test_drawing_leaves_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)

    with style.applied():
        style.new_figure(height=100)

    assert dict(matplotlib.rcParams) == before


def test_a_script_that_the_font_lacks_draws_without_a_warning():
    with style.applied():
        figure = style.new_figure(height=100)
        figure.subplots().set_title("乳酪")

    assert Drawing(figure, "").png()


@pytest.mark.parametrize(
    ("rate", "text"), [(0.066, ".07"), (0.999, "1.00"), (0, ".00")]
)
def test_a_rate_is_written_without_its_leading_zero(rate, text):
    assert style.rate_text(rate) == text
