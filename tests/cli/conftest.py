"""What the tests of commands share."""

import math

import pytest


@pytest.fixture(autouse=True)
def no_line_because_a_machine_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is printed not depend on how long anything took."""
    monkeypatch.setattr("mesagym.cli.phases.SILENCE", math.inf)
