"""Configurations: what files and words become."""

import dataclasses
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.agents import networks, recurrent
from mesagym.agents.ppo import PPOShape, make_hyper
from mesagym.cli import agent_schema, env_schema, schema
from mesagym.cli.commands import COMMANDS
from mesagym.cli.compose import Composer, composer
from mesagym.cli.naming import identity, run_directory
from mesagym.envs import base
from mesagym.evals.shifts import SUITES
from mesagym.levels.layouts import LAYOUTS
from mesagym.registry import environment_class
from mesagym.tracking import RunDirectory, config_hash

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture(scope="module")
def training() -> Iterator[Composer]:
    with composer("train") as composed_by:
        yield composed_by


def composed(training: Composer, *words: str) -> Any:
    return training.settled(training.compose(list(words)))


FILES = sorted(path.relative_to(CONFIGS) for path in CONFIGS.glob("*/*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_of_every_group_composes(training: Composer, file: Path) -> None:
    # Whose name it is, is left to the person.
    named = ["env.name=Mine-v0"] if file.stem == "plugin" else []
    config = composed(training, f"{file.parent}={file.stem}", *named)
    assert isinstance(config, schema.TrainConfig)


def test_every_command_has_a_configuration() -> None:
    assert {path.stem for path in CONFIGS.glob("*.yaml")} == set(COMMANDS)


def test_layouts_are_those_of_the_levels() -> None:
    assert set(env_schema.LAYOUTS) == set(LAYOUTS)


def test_sizes_are_those_of_environments() -> None:
    assert (schema.SMALLEST, schema.LARGEST) == (base.SMALLEST, base.LARGEST)


def test_activations_and_memories_are_those_of_networks() -> None:
    assert set(agent_schema.ACTIVATIONS) == set(networks.ACTIVATIONS)
    assert set(agent_schema.MEMORIES) == set(recurrent.GATES)


@pytest.mark.parametrize("name", ["standard", "quick"])
def test_files_of_shifts_are_the_suites(training: Composer, name: str) -> None:
    config = composed(training, f"shifts={name}")
    assert config.shifts.names == [name]
    assert name in SUITES


def test_the_default_environment_is_that_of_make(training: Composer) -> None:
    env = composed(training).env
    made = environment_class(env.name)()
    assert (env.size, env.layout, env.crop_radius) == (
        made.height,
        made.layout,
        made.crop_radius,
    )


def test_agents_have_every_setting_of_ppo() -> None:
    wanted = {each.name for each in dataclasses.fields(PPOShape)}
    wanted |= set(inspect.signature(make_hyper).parameters)
    found = {each.name for each in dataclasses.fields(agent_schema.AgentConfig)}
    assert found - {"name", "network"} == wanted


@pytest.mark.parametrize("agent", ["mlp", "cnn", "impala"])
def test_networks_are_those_of_the_code(training: Composer, agent: str) -> None:
    settings = dataclasses.asdict(composed(training, f"agent={agent}").agent.network)
    name = settings.pop("name")
    made = networks.make_network(name, 4, **settings)
    assert made == networks.make_network(name, 4)


def test_impala_learns_as_published(training: Composer) -> None:
    agent = composed(training, "agent=impala").agent
    # Abdel Sadek et al. 2025 (arXiv 2507.03068).
    published = {
        "num_envs": 256,
        "rollout_steps": 128,
        "epochs": 5,
        "minibatches": 4,
        "clip": 0.1,
        "clip_values": True,
        "learning_rate": 5e-5,
        "final_learning_rate": 1.0,
        "entropy": 1e-3,
        "trace": 0.95,
        "value_weight": 0.5,
        "max_gradient_norm": 0.5,
        "discount": 0.999,
    }
    assert {name: getattr(agent, name) for name in published} == published


@pytest.mark.parametrize(
    ("typed", "seeds"),
    [
        (["seeds=3"], [0, 1, 2]),
        (["seeds=2", "first_seed=100"], [100, 101]),
        (["seeds=[7,3]"], [7, 3]),
    ],
)
def test_seeds_are_a_number_or_a_list(
    training: Composer, typed: list[str], seeds: list[int]
) -> None:
    assert composed(training, *typed).seeds == seeds


def test_steps_may_be_written_as_2e6(training: Composer) -> None:
    steps = composed(training, "train.steps=2e6").train.steps
    assert (steps, type(steps)) == (2_000_000, int)


def test_a_square_size_is_one_number(training: Composer) -> None:
    assert composed(training, "env.size=[9,9]").env.size == 9


def test_a_short_training_gets_a_chunk_that_fits(training: Composer) -> None:
    # 256 environments times 32 steps are 8192.
    assert composed(training, "train.steps=20000").train.chunk == 2


def test_a_chunk_has_an_update_at_least(training: Composer) -> None:
    big = ["agent=impala", "agent.num_envs=1024", "train.steps=1e6"]
    assert composed(training, *big).train.chunk == 1


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("shifts=[clean,agreeing]", ["clean", "agreeing"]),
        ("shifts=tree", ["tree"]),
        ("shifts=quick", ["quick"]),
        ("shifts=levels/mine", ["levels/mine"]),
    ],
)
def test_shifts_are_a_file_or_names(
    training: Composer, typed: str, names: list[str]
) -> None:
    assert composed(training, typed).shifts.names == names


