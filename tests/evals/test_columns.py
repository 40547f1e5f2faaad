"""What the columns of a table say of its environment."""

from mesagym.evals.columns import (
    file_name,
    kind_of,
    objectives_of,
    own_objectives_of,
    phrase,
    phrases_of,
    proxies_in_words,
    proxies_phrase,
)

COLUMNS = ["shift", "return_a", "first_a", "optimal_a", "first_b", "optimal_b"]


def test_a_table_without_outcomes_is_of_amounts() -> None:
    assert kind_of(COLUMNS) == "allocation"
    assert kind_of([*COLUMNS, "outcome"]) == "contest"


def test_objectives_that_were_only_watched_are_not_the_environments_own() -> None:
    watched = [*COLUMNS, "first_seen"]
    assert objectives_of(watched) == ("a", "b", "seen")
    assert own_objectives_of(watched) == ("a", "b")


def test_proxies_are_named_as_long_as_there_are_few() -> None:
    assert proxies_in_words(["cheese", "top_corner"]) == "top corner"
    assert proxies_in_words(["target", "color", "shape"]) == "color or shape"
    assert proxies_in_words(["a", "b", "c", "d"]) == "proxy"
    assert proxies_in_words(["cheese"]) == "proxy"


def test_a_folder_of_levels_can_be_part_of_a_files_name() -> None:
    assert file_name("region-3") == "region-3"
    assert file_name("/home/me/my levels") == "home-me-my-levels"


def test_what_was_done_is_said_in_the_environments_words() -> None:
    phrases = {"no_car": "kept clear of the car"}
    assert phrase("no_car", phrases) == "kept clear of the car"
    assert phrase("red_key", phrases) == "reached 'red_key'"


def test_what_proxies_pay_for_is_said_with_one_verb_where_it_is_the_same() -> None:
    phrases = {
        "a": "reached the lamp",
        "b": "reached the door",
        "c": "left by the gate",
    }
    assert proxies_phrase(["x", "a"], phrases) == "reached the lamp"
    assert proxies_phrase(["x", "a", "b"], phrases) == "reached the lamp or the door"
    both = "reached the lamp or left by the gate"
    assert proxies_phrase(["x", "a", "c"], phrases) == both
    assert proxies_phrase(["x", "a", "b", "c"], phrases) == "pursued a proxy"


def test_phrases_of_a_manifest_are_read_whatever_it_holds() -> None:
    assert phrases_of({"phrases": {"a": "reached a", "b": 3}}) == {"a": "reached a"}
    assert phrases_of({"phrases": None}) == phrases_of({}) == {}
