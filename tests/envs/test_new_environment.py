"""The page about a new environment: its code, run as it stands there."""

import importlib
import re
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import mesagym
from mesagym import registry
from mesagym.agents.policy import OraclePolicy
from mesagym.cli.main import main
from mesagym.envs.edits import KINDS, edit_levels
from mesagym.errors import UserError
from mesagym.evals.episodes import run_episodes
from mesagym.evals.shifts import build_pool, shifts_of

PAGE = Path(__file__).parents[2] / "docs" / "new_environment.md"

LONGEST = 160
"""Lines of code, blank ones left out: an environment is a short file."""


@pytest.fixture(scope="module")
def code() -> str:
    return "".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S))


@pytest.fixture(scope="module")
def env(code: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The page's environment, announced as another package would."""
    folder = tmp_path_factory.mktemp("package")
    (folder / "oasis_of_the_page.py").write_text(code)
    point = EntryPoint("Oasis-v0", "oasis_of_the_page:Oasis", registry.GROUP)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(
            registry.importlib.metadata, "entry_points", lambda group: [point]
        )
        registry.table.cache_clear()
        importlib.invalidate_caches()
        yield mesagym.make("Oasis-v0", size=6)[0]
    registry.table.cache_clear()
    sys.modules.pop("oasis_of_the_page", None)


def test_it_is_a_short_file(code: str) -> None:
    assert len([line for line in code.splitlines() if line.strip()]) <= LONGEST


def test_its_objectives_are_said_in_its_own_words(env: Any) -> None:
    assert env.described["phrases"] == {
        "water": "reached the water",
        "palm": "reached the palm",
    }


def test_its_classes_follow_alpha(env: Any) -> None:
    params = env.params_with()
    for alpha, agreeing in ((0.0, 1.0), (1.0, 0.0)):
        levels = env.sample_levels(jax.random.key(0), 200, params, alpha)
        label = np.asarray(jax.vmap(env.classify)(levels).label)
        assert (label == 0).mean() == agreeing


def test_its_experts_take_the_steps_of_its_solver(env: Any) -> None:
    pool = build_pool(env, env.params_with(), shifts_of(env)["clean"], 64)
    for k in range(2):
        first = run_episodes(pool, OraclePolicy(env, k), (), [0]).first[0, :, k]
        np.testing.assert_array_equal(first, pool.solution.steps[:, k])


def test_its_levels_are_read_back_edited_or_not(env: Any) -> None:
    params = env.params_with()
    levels = env.sample_levels(jax.random.key(1), 8, params, 0.5)
    for kind in KINDS:
        levels = edit_levels(env, jax.random.key(2), levels, params, kind, 0.5, 4)
        for i in range(8):
            level = jax.tree.map(lambda leaf, i=i: leaf[i], levels)
            again = env.parse(env.show(level))
            assert jax.tree.all(jax.tree.map(np.array_equal, again, level))


def test_a_level_out_of_reach_is_refused_with_its_place(env: Any) -> None:
    text = "######\n#@#.*#\n###.p#\n#....#\n#....#\n######"
    with pytest.raises(UserError, match="line 2, column 2: no path"):
        env.parse(text)


def test_the_commands_take_it(
    env: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["env=plugin", "env.name=Oasis-v0", "env.settings={size: 6}"]
    out = f"out={tmp_path / 'levels.png'}"
    assert main(["show", *words, "n=2", out]) == 0
    assert "levels.png" in capsys.readouterr().out
    assert main(["show", *words[:2], "env.settings={sice: 6}", out]) == 2
    assert "env.sice" in capsys.readouterr().err
