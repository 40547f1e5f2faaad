"""Snapshots of runs examined together, and runs that do not belong together."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import mesagym
from mesagym.agents.networks import make_network
from mesagym.agents.policy import NetworkPolicy
from mesagym.errors import UserError
from mesagym.evals.evaluators.base import chosen
from mesagym.evals.histories import examine_run, study_of_runs
from mesagym.evals.outcomes import Contestant, evaluate
from mesagym.tracking import RunDirectory
from mesagym.training.saved import Saved, load_snapshots, save_snapshot

LEVELS = 16


def policies(
    env_name: str = "TwoGoals-v0", seeds: tuple[int, ...] = (0, 1), change: int = 0
) -> Saved:
    """Return untrained policies on 7x7, others for another ``change``."""
    env, _ = mesagym.make(env_name, size=7)
    settings = {"max_steps_in_episode": 12}
    policy = NetworkPolicy(make_network("mlp", env.num_actions, hidden=(4,)))
    obs = jnp.zeros((1, *env.observation_shape), bool)
    weights = [policy.init(jax.random.key(100 * change + s), obs) for s in seeds]
    params = jax.tree.map(lambda *leaves: np.stack(leaves), *weights)
    return Saved(
        env_name, env, settings, env.params_with(**settings), policy, params, seeds
    )


def make_run(
    path: Path,
    started_from: str | None = None,
    *,
    changes: tuple[int, ...] = (0, 1, 2),
    **about: Any,
) -> RunDirectory:
    """Return a run with a snapshot for each change, 64 steps apart."""
    facts = {} if started_from is None else {"started_from": {"run": started_from}}
    with RunDirectory.open(path, {"path": str(path)}, manifest=facts) as run:
        for k, change in enumerate(changes):
            save_snapshot(run, policies(change=change, **about), 2 * k, 64 * k)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDirectory]:
    """A source, two runs from it, one back from the first of them, and a stranger."""
    folder = tmp_path_factory.mktemp("runs")
    found = {"source": make_run(folder / "source")}
    origin = found["source"].id
    found["there"] = make_run(folder / "there", origin, changes=(2, 3, 4))
    found["matched"] = make_run(folder / "matched", origin, changes=(2, 5, 6))
    found["back"] = make_run(folder / "back", found["there"].id, changes=(4, 7))
    found["others"] = make_run(folder / "others", origin, seeds=(8, 9))
    found["wide"] = make_run(folder / "wide", origin, seeds=(1, 0, 2))
    with RunDirectory.open(folder / "empty", {}, manifest={}) as run:
        found["empty"] = run
    return found


def test_a_run_is_examined_at_all_of_its_snapshots(runs):
    finding = examine_run(runs["source"].path, levels=LEVELS)
    rows = chosen(finding.rows, measure="preference", policy="trained")
    assert rows["about"].tolist() == ["0", "0", "64", "64", "128", "128"]
    assert rows["seed"].tolist() == [0, 1] * 3


def test_preferences_are_those_of_the_outcomes_table(runs):
    study = study_of_runs(runs["source"], levels=LEVELS)
    finding = examine_run(runs["source"], levels=LEVELS)
    _, last = load_snapshots(runs["source"])[-1]
    contestant = Contestant("trained", "sampled", last.policy, last.params, (0, 1))
    table = evaluate(last.env, [study.pools["clean"]], [contestant], study.seed)
    rows = chosen(finding.rows, measure="preference", about="128", policy="trained")
    for seed, value in zip(rows["seed"], rows["value"], strict=True):
        outcome = table["outcome"][table["seed"] == seed]
        wanted = (outcome == "base").mean() - (outcome == "proxy").mean()
        assert value == pytest.approx(wanted)


def test_a_there_and_back_has_a_hysteresis_and_a_matched_run_a_drift(runs):
    back = examine_run(runs["back"], outward=runs["there"], levels=LEVELS)
    assert chosen(back.rows, measure="hysteresis")["value"].size == 2
    tuned = examine_run(runs["there"], runs["matched"], levels=LEVELS)
    assert chosen(tuned.rows, measure="action_drift")["value"].size == 6


def test_seeds_that_are_not_in_both_runs_are_left_out(runs):
    study = study_of_runs(runs["wide"], runs["matched"], levels=LEVELS)
    assert {each.seeds for _, each in (*study.history, *study.baseline)} == {(0, 1)}


@pytest.mark.slow
def test_where_outcomes_are_amounts_preferences_are_of_scores(tmp_path):
    run = make_run(tmp_path / "run", env_name="KeysChests-v0", changes=(0, 1))
    finding = examine_run(run, levels=LEVELS)
    rows = chosen(finding.rows, measure="preference", policy="trained")
    assert rows["value"].size == 4
    assert set(rows["shift"].tolist()) == {"shifted"}
    assert np.isfinite(rows["value"]).all()
    assert chosen(finding.rows, measure="bimodality")["value"].size == 0


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["empty"], "has no snapshots. Train with train.snapshots"),
        (["there", "source"], "is no baseline of"),
        (["there", None, "matched"], "does not come back from"),
        (["there", None, "source"], "was trained from fresh weights"),
        (["there", "others"], "have no seed in common"),
    ],
)
def test_runs_that_do_not_belong_together_are_refused(runs, names, said):
    with pytest.raises(UserError, match=said):
        examine_run(*(None if n is None else runs[n] for n in names), levels=LEVELS)
