"""Names of environments: mesagym's own, and those that other packages announce."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import mesagym
from mesagym import registry
from mesagym.errors import UserError

MINE = '''
"""An environment outside the package."""

from mesagym.envs.corner import Corner


class Burrow(Corner):
    pass
'''


@pytest.fixture
def announce(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Any]:
    """Announce entry points, as another installed package would."""
    (tmp_path / "their_burrow.py").write_text(MINE)
    monkeypatch.syspath_prepend(str(tmp_path))
    points: list[EntryPoint] = []

    def add(name: str, value: str) -> None:
        points.append(EntryPoint(name, value, registry.GROUP))
        registry.table.cache_clear()

    monkeypatch.setattr(
        registry.importlib.metadata,
        "entry_points",
        lambda group: [each for each in points if each.group == group],
    )
    registry.table.cache_clear()
    yield add
    registry.table.cache_clear()
    sys.modules.pop("their_burrow", None)


def test_an_announced_environment_is_made_by_its_name(announce: Any) -> None:
    announce("DeepBurrow-v0", "their_burrow:Burrow")
    assert "DeepBurrow-v0" in mesagym.registered_envs
    env, params = mesagym.make("DeepBurrow-v0", size=7)
    assert env.name == "Burrow"
    assert params.pool.size > 0


def test_its_name_in_configurations_is_in_snake_case(announce: Any) -> None:
    announce("DeepBurrow-v2", "their_burrow:Burrow")
    assert registry.from_config_name("deep_burrow") == "DeepBurrow-v2"


def test_nobody_takes_a_name_of_mesagyms_own(announce: Any) -> None:
    announce("Corner-v0", "their_burrow:Burrow")
    assert registry.environment_class("Corner-v0").__module__ == "mesagym.envs.corner"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("their_burrow", "is no package.module:Class"),
        ("their_burrow:Warren", "cannot be imported"),
        ("nowhere:Burrow", "cannot be imported"),
    ],
)
def test_an_announcement_that_leads_nowhere_is_named(
    announce: Any, value: str, message: str
) -> None:
    announce("DeepBurrow-v0", value)
    with pytest.raises(UserError, match=message):
        mesagym.make("DeepBurrow-v0")


def test_a_module_has_no_other_names() -> None:
    for module in (mesagym, registry):
        with pytest.raises(AttributeError, match="registered_env"):
            module.registered_env  # noqa: B018
