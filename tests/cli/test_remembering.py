"""Policies that remember, from the command line: trained, tested, refused."""

from pathlib import Path

import pytest

from mesagym.cli.compose import composer
from mesagym.cli.main import main
from mesagym.cli.naming import identity
from mesagym.errors import UserError
from mesagym.report.view import MAPS, load_run
from mesagym.training.saved import load

TINY = (
    "env=two_goals",
    "env.size=7",
    "env.max_steps=16",
    "agent.network.hidden=[8]",
    "agent.network.memory=gru",
    "agent.num_envs=8",
    "agent.rollout_steps=8",
    "agent.bptt=4",
    "agent.minibatches=2",
    "train.chunk=2",
    "train.steps=512",
    "evaluation.levels=8",
    "shifts=quick",
    "seeds=1",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "remembers"
    assert main(["train", *TINY, f"run={path}"]) == 0
    return path


def test_a_run_that_remembers_has_films_and_no_map_of_single_tiles(run: Path) -> None:
    there = load_run(run)
    assert len(there.films) == 2
    assert not (run / MAPS).exists()
    assert load(run).policy.network.memory == "gru"


def test_evaluators_of_tables_say_in_a_line_that_they_leave_it_out(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["levels=8", "shifts=quick", "evaluators=[outcomes,directedness]"]
    assert main(["evaluate", f"run={run}", *words]) == 0
    out = capsys.readouterr().out
    assert "Note, directedness: Left out because they remember: trained." in out


def composed(*words: str) -> object:
    with composer("train") as each:
        return each.settled(each.compose(list(words)))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["agent.network.memory=grv"], "'grv'. Did you mean 'gru'"),
        (["agent.bptt=8"], "agent.bptt: 8 is of no memory"),
        (["agent.network.memory_size=8"], "memory_size: 8 is of no memory"),
        (
            ["agent.network.memory=gru", "agent.bptt=5"],
            "5 does not divide the 32 s",
        ),
        (["agent.network.memory=gru", "agent.num_envs=4"], "8 does not divide the 4"),
    ],
)
def test_a_memory_that_cannot_be_is_refused_before_anything_compiles(
    words: list[str], line: str
) -> None:
    with pytest.raises(UserError, match=line):
        composed(*words)


def test_a_run_without_a_memory_is_named_as_before_there_were_any() -> None:
    found = identity(composed())  # type: ignore[arg-type]
    assert set(found["agent"]["network"]) == {"name", "hidden", "activation"}
    assert "bptt" not in found["agent"]


def test_runs_that_remember_otherwise_are_others() -> None:
    ways = [
        (),
        ("agent.network.memory=gru",),
        ("agent.network.memory=lstm",),
        ("agent.network.memory=lstm", "agent.bptt=8"),
        ("agent.network.memory=lstm", "agent.network.memory_size=8"),
    ]
    found = [str(identity(composed(*words))) for words in ways]  # type: ignore[arg-type]
    assert len(set(found)) == len(ways)
