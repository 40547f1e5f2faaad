"""How checks read in tables: never a number that nothing stands behind."""

from typing import Any

from mesagym.reproductions.table import check_in_words, figure_in_words, in_short


def check(**changed: Any) -> dict[str, Any]:
    return {
        "words": "above .5",
        "status": "held",
        "estimate": 0.7,
        "low": 0.6,
        "high": 0.8,
        "bound": 0.5,
        "side": "above",
        "p": None,
        "seeds": 10,
        **changed,
    }


def result(*statuses: str) -> dict[str, Any]:
    checks = [
        check(words=f"check {k}", status=status) for k, status in enumerate(statuses)
    ]
    return {"judgement": {"checks": checks, "reason": "", "outcome": "refuted"}}


def test_an_interval_stands_behind_its_number() -> None:
    assert check_in_words(check()) == "above .5: .70 [.60, .80] (held)"


def test_an_interval_open_on_one_side_says_so() -> None:
    assert figure_in_words(check(low=None)) == ".70 [−∞, .80]"


def test_a_yes_or_no_without_an_interval_is_a_dash_with_its_reason() -> None:
    said = figure_in_words(check(estimate=0.0, low=None, high=None, seeds=30))
    assert said == "— yes or no, without an interval"


def test_where_nothing_could_be_measured_there_is_no_number_and_no_yes_or_no() -> None:
    nothing = {"estimate": None, "low": None, "high": None, "seeds": 0}
    assert figure_in_words(check(**nothing)) == "— no number"


def test_a_fit_that_is_open_on_both_sides_keeps_its_number() -> None:
    said = figure_in_words(check(low=None, high=None, bound=None))
    assert said == ".70 [−∞, ∞]"


def test_of_one_seed_there_is_the_number_and_no_interval() -> None:
    said = figure_in_words(check(low=None, high=None, seeds=1))
    assert said == ".70, one seed: no interval"


def test_a_permutation_test_has_its_p_with_or_without_a_slope() -> None:
    nothing = {"low": None, "high": None}
    assert figure_in_words(check(p=0.031, **nothing)) == ".70, p = .031"
    assert figure_in_words(check(p=0.0001, estimate=None, **nothing)) == "p < .001"


def test_in_short_what_did_not_hold_comes_first() -> None:
    said = in_short(result("held", "held", "held", "held", "failed"))
    assert [line.partition(":")[0] for line in said] == [
        "check 4",
        "check 0",
        "check 1",
        "4 of 5 checks held",
    ]


def test_in_short_a_failure_is_not_hidden_behind_what_is_unclear() -> None:
    said = in_short(result(*["unclear"] * 4, "failed"))
    assert said[0].startswith("check 4")


def test_in_short_it_is_said_where_all_held() -> None:
    assert in_short(result(*["held"] * 7))[-1] == "all 7 checks held"


def test_few_checks_are_all_there_in_their_order() -> None:
    said = in_short(result("held", "failed", "held"))
    assert [line.partition(":")[0] for line in said] == [
        "check 0",
        "check 1",
        "check 2",
    ]
    assert in_short(None) == []
