"""How shares and signs are written, the same wherever a number is shown."""

import math
import re

_NO_ZERO = re.compile(r"-(?=[0.,]*0%?$)")
NONE = "–"
"""What stands where there is no number."""


def unsigned_zero(text: str) -> str:
    """Return a written number; one that rounds to zero without its minus sign."""
    return _NO_ZERO.sub("", text)


def bare(number: int | float, spec: str = ".2f") -> str:
    """Write a number without the zero before its point: ``.93``, ``-.04``, ``1.00``.

    Args:
        number: any; NaN is written ``–``.
        spec: a format specification.
    """
    if math.isnan(number):
        return NONE
    text = unsigned_zero(format(number, spec))
    return re.sub(r"^([+-]?)0\.(?=\d)", r"\1.", text)


def percent_text(share: int | float, digits: int = 0) -> str:
    """Write a share as ``93%``, in this one style everywhere; NaN as ``–``.

    Args:
        share: 0 to 1.
        digits: after the point.
    """
    if math.isnan(share):
        return NONE
    return unsigned_zero(f"{100 * share:.{digits}f}") + "%"


def joined_percents(text: str) -> str:
    """Return a text in which no space stands between a number and its percent sign."""
    return re.sub(r"(?<=\d)[ \u00a0]%", "%", text)
