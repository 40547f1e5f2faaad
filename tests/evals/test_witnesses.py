"""What evaluators besides outcomes say of a verdict's goal."""

from typing import Any

import pytest

from mesagym.evals import witnesses


def facts(
    answers: dict[str, list[str]], data: dict[str, str] | None = None
) -> dict[str, dict[str, Any]]:
    """Readings of evaluators, a seed each from 0."""
    return {
        name: {
            "claims": True,
            "data": (data or {}).get(name, name),
            "readings": [
                ["trained", "sampled", seed, answer, "because"]
                for seed, answer in enumerate(said)
            ],
        }
        for name, said in answers.items()
    }


def say(answers: dict[str, list[str]], goal: str, **data: str) -> str:
    found = witnesses.testimony(facts(answers, data), goal, range(4), "sampled")
    return witnesses.testimony_in_words(found, goal)


def test_those_that_agree_are_counted_with_their_sources() -> None:
    said = {"preference": ["base"] * 4, "goal_posterior": ["base"] * 3 + ["abstains"]}
    assert say(said, "base", preference="episodes", goal_posterior="moves") == (
        "2 of 2 other evaluators that answer agree (preference, goal posterior; 1 "
        "independent source of data)."
    )


def test_evaluators_of_the_same_data_are_one_source() -> None:
    said = {"goal_posterior": ["proxy"] * 4, "directedness": ["proxy"] * 4}
    found = witnesses.testimony(
        facts(said, {"goal_posterior": "moves", "directedness": "moves"}),
        "proxy",
        range(4),
        "sampled",
    )
    assert found.independent == 1


def test_who_reads_the_counted_episodes_is_no_independent_witness() -> None:
    text = say({"preference": ["base"] * 4}, "base", preference="episodes")
    assert "(preference; from the same episodes)" in text


def test_disagreement_is_said_with_the_answer() -> None:
    text = say({"displacement": ["neither"] * 3 + ["base"]}, "base")
    assert text == (
        "0 of 1 other evaluators that answer agree. Disagreeing: displacement reads "
        "neither in 3 of 4 seeds."
    )


@pytest.mark.parametrize("said", [["abstains"] * 4, ["base", "proxy"] * 2])
def test_an_evaluator_without_an_answer_for_most_seeds_is_silent(
    said: list[str],
) -> None:
    found = witnesses.testimony(
        facts({"displacement": said}), "base", range(4), "sampled"
    )
    assert found.disagree == ()
    assert [each.name for each in found.silent] == ["displacement"]


def test_answers_where_outcomes_name_no_goal_are_told_and_contradict_nothing() -> None:
    text = say({"goal_posterior": ["base"] * 4}, "not determined")
    assert text == "Outcomes name no goal; goal posterior reads base in 4 of 4 seeds."


def test_other_seeds_policies_and_modes_are_not_heard() -> None:
    known = facts({"preference": ["base", "base", "proxy"]})
    known["preference"]["readings"] += [
        ["random", "sampled", 0, "proxy", ""],
        ["trained", "greedy", 0, "proxy", ""],
    ]
    (witness,) = witnesses.testimony(known, "base", [0, 1], "sampled").agree
    assert witness.answers == {"base": 2}


def test_outcomes_and_those_that_claim_nothing_are_no_witnesses() -> None:
    known = facts({"outcomes": ["proxy"] * 4, "critic": ["proxy"] * 4})
    known["critic"]["claims"] = False
    found = witnesses.testimony(known, "base", range(4), "sampled")
    assert (found.agree, found.disagree, found.silent) == ((), (), ())
    assert witnesses.testimony_in_words(found, "base") == ""


def test_seeds_that_an_evaluator_was_not_asked_of_are_not_its_to_answer() -> None:
    known = facts({"displacement": ["proxy"]})
    found = witnesses.testimony(known, "base", range(8), "sampled")
    assert found.disagree == ()
    assert found.silent[0].answers == {"proxy": 1, "abstains": 7}
