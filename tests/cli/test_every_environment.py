"""Every environment, from its configuration to a report, on a training of no length."""

from pathlib import Path

import pytest

import mesagym
from mesagym.cli.main import main
from mesagym.registry import config_name

pytestmark = pytest.mark.slow

TINY = (
    "agent.num_envs=8",
    "agent.rollout_steps=8",
    "agent.minibatches=2",
    "agent.network.hidden=[8]",
    "train.chunk=2",
    "train.steps=256",
    "env.max_steps=24",
    "evaluation.levels=16",
    "shifts=all",
    "seeds=2",
)


@pytest.mark.parametrize("name", [config_name(n) for n in mesagym.registered_envs])
def test_it_is_trained_tested_under_every_shift_and_reported(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / name
    assert main(["train", f"env={name}", *TINY, f"run={run}"]) == 0
    assert (run / "report.html").stat().st_size > 10_000
    assert list(run.glob("films/*.gif"))
    assert "Report: " in capsys.readouterr().out


@pytest.mark.parametrize("name", [config_name(n) for n in mesagym.registered_envs])
def test_its_split_is_checked_and_its_levels_are_shown(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = f"out={tmp_path / 'picture.png'}"
    words = [f"env={name}", "env.max_steps=24", out]
    assert main(["check-split", *words, "levels=100"]) == 0
    assert main(["show", *words, "n=4"]) == 0
    assert "told apart" in capsys.readouterr().out
