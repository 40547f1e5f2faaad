"""What runs are called beside one another."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.tracking.labels import (
    BETWEEN,
    LONGEST,
    ROOM,
    agent_in_words,
    alpha_label,
    folded,
    joint_labels,
    label_alone,
    settings_in_words,
    shared_alpha,
    told_apart,
)

PLAIN: dict[str, Any] = {
    "env": {"name": "corner", "size": 7, "layout": "open", "crop_radius": None},
    "split": {"alpha": 0.05},
    "agent": {
        "name": "mlp",
        "network": {"name": "mlp", "hidden": [64, 64], "memory": None},
        "num_envs": 16,
        "learning_rate": 3e-3,
        "discount": 0.95,
        "entropy": 0.01,
    },
    "shifts": {"names": ["agreeing", "clean"]},
    "seeds": [0, 1],
    "train": {
        "steps": 2_000_000,
        "levels": None,
        "objectives": None,
        "save_seconds": 15.0,
        "start_from": None,
    },
    "evaluation": {"levels": 512, "seed": 1_000_000, "modes": ["sampled"]},
    "run": None,
    "name": None,
    "device": "auto",
}

CNN = {
    "name": "cnn",
    "network": {"name": "cnn", "channels": [16], "hidden": [128], "memory": None},
    "num_envs": 16,
    "learning_rate": 1e-3,
    "discount": 0.95,
    "entropy": 0.01,
}


def run(**changes: Any) -> dict[str, Any]:
    """Return the plain configuration with some keys changed, dots as ``__``."""
    config = copy.deepcopy(PLAIN)
    for key, value in changes.items():
        *sections, last = key.split("__")
        place = config
        for section in sections:
            place = place[section]
        place[last] = value
    return config


# --- examples -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ([{}, {"split__alpha": 0.5}], ["α = 0.05", "α = 0.5"]),
        ([{}, {"agent": CNN}], ["mlp", "cnn"]),
        ([{}, {"agent__network__memory": "gru"}], ["mlp", "mlp + gru"]),
        (
            [{}, {"agent": CNN}, {"split__alpha": 0.5}],
            ["α = 0.05 · mlp", "α = 0.05 · cnn", "α = 0.5 · mlp"],
        ),
        ([{}, {"env__size": [7, 9]}], ["size 7", "size 7×9"]),
        ([{}, {"agent__entropy": 0.001}], ["entropy 0.01", "entropy 0.001"]),
        ([{}, {"agent__discount": 0.99}], ["γ = 0.95", "γ = 0.99"]),
        ([{}, {"agent__num_envs": 256}], ["16 envs", "256 envs"]),
        ([{}, {"train__steps": 5e6}], ["steps 2M", "steps 5M"]),
        ([{}, {"train__levels": 200}], ["fresh levels", "200 levels"]),
        (
            [{}, {"train__objectives": {"cheese": 1, "corner": -0.5}}],
            ["reward base alone", "reward cheese − 0.5 corner"],
        ),
        ([{}, {"train__start_from": "runs/mine"}], ["from scratch", "from mine"]),
        ([{}, {"seeds": list(range(8))}], ["2 seeds", "8 seeds"]),
        ([{}, {"seeds": [4, 5]}], ["2 seeds", "seeds 4–5"]),
        (
            [{}, {"evaluation__modes": ["greedy"]}],
            ["sampled actions", "greedy actions"],
        ),
    ],
)
def test_labels_say_what_differs(
    changes: list[dict[str, Any]], labels: list[str]
) -> None:
    assert joint_labels([run(**each) for each in changes]) == labels


def test_what_comes_with_an_agent_is_not_said_and_what_was_set_is() -> None:
    first, other = run(), run(agent={**CNN, "entropy": 0.001})
    again = run(agent={**CNN, "entropy": 0.01})
    assert joint_labels([first, other, again]) == [
        "mlp · entropy 0.01",
        "cnn · entropy 0.001",
        "cnn · entropy 0.01",
    ]


def test_two_settings_that_differ_together_are_both_named() -> None:
    labels = joint_labels([run(), run(split__alpha=0.5, agent__entropy=0.001)])
    assert labels == ["α = 0.05 · entropy 0.01", "α = 0.5 · entropy 0.001"]


def test_where_nothing_differs_the_folders_tell_runs_apart() -> None:
    folders = ["runs/one", "runs/other"]
    assert joint_labels([run(), run()], folders) == [
        "α = 0.05 · one",
        "α = 0.05 · other",
    ]
    folders = ["a/mine", "b/mine"]
    assert joint_labels([run(), run()], folders) == [
        "α = 0.05 · a/mine",
        "α = 0.05 · b/mine",
    ]


def test_the_same_run_twice_is_numbered() -> None:
    twice = joint_labels([run(), run()], ["runs/one", "runs/one"])
    assert twice == ["α = 0.05 (1)", "α = 0.05 (2)"]


def test_a_number_is_none_that_another_run_is_called() -> None:
    assert told_apart(["x", "x (1)", "x"], [""] * 3) == ["x (2)", "x (1)", "x (3)"]


def test_a_run_without_a_configuration_is_called_by_its_folder() -> None:
    assert joint_labels([{}, {}], ["runs/one", "runs/other"]) == ["one", "other"]
    assert label_alone({}, "runs/mine") == "mine"


def test_a_run_alone_is_called_by_alpha_and_by_a_memory() -> None:
    assert label_alone(run()) == "α = 0.05"
    assert label_alone(run(agent__network__memory="lstm")) == "α = 0.05 · mlp + lstm"


def test_a_key_that_older_runs_lack_is_no_difference() -> None:
    older = run()
    del older["train"]["levels"], older["agent"]["network"]["memory"]
    assert joint_labels([older, run(split__alpha=0.5)]) == ["α = 0.05", "α = 0.5"]
    remembers = run(agent__network__memory="gru")
    assert joint_labels([older, remembers]) == ["mlp", "mlp + gru"]


def test_alpha_that_all_share_is_known_beside_the_labels() -> None:
    assert shared_alpha([run(), run(agent=CNN)]) == "α = 0.05"
    assert shared_alpha([run(), run(split__alpha=1)]) == ""
    assert shared_alpha([run()]) == ""


def test_an_agent_is_called_with_its_memory() -> None:
    assert agent_in_words("mlp", "gru") == "mlp + gru"
    assert agent_in_words("cnn", None) == "cnn"


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        ("α = 0.05 · mlp + gru · steps 5M", ["α = 0.05 ·", "mlp + gru ·", "steps 5M"]),
        ("α = 0.05 · cnn", ["α = 0.05 · cnn"]),
        ("random, α = 0.05 · mlp + gru", ["random, α = 0.05 ·", "mlp + gru"]),
        ("a plain sentence that is long", ["a plain sentence", "that is long"]),
    ],
)
def test_a_label_is_folded_between_its_settings(label: str, lines: list[str]) -> None:
    assert folded(label, 18).split("\n") == lines


# --- properties -----------------------------------------------------------------------

CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "split__alpha": st.floats(0, 1),
        "agent": st.just(CNN),
        "env__size": st.sampled_from([7, 9, [7, 9]]),
        "env__layout": st.sampled_from(["open", "tree"]),
        "train__steps": st.sampled_from([2e6, 65_536, 5e6]),
        "train__objectives": st.dictionaries(
            st.sampled_from(["cheese", "corner", "a_very_long_name_of_an_objective"]),
            st.floats(-2, 2, allow_subnormal=False),
        ),
        "train__start_from": st.text(max_size=60),
        "seeds": st.lists(st.integers(0, 99), min_size=1, unique=True),
        "device": st.sampled_from(["cpu", "gpu"]),
        "name": st.text(),
    },
)
CONFIGS = st.lists(CHANGES.map(lambda changes: run(**changes)), min_size=2, max_size=6)


@st.composite
def runs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[str]]:
    configs = draw(CONFIGS)
    folder = st.sampled_from(["", "a/x", "b/x", "c", "c/x"])
    return configs, draw(st.lists(folder, min_size=len(configs), max_size=len(configs)))


@given(runs())
def test_no_two_runs_have_the_same_label(drawn: tuple[list, list[str]]) -> None:
    labels = joint_labels(*drawn)
    assert len(labels) == len(drawn[0])
    assert len(set(labels)) == len(labels)
    assert all(labels)


@given(CONFIGS)
def test_a_setting_that_all_runs_share_is_in_no_label(configs: list) -> None:
    said = [settings_in_words(each) for each in configs]
    shared = {
        text
        for key, text in said[0].items()
        if all(each.get(key) == text for each in said)
    }
    kept = {label_alone(each) for each in configs}  # where nothing differs
    for label in joint_labels(configs):
        parts = set(label.split(" (")[0].split(BETWEEN))
        assert not (parts & shared) - kept


@given(runs(), st.randoms(use_true_random=False))
def test_a_label_does_not_hang_on_the_order_of_the_runs(
    drawn: Any, random: Any
) -> None:
    configs, folders = drawn
    order = list(range(len(configs)))
    random.shuffle(order)
    labels = joint_labels(configs, folders)
    again = joint_labels([configs[k] for k in order], [folders[k] for k in order])
    plain = [label for label in labels if " (" not in label]
    assert [label for label in again if label in plain] == [
        labels[k] for k in order if labels[k] in plain
    ]


@given(CONFIGS)
def test_labels_are_short(configs: list) -> None:
    numbered = len(" (6)")
    assert max(map(len, joint_labels(configs))) <= LONGEST + numbered


@given(st.floats(0, 1), st.floats(0, 1))
def test_different_values_of_alpha_have_different_labels(
    one: float, other: float
) -> None:
    assert (alpha_label(one) == alpha_label(other)) == (one == other)


@given(CHANGES.map(lambda changes: run(**changes)))
def test_a_setting_is_a_few_words(config: dict[str, Any]) -> None:
    for text in settings_in_words(config).values():
        assert 0 < len(text) <= ROOM + len("from ")
        assert "\n" not in text


@given(st.lists(st.sampled_from(["α = 0.5", "mlp + gru", "steps 5M"]), min_size=1))
def test_folding_loses_nothing_and_keeps_settings_whole(parts: list[str]) -> None:
    lines = folded(BETWEEN.join(parts), 17).split("\n")
    assert (
        BETWEEN.join(line.removesuffix(" ·") for line in lines).split(BETWEEN) == parts
    )
    assert max(map(len, lines)) <= 17
