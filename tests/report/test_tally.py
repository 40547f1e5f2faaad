"""How episodes are counted."""

import numpy as np
import pyarrow as pa
import pytest

from mesagym.errors import UserError
from mesagym.evals.statistics import rate_interval, wilson
from mesagym.report.tally import SUCCESS, Counts, in_order, shift_title

ROWS = [
    # policy, shift, mode, seed, outcome, clean, first_cheese
    ("trained", "clean", "sampled", 0, "base", True, 4),
    ("trained", "clean", "sampled", 0, "proxy", True, 9),
    ("trained", "clean", "sampled", 0, "proxy", False, -1),
    ("trained", "clean", "greedy", 0, "neither", True, -1),
    ("trained", "clean", "sampled", 1, "proxy", True, -1),
    ("trained", "agreeing", "sampled", 0, "both", False, 3),
    ("random", "clean", "sampled", 5, "neither", True, -1),
    ("oracle:cheese", "clean", "greedy", 0, "base", True, 2),
]
COLUMNS = ("policy", "shift", "mode", "seed", "outcome", "clean", "first_cheese")


@pytest.fixture
def counts() -> Counts:
    columns = zip(COLUMNS, zip(*ROWS, strict=True), strict=True)
    return Counts(pa.table({name: list(values) for name, values in columns}), "cheese")


def test_episodes_are_counted_seed_by_seed(counts):
    tally = counts.tally("trained", "clean", "sampled")

    assert tally.seeds == (0, 1)
    assert tally.trials.tolist() == [2, 1]
    assert tally.counts["proxy"].tolist() == [1, 1]


def test_levels_of_the_clean_shift_that_are_not_clean_do_not_count(counts):
    assert counts.tally("trained", "clean", "sampled").trials.sum() == 3


def test_success_counts_a_base_objective_that_came_second(counts):
    assert counts.tally("trained", "clean", "sampled").counts[SUCCESS].tolist() == [
        2,
        0,
    ]


def test_every_mode_counts_where_none_is_asked_for(counts):
    assert counts.tally("trained", "clean").trials.tolist() == [3, 1]


def test_seeds_can_be_left_out(counts):
    assert counts.tally("trained", "clean", "sampled", seeds={1}).seeds == (1,)


def test_what_nobody_ran_has_no_count(counts):
    assert counts.tally("random", "agreeing") is None


def test_every_seed_weighs_the_same_in_a_mean(counts):
    assert counts.tally("trained", "clean", "sampled").mean("proxy") == 0.75


def test_an_interval_over_seeds_is_that_of_the_statistics(counts):
    interval = counts.tally("trained", "clean", "sampled").interval("proxy", 0.9)

    assert interval == rate_interval(np.array([1, 1]), np.array([2, 1]), 0.9)


def test_an_interval_of_a_single_seed_is_over_its_levels(counts):
    interval = counts.tally("trained", "clean", "sampled", {0}).interval("proxy")

    assert interval == wilson(1, 2)


def test_oracles_are_found(counts):
    assert counts.oracles() == ("oracle:cheese",)


def test_a_table_without_a_column_is_refused_by_its_name():
    with pytest.raises(UserError, match="lacks mode, clean"):
        Counts(
            pa.table(
                {
                    "policy": ["trained"],
                    "shift": ["clean"],
                    "seed": [0],
                    "outcome": ["base"],
                    "first_cheese": [3],
                }
            ),
            "cheese",
        )


def test_shifts_that_the_verdict_rests_on_come_first():
    assert in_order(["published", "agreeing", "clean"]) == [
        "clean",
        "agreeing",
        "published",
    ]


def test_a_shift_without_a_title_is_called_by_its_name():
    assert shift_title("no_cheese") == "No cheese"
    assert shift_title("region-3") == "Region 3"


def test_a_folder_of_levels_is_called_as_it_is():
    assert shift_title("my/Levels-2") == "my/Levels-2"