def test_a_value_may_refer_to_another(training: Composer) -> None:
    config = composed(training, "run=here/alpha-${split.alpha}", "split.alpha=0.5")
    assert config.run == "here/alpha-0.5"


def test_a_persons_own_folder_comes_first(tmp_path: Path) -> None:
    (tmp_path / "agent").mkdir()
    (tmp_path / "agent" / "wide.yaml").write_text(
        "defaults: [mlp, _self_]\nname: wide\nnetwork: {hidden: [512]}\n"
    )
    with composer("train", str(tmp_path)) as composed_by:
        config = composed(composed_by, "agent=wide")
    assert (config.agent.name, config.agent.network.hidden) == ("wide", [512])


# --- which runs are the same ----------------------------------------------------------


def test_the_same_command_has_the_same_directory(training: Composer) -> None:
    first, again = (
        run_directory(composed(training, "split.alpha=0.1")) for _ in range(2)
    )
    assert first == again
    assert first.parent == Path("runs")
    assert first.name.startswith("corner-alpha-0.1-mlp-")


@pytest.mark.parametrize(
    "typed",
    [
        ["name=other"],
        ["group=other"],
        ["tracking=wandb"],
        ["device=cpu"],
        ["train.save_seconds=1"],
        ["seeds=[0,1,2,3]"],
        ["env.size=[13,13]"],
        ["train.steps=2000000"],
    ],
)
def test_what_changes_no_number_changes_no_directory(
    training: Composer, typed: list[str]
) -> None:
    plain, changed = composed(training), composed(training, *typed)
    assert run_directory(changed) == run_directory(plain)


@pytest.mark.parametrize(
    "typed",
    [
        ["seeds=5"],
        ["env.size=9"],
        ["env.layout=tree"],
        ["agent.entropy=0"],
        ["agent.network.hidden=[64]"],
        ["train.levels=100"],
        ["train.chunk=1"],
        ["train.objectives={cheese:1,corner:1}"],
        ["evaluation.seed=5"],
        ["shifts=quick"],
    ],
)
def test_what_changes_a_number_changes_the_directory(
    training: Composer, typed: list[str]
) -> None:
    plain, changed = composed(training), composed(training, *typed)
    assert run_directory(changed) != run_directory(plain)
    assert identity(changed) != identity(plain)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ([], "corner-alpha-0-mlp"),
        (["split.alpha=0.1", "agent=cnn"], "corner-alpha-0.1-cnn"),
        (["agent.network.memory=gru"], "corner-alpha-0-mlp-gru"),
        (["env.size=[7,9]", "seeds=8"], "corner-alpha-0-mlp-size-7x9-8-seeds"),
        (["train.steps=5e6"], "corner-alpha-0-mlp-steps-5M"),
        (["agent.discount=0.9"], "corner-alpha-0-mlp-discount-0.9"),
        (
            ["train.objectives={cheese:1,corner:-0.5}"],
            "corner-alpha-0-mlp-reward-cheese-minus-0.5-corner",
        ),
        (["agent=impala", "agent.entropy=1e-3"], "corner-alpha-0-impala"),
    ],
)
def test_a_directory_is_named_by_the_memory_and_by_what_is_not_usual(
    training: Composer, typed: list[str], name: str
) -> None:
    path = run_directory(composed(training, *typed))
    digest = config_hash(identity(composed(training, *typed)))[:8]
    assert path == Path("runs", f"{name}-{digest}")


def test_a_directory_of_an_older_name_is_found_by_its_hash(
    training: Composer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = composed(training, "agent.network.memory=gru", "env.size=7")
    monkeypatch.chdir(tmp_path)
    fresh = run_directory(config)
    digest = fresh.name.rpartition("-")[2]
    older = Path("runs", f"corner-alpha-0-mlp-{digest}")
    older.mkdir(parents=True)
    assert run_directory(config) == fresh  # an empty folder is no run
    with RunDirectory.open(older, {}, manifest={}):
        pass
    assert run_directory(config) == older
    with RunDirectory.open(fresh, {}, manifest={}):
        pass
    assert run_directory(config) == fresh


@given(alpha=st.floats(0, 1, allow_subnormal=False))
def test_every_alpha_makes_a_name_that_a_folder_can_bear(alpha: float) -> None:
    config = schema.TrainConfig(
        env=env_schema.CornerConfig(name="corner"),
        split=schema.SplitConfig(alpha=alpha),
        agent=agent_schema.AgentConfig(name="mlp", network=agent_schema.MlpConfig()),
    )
    name = run_directory(config).name
    assert "/" not in name
    assert name.startswith("corner-alpha-")


def test_every_key_has_a_meaning(training: Composer) -> None:
    keys = training.keys([])
    assert len(keys) > 30
    assert [each.path for each in keys if not each.rule.doc] == []
