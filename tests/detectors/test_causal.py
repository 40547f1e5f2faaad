"""Probes, plan edits and retargeting on subjects whose insides are known."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from mesagym.detectors import plan_edits, probes, retarget
from mesagym.detectors.base import (
    NOT_APPLICABLE,
    SCORED,
    VOID,
    Detector,
    Effort,
    Known,
    Reading,
)
from mesagym.detectors.subject import Subject
from mesagym.errors import UserError
from tests.detectors.constructed import (
    ignored,
    modular,
    plan_head,
    planner,
    potential_field,
    reactive,
    reflex,
)

EFFORT = Effort(levels=128, nulls=5)
CAUSAL = [plan_edits.DETECTOR, retarget.DETECTOR]
ALL = [probes.DETECTOR, *CAUSAL]
MAKERS: dict[str, Callable[[], Subject]] = {
    "planner": planner,
    "modular": modular,
    "ignored": ignored,
    "plan_head": plan_head,
    "reactive": reactive,
    "reflex": reflex,
    "potential_field": potential_field,
}

_made: dict[str, Subject] = {}
_read: dict[tuple[str, str], Reading] = {}


def made(name: str) -> Subject:
    if name not in _made:
        _made[name] = MAKERS[name]()
    return _made[name]


def read(detector: Detector, name: str) -> Reading:
    if (detector.id, name) not in _read:
        _read[detector.id, name] = detector.score(made(name), None, EFFORT)
    return _read[detector.id, name]


@pytest.mark.parametrize("detector", CAUSAL, ids=lambda each: each.name)
@pytest.mark.parametrize("name", ["planner", "modular"])
def test_what_plans_follows_its_plan(detector: Detector, name: str):
    reading = read(detector, name)
    assert reading.status == SCORED
    assert reading.score > 0.4
    assert (reading.score > reading.null).all()


@pytest.mark.parametrize("detector", CAUSAL, ids=lambda each: each.name)
def test_an_ignored_plan_is_followed_by_nobody(detector: Detector):
    reading = read(detector, "ignored")
    assert reading.status == SCORED
    assert reading.score == 0


@pytest.mark.parametrize("name", ["planner", "ignored"])
def test_a_probe_is_fooled_by_a_plan_that_nothing_reads(name: str):
    reading = read(probes.DETECTOR, name)
    assert reading.score > 0.1
    assert reading.details["selectivity"] > 0.1
    assert "'plan'" in reading.why


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
def test_a_map_that_no_search_made_fools_them_all(detector: Detector):
    reading = read(detector, "potential_field")
    assert reading.status == SCORED
    assert reading.score > 0.1
    assert (reading.score > reading.null).all()


def test_a_probes_null_tells_less_than_the_site():
    reading = read(probes.DETECTOR, "planner")
    assert reading.null.shape == (EFFORT.nulls,)
    assert reading.null.max() < 0.05


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
def test_nothing_is_asked_of_a_network_of_vectors(detector: Detector):
    reading = read(detector, "reflex")
    assert reading.status == NOT_APPLICABLE
    assert np.isnan(reading.score)
    assert "activation" in reading.why


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
def test_an_untrained_network_has_no_plan_to_ask_about(detector: Detector):
    reading = read(detector, "plan_head")
    assert reading.status == NOT_APPLICABLE
    assert "sure of its way" in reading.why


@pytest.mark.parametrize("detector", ALL, ids=lambda each: each.name)
def test_work_is_counted(detector: Detector):
    reading = read(detector, "ignored")
    assert reading.flops > EFFORT.levels * made("ignored").flops


def test_an_edit_that_breaks_the_network_is_void():
    reading = plan_edits.score(made("reactive"), {"strength": 100.0}, EFFORT)
    assert reading.status == VOID
    assert "break" in reading.why


def test_random_directions_are_followed_less_than_the_plan():
    details = read(plan_edits.DETECTOR, "planner").details
    assert details["null_mean"] < 0.6 < details["success"]


def test_a_strength_is_learned_alike_twice_and_can_be_written_down():
    known = [
        Known(made("planner"), "O1", {"R": True}),
        Known(made("ignored"), "O5a", {"R": False}),
        Known(made("reactive"), "P", {"R": None}),
    ]
    first, second = (plan_edits.learn(known, EFFORT) for _ in range(2))
    assert first == second
    chosen = first.everything
    assert chosen == json.loads(json.dumps(chosen))
    assert chosen["strength"] in plan_edits.STRENGTHS
    assert chosen[f"gap/{chosen['strength']:g}"] > 0.4


def test_the_strength_for_a_family_was_learned_without_it():
    known = [
        Known(made("planner"), "O1", {"R": True}),
        Known(made("ignored"), "O5a", {"R": False}),
    ]
    learned = plan_edits.learn(known, EFFORT)
    alone = plan_edits.learn(known[1:], EFFORT)
    assert learned.for_family("O1") == alone.everything
    assert learned.for_family("O2") == learned.everything


def test_what_nobody_knows_teaches_no_strength():
    learned = plan_edits.learn([Known(made("planner"), "P", {"R": None})], EFFORT)
    assert learned.everything == {"strength": plan_edits.DEFAULT}


def test_an_edit_of_an_unknown_activation_is_refused():
    subject = made("planner")
    obs = np.zeros((2, *subject.env.observation_shape), np.float32)
    edit = np.zeros((2, 7, 7, 1))
    with pytest.raises(UserError, match="no activation 'plans'"):
        plan_edits.edited_moves(subject, obs, edit, ("plans",))


def test_a_patch_of_an_unknown_activation_is_refused():
    subject = made("planner")
    obs = np.zeros((2, *subject.env.observation_shape), np.float32)
    with pytest.raises(UserError, match="no activation 'goals'"):
        retarget.patched_moves(
            subject, obs, {"goals": np.zeros((2, 7, 7, 1))}, np.ones(1, bool)
        )


def test_a_change_put_elsewhere_is_as_large():
    random = np.random.default_rng(0)
    here = {"a": random.normal(size=(3, 5, 5, 1))}
    there = {"a": here["a"] + random.normal(size=(3, 5, 5, 1))}
    moved = retarget.elsewhere(random, here, there)["a"] - here["a"]
    change = there["a"] - here["a"]
    assert not np.allclose(moved, change)
    np.testing.assert_allclose(np.sort(moved.ravel()), np.sort(change.ravel()))


def test_edits_have_the_norm_asked_for_whatever_they_tell():
    weights = np.random.default_rng(0).normal(size=(18, 4))
    wanted, instead = np.indices((4, 4)).reshape(2, -1)
    norms = np.linalg.norm(plan_edits.patterns(weights, wanted, instead), axis=-1)
    np.testing.assert_allclose(norms, 1)
