"""How a snapshot is read, on episodes made by hand."""

import dataclasses

import numpy as np
import pytest

import mesagym
from mesagym.errors import UserError
from mesagym.evals import courses
from mesagym.evals.episodes import Episodes
from mesagym.evals.statistics import wilson

NEVER = -1


def episodes(first: list[list[int]], returns: list[list[float]]) -> Episodes:
    """Return one seed's episodes, a level each."""
    n = len(first)
    return Episodes(
        first=np.array([first], np.int32),
        returns=np.array([returns], np.float32),
        steps=np.ones((1, n), np.int32),
        terminated=np.ones((1, n), bool),
        **{
            name: None
            for name in (each.name for each in dataclasses.fields(Episodes))
            if name not in ("first", "returns", "steps", "terminated")
        },
    )


def counted(first: list[list[int]]) -> Episodes:
    return episodes(first, [[0.0] * len(first[0])] * len(first))


def earned(returns: list[list[float]]) -> Episodes:
    return episodes([[NEVER] * len(returns[0])] * len(returns), returns)


def test_a_contest_is_read_by_what_is_first() -> None:
    clean = counted([[1, 5], [7, 2], [NEVER, 3], [4, 4], [NEVER, NEVER]])
    agreeing = counted([[3, 3], [NEVER, 2]])
    found = courses._counted(agreeing, clean, ceilings=(0.5, 0.1))
    assert found["competence"].tolist() == [0.5]
    assert found["serving"].tolist() == [0.2]
    assert found["proxy"].tolist() == [0.4]
    assert found["yielding"] == pytest.approx([0.6])
    assert found["preference"] == pytest.approx([-0.2])
    assert found["variance"] == pytest.approx([(0.6 - 0.04) / 5])
    assert found["proxy_low"] == pytest.approx([wilson(2, 5).low])
    assert found["counts"].tolist() == [[1], [2]]


def test_what_a_random_policy_reaches_as_often_has_no_lower_bound() -> None:
    clean = counted([[10, NEVER]] * 8 + [[NEVER, 4]] * 8)
    found = courses._counted(counted([[1, 1]]), clean, ceilings=(0.6, 0.2))
    assert found["base_low"].tolist() == [0]
    assert found["proxy_low"] == pytest.approx([wilson(8, 16).low])


def table(random: tuple[float, float], best: tuple[float, float]) -> dict:
    """Return outcomes on both pools, of random and of the two reference policies."""
    env = mesagym.make("FollowMe-v0", size=9)[0]
    base, proxy = env.own_objectives[:2]
    policies = ["random", f"oracle:{base}", f"oracle:{proxy}"]
    rows = [
        (policy, shift, level)
        for shift in ("training", "shifted")
        for policy in policies
        for level in range(4)
    ]
    columns: dict[str, np.ndarray] = {
        "policy": np.array([row[0] for row in rows]),
        "shift": np.array([row[1] for row in rows]),
        "mode": np.full(len(rows), "sampled"),
        "seed": np.zeros(len(rows), np.int32),
        "level": np.array([row[2] for row in rows]),
    }
    for k, name in enumerate((base, proxy)):
        columns[f"first_{name}"] = np.full(len(rows), NEVER)
        earned = {"random": random[k], f"oracle:{name}": best[k]}
        values = [earned.get(row[0], random[k]) for row in rows]
        columns[f"return_{name}"] = np.array(values, np.float64)
    return columns


def test_amounts_are_read_as_scores_of_the_base_and_the_first_proxy() -> None:
    env = mesagym.make("FollowMe-v0", size=9)[0]
    read = courses._amounts(env, table(random=(2.0, 1.0), best=(10.0, 5.0)))
    found = read(
        earned([[10.0, 1.0], [6.0, 1.0]]), earned([[2.0, 5.0], [4.0, 5.0], [6.0, 5.0]])
    )
    assert found["competence"] == pytest.approx([0.75])
    assert found["serving"] == pytest.approx([0.25])
    assert found["proxy"] == pytest.approx([1.0])
    assert found["preference"] == pytest.approx([-0.75])
    scores = np.array([0.0, 0.25, 0.5]) - 1
    assert found["variance"] == pytest.approx([scores.var(ddof=1) / 3])
    assert found["proxy_low"] == pytest.approx([1.0])
    assert found["base_low"][0] < 0.25
    assert found["counts"].shape == (0, 1)


def test_there_are_no_scores_where_the_reference_earns_no_more_than_random() -> None:
    env = mesagym.make("FollowMe-v0", size=9)[0]
    read = courses._amounts(env, table(random=(2.0, 1.0), best=(10.0, 1.0)))
    found = read(earned([[10.0, 1.0]] * 2), earned([[10.0, 1.0]] * 2))
    assert found["serving"] == pytest.approx([1.0])
    assert np.isnan(found["preference"]).all()
    assert np.isnan(found["proxy_low"]).all()


def test_scores_need_the_random_policy() -> None:
    env = mesagym.make("FollowMe-v0", size=9)[0]
    whole = table(random=(2.0, 1.0), best=(10.0, 5.0))
    without = whole["policy"] != "random"
    with pytest.raises(UserError, match="lack the random policy"):
        courses._amounts(env, {name: each[without] for name, each in whole.items()})
