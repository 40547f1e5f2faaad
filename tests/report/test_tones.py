"""Every finding has a tone on the page, and the tone can be seen on it."""

import re
from importlib import resources

import pytest

from mesagym.evals.verdict_rule import AXES, INCONCLUSIVE

CSS = resources.files("mesagym.report").joinpath("page.css").read_text("utf-8")
SEEN = 3.0
"""Contrast of what is no text against what is beside it (WCAG 2.1, 1.4.11)."""


def schemes() -> dict[str, dict[str, str]]:
    """The colours of the light scheme and of the dark one, by name."""
    light, dark = re.findall(r":root \{(.*?)\}", CSS, flags=re.S)[:2]
    colours = r"--([\w-]+): (#[0-9a-f]{6})"
    return {"light": dict(re.findall(colours, light))} | {
        "dark": dict(re.findall(colours, light)) | dict(re.findall(colours, dark))
    }


def luminance(colour: str) -> float:
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [
        x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts
    ]
    return sum(w * x for w, x in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


FINDINGS = [word for word in AXES if word != INCONCLUSIVE]


def tone(word: str) -> str:
    kind = word.replace(" ", "-")
    found = re.search(rf"^\.{kind} \{{ --tone: var\(--([\w-]+)\)", CSS, flags=re.M)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("word", FINDINGS)
def test_every_finding_has_a_tone_of_both_schemes(word: str) -> None:
    assert all(tone(word) in colours for colours in schemes().values())


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("word", FINDINGS[1:])
def test_a_tone_stands_out_from_the_card_and_the_paper(word: str, scheme: str) -> None:
    """But that of the base objective, an orange that the figures have, too."""
    colours = schemes()[scheme]
    for behind in ("card", "paper"):
        assert contrast(colours[tone(word)], colours[behind]) >= SEEN


def test_noisy_pursuit_is_drawn_unlike_a_word_without_noise() -> None:
    dashed = re.search(r"\.noisy-pursuit-of-base, .*?border-top-style: dashed", CSS)
    assert dashed is not None
