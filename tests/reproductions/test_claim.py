"""`claim.yaml`: what it says, and what it must say."""

from pathlib import Path
from typing import Any

import pytest

from mesagym.errors import UserError
from mesagym.reproductions.claim import read_claim
from tests.reproductions.examples import CLAIM, written


def test_overrides_of_all_of_the_scale_and_of_the_condition_follow_one_another(
    tmp_path: Path,
) -> None:
    claim = read_claim(written(tmp_path / "larger"))
    assert claim.scale("laptop").conditions == {
        "one": ("env=corner", "seeds=10", "split.alpha=0")
    }


def test_a_scale_may_have_conditions_of_its_own(tmp_path: Path) -> None:
    claim = read_claim(written(tmp_path / "larger"))
    assert claim.scale("paper").conditions == {"two": ("env=corner", "env.size=15")}
    assert claim.scale("paper").note == "Larger."


def test_a_number_is_taken_as_it_is_written(tmp_path: Path) -> None:
    assert read_claim(written(tmp_path / "larger")).published[0].value == "0.89"


def test_a_published_figure_is_tested_unless_it_says_that_it_is_not(
    tmp_path: Path,
) -> None:
    row = {"what": "x", "value": "many", "sure": "read"}
    folder = written(tmp_path / "larger", published=[row, {**row, "tested": False}])
    assert [each.tested for each in read_claim(folder).published] == [True, False]


def test_a_reproduction_is_called_what_its_folder_is(tmp_path: Path) -> None:
    assert read_claim(written(tmp_path / "larger")).name == "larger"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"claim": None}, "claim: is missing"),
        ({"test": "  "}, "test: is missing or empty"),
        ({"kind": "rumour"}, "'rumour' is none of"),
        ({"clam": "x"}, "clam: unknown key. Did you mean 'claim'?"),
        ({"sources": None}, "a published result needs sources"),
        ({"sources": [{"text": "x"}]}, "each needs exactly text, url"),
        (
            {"published": [{"what": "x", "value": "y", "sure": "read", "test": False}]},
            "each needs exactly what, value, sure, and may have tested",
        ),
        (
            {"published": [{"what": "x", "value": "many", "sure": "quite"}]},
            "'quite' is none of",
        ),
        (
            {"published": [{"what": "x", "value": "89 %", "sure": "memory"}]},
            "is a number from memory",
        ),
        (
            {
                "published": [
                    {"what": "x", "value": "1", "sure": "read", "tested": "hardly"}
                ]
            },
            "tested: is neither true nor false",
        ),
        ({"scales": {"smoke": {}}}, "lacks laptop, paper"),
        ({"scales": {**CLAIM["scales"], "huge": {}}}, "'huge' is none of"),
        ({"conditions": None}, "has no conditions"),
        ({"overrides": "env=corner"}, "overrides: is no list"),
    ],
)
def test_what_cannot_be_is_named(
    tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_claim(written(tmp_path / "larger", **changed))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "- a list", "a: [unclosed"])
def test_a_file_that_holds_no_claim_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "claim.yaml").write_text(text)
    with pytest.raises(UserError, match=r"claim\.yaml"):
        read_claim(tmp_path)


def test_an_unknown_scale_is_refused_with_those_there_are(tmp_path: Path) -> None:
    claim = read_claim(written(tmp_path / "larger"))
    with pytest.raises(UserError, match="smoke, laptop, paper"):
        claim.scale("galaxy")


def test_a_shown_condition_that_there_is_not_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "larger", shown=["too"])
    with pytest.raises(UserError, match=r"no condition 'too'\. Did you mean 'two'"):
        read_claim(folder)


def test_shown_conditions_are_read(tmp_path: Path) -> None:
    assert read_claim(written(tmp_path / "larger", shown=["two"])).shown == ("two",)
    assert read_claim(written(tmp_path / "larger")).shown == ()
