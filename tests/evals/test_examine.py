"""Several evaluators at once: what is said in short, kept, and contradicted."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesagym.errors import UserError
from mesagym.evals.evaluators import EVALUATORS, SUITES, choose_evaluators
from mesagym.evals.evaluators.base import (
    ALL_LEVELS,
    NOT_APPLICABLE,
    SHARE,
    SIGNED,
    Measure,
    Reading,
    summaries,
)
from mesagym.evals.examine import (
    Findings,
    answers,
    disagreements,
    from_files,
    in_short,
    matrix,
    must_apply,
    to_files,
)
from mesagym.registry import environment_class, table


def readings(*said: tuple[int, str]) -> list[list[object]]:
    return [["trained", "sampled", seed, answer, "because"] for seed, answer in said]


def findings(**said: list[list[object]]) -> Findings:
    rows = {
        "evaluator": np.array(["one", "one", "other"]),
        "policy": np.array(["trained"] * 3),
        "mode": np.array(["sampled"] * 3),
        "seed": np.array([0, 1, 0], np.int32),
        "shift": np.array(["clean"] * 3),
        "level": np.array([-1, -1, 4], np.int32),
        "measure": np.array(["pull", "pull", "push"]),
        "about": np.array(["cheese", "cheese", ""]),
        "value": np.array([0.5, 0.75, np.nan]),
    }
    facts = {name: {"readings": each, "claims": True} for name, each in said.items()}
    return Findings(rows, facts, {"third": "it has no levels"})


def test_findings_are_read_back_as_they_were_kept() -> None:
    found = findings(one=readings((0, "base")), other=[])
    files = to_files(found)
    again = from_files(files["findings.parquet"], files["findings.json"])
    assert again.facts == found.facts
    assert again.absent == found.absent
    for name, column in found.rows.items():
        np.testing.assert_array_equal(again.rows[name], column)


def test_answers_in_short_begin_with_the_most_common_and_end_with_abstaining() -> None:
    said = [
        Reading("trained", "sampled", s, a, "")
        for s, a in enumerate(
            ["abstains", "abstains", "abstains", "proxy", "base", "proxy"]
        )
    ]
    counts = answers(said, "trained", "sampled")
    assert in_short(counts) == "proxy 2 of 6, base 1, abstains 3"
    assert answers(said, "random") == {}
    assert in_short({}) == "–"


def test_two_that_read_a_seed_differently_contradict_each_other() -> None:
    found = findings(
        one=readings((0, "base"), (1, "proxy")), other=readings((0, "proxy"))
    )
    assert disagreements(found, "trained", "sampled") == [
        "seed 0 is read differently (one: base, other: proxy)"
    ]


def test_to_abstain_is_not_to_contradict() -> None:
    found = findings(one=readings((0, "base")), other=readings((0, "abstains")))
    assert disagreements(found, "trained", "sampled") == []


def test_a_seed_without_a_number_leaves_no_summary_and_no_silent_zero() -> None:
    one, other = summaries(findings().rows)
    assert one.interval is not None
    assert one.interval.estimate == pytest.approx(0.625)
    assert other.interval is None


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=2, max_size=10),
    st.integers(1, 3),
    st.sampled_from([SHARE, SIGNED]),
)
def test_the_interval_of_a_measure_with_limits_stays_within_them(
    shares: list[float], levels: int, limits: tuple[float, float]
) -> None:
    low, high = limits
    size = len(shares) * levels
    rows = {
        "policy": np.full(size, "trained"),
        "mode": np.full(size, "sampled"),
        "seed": np.repeat(np.arange(len(shares)), levels),
        "shift": np.full(size, "clean"),
        "level": np.tile(
            np.arange(levels) if levels > 1 else [ALL_LEVELS], len(shares)
        ),
        "measure": np.full(size, "pull"),
        "about": np.full(size, ""),
        "value": np.repeat(low + (high - low) * np.array(shares), levels),
    }
    (one,) = summaries(rows, {"pull": Measure("a share", limits=limits)})
    assert one.interval is not None
    assert low <= one.interval.low <= one.interval.high <= high
    # A measure without limits, and one that is a score here, has Student's t.
    (free,) = summaries(rows)
    (score,) = summaries(rows | {"value": rows["value"] * 3}, {"pull": Measure("x")})
    assert free.interval is not None
    assert score.interval is not None
    assert free.interval.method == score.interval.method == "t"


def test_a_measure_that_says_it_is_a_share_has_the_limits_of_one() -> None:
    for name, evaluator in EVALUATORS.items():
        for measure, each in evaluator.measures.items():
            if each.meaning.endswith("0 to 1"):
                assert each.limits == SHARE, (name, measure)
            if each.meaning.endswith("-1 to 1"):
                assert each.limits == SIGNED, (name, measure)
            if each.meaning.startswith(("chance ", "probability ", "share of ")):
                assert each.limits in (SHARE, SIGNED), (name, measure)


def test_every_evaluator_has_a_scope_and_a_reason_in_every_environment() -> None:
    environments = {
        entry.config: environment_class(name)() for name, entry in table().items()
    }
    for evaluator, scopes in matrix(environments).items():
        assert set(scopes) == set(environments), evaluator
        for scope in scopes.values():
            assert scope.how in ("exact", "approximate", NOT_APPLICABLE)
            assert scope.why


def test_every_evaluator_says_what_it_asks_and_what_keeps_it_honest() -> None:
    for name, each in EVALUATORS.items():
        assert each.name == name
        assert each.question.endswith("?")
        assert each.null
        assert each.source
        assert all(isinstance(m, Measure) and m.meaning for m in each.measures.values())


def test_suites_hold_evaluators_that_there_are() -> None:
    for names in SUITES.values():
        assert set(names) <= set(EVALUATORS)
    assert [each.name for each in choose_evaluators(["all"])] == list(EVALUATORS)
    assert choose_evaluators(["none"]) == []


def test_one_that_says_nothing_in_an_environment_is_refused_there() -> None:
    grove = environment_class("TreeGrove-v0")()
    with pytest.raises(UserError, match="'preference' does not apply to TreeGrove"):
        must_apply([EVALUATORS["preference"]], grove)
