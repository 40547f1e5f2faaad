"""What the columns of a table say of its environment."""

from mesagym.evals.columns import (
    file_name,
    kind_of,
    objectives_of,
    own_objectives_of,
    proxies_in_words,
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
