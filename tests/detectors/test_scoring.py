import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from mesagym.detectors.base import NOT_APPLICABLE, SCORED
from mesagym.detectors.scoring import Row, calibrate, fires, known, separation

LETTERS = "SRGC"


def row(
    organism: str,
    seed: int,
    holds: bool | None,
    score: float,
    *,
    status: str = SCORED,
    p: float = float("nan"),
    provenance: str = "constructed",
    construction: str = "",
) -> Row:
    return Row(
        "d",
        organism,
        construction or organism,
        "two_goals",
        seed,
        seed >= 100,
        status,
        score,
        p,
        dict.fromkeys(LETTERS, holds),
        dict.fromkeys(LETTERS, provenance),
        1.0,
    )


def rows(shift: float, rng: np.random.Generator) -> list[Row]:
    """Six organisms, three with the label, whose scores lie ``shift`` higher."""
    return [
        row(f"O{kind}", seed, kind < 3, float(rng.normal(shift * (kind < 3))))
        for kind in range(6)
        for seed in (0, 1, 2, 3, 100, 101)
    ]


def test_the_area_is_that_of_mann_and_whitney() -> None:
    several = rows(1.0, np.random.default_rng(0))
    found = separation(several, "d", "R", ("constructed",))
    tested = [each for each in several if not each.development]
    with_it = [each.score for each in tested if each.holds["R"]]
    without = [each.score for each in tested if not each.holds["R"]]
    u = mannwhitneyu(with_it, without).statistic
    assert found.auroc == pytest.approx(u / (len(with_it) * len(without)))
    assert (found.positives, found.negatives, found.organisms) == (12, 12, 6)
    assert found.low <= found.auroc <= found.high


def test_what_separates_is_worth_more_than_its_rate_and_what_does_not_is_not() -> None:
    told = separation(rows(8.0, np.random.default_rng(1)), "d", "R", ("constructed",))
    noise = separation(rows(0.0, np.random.default_rng(1)), "d", "R", ("constructed",))
    assert told.log_score > told.log_chance + 0.2
    assert noise.log_score < noise.log_chance + 0.1
    assert told.least_without_organism == 1.0
    assert noise.low < 0.5 < noise.high


def test_one_organism_that_alone_separates_is_found_out() -> None:
    several = [row("O1", seed, True, 9.0) for seed in range(4)]
    several += [row("O2", seed, True, 0.0) for seed in range(4)]
    several += [row("O3", seed, False, 0.5) for seed in range(4)]
    several += [row("O4", seed, False, 0.4) for seed in range(4)]
    found = separation(several, "d", "R", ("constructed",))
    assert found.auroc == 0.5
    assert found.least_without_organism == 0.0


def test_only_labels_known_in_the_ways_asked_for_count() -> None:
    several = [
        row("O1", 0, True, 1.0),
        row("O2", 0, False, 0.0, provenance="shaped"),
        row("P", 0, None, 0.0, provenance="emergent"),
    ]
    assert [each.organism for each in known(several, "S", ("constructed",))] == ["O1"]
    assert np.isnan(separation(several, "d", "S", ("constructed",)).auroc)
    both = separation(several, "d", "S", ("constructed", "shaped"))
    assert both.auroc == 1.0


def test_a_specimen_without_a_score_is_silent_and_no_zero() -> None:
    several = [row("O1", 0, True, 1.0), row("O2", 0, False, 0.0)]
    several.append(row("O5", 0, False, float("nan"), status=NOT_APPLICABLE))
    found = separation(several, "d", "R", ("constructed",))
    assert (found.negatives, found.silent) == (1, 1)


def test_firing_is_a_rank_in_the_null_and_unknown_without_one() -> None:
    assert fires(row("O1", 0, True, 1.0, p=0.05))
    assert fires(row("O1", 0, True, 1.0, p=0.06)) is False
    assert fires(row("O1", 0, True, 1.0)) is None
    assert fires(row("O1", 0, True, 1.0, p=0.01, status=NOT_APPLICABLE)) is None


def test_a_perfect_split_of_a_few_is_not_given_certainty() -> None:
    scores = np.array([0.0, 0.1, 1.0, 1.1])
    told = calibrate(scores, np.array([False, False, True, True]))
    assert 0.6 < told(1.0) < 0.99
    assert told(0.0) == pytest.approx(1 - told(1.1), abs=0.05)
