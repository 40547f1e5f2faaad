"""How shares and signs are written."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.tracking.numerals import bare, joined_percents, percent_text, unsigned_zero


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.93, ".93"), (-0.04, "-.04"), (1.0, "1.00"), (-0.001, ".00"), (-0.0, ".00"),
     (-10.0, "-10.00"), (0.996, "1.00"), (math.nan, "–")],
)  # fmt: skip
def test_a_number_stands_without_the_zero_before_its_point(number: float, text: str):
    assert bare(number) == text


def test_a_signed_number_keeps_its_plus():
    assert bare(0.25, "+.2f") == "+.25"


@given(st.floats(-1e6, 1e6), st.sampled_from([".0f", ".1f", ".3f", "+.2f", ".1%"]))
def test_what_rounds_to_zero_has_no_minus_sign_and_all_else_keeps_it(
    number: float, spec: str
):
    text = unsigned_zero(format(number, spec))
    value = float(text.removesuffix("%"))
    assert text.startswith("-") == (value < 0)


@given(st.floats(0, 1))
def test_no_space_stands_before_a_percent_sign(share: float):
    assert percent_text(share) == f"{share:.0%}"


def test_no_share_is_written_of_nothing():
    assert percent_text(math.nan) == "–"


def test_percent_signs_are_joined_to_their_numbers_and_nothing_else():
    assert joined_percents("83 % [71, 91], 5\u00a0%, 2%") == "83% [71, 91], 5%, 2%"
    assert joined_percents("a % b") == "a % b"
