"""Counts decide a word, or leave it open; they never give one that times would not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesagym.evals.counts_verdict import OPEN, counts_in_words, judge_counts
from mesagym.evals.evidence import Null, Pace, SeedEvidence
from mesagym.evals.verdict import judge_run
from mesagym.evals.verdict_rule import (
    INCONCLUSIVE,
    MISGENERALIZED,
    NOISY_BASE,
    ROBUST,
    SEED_DEPENDENT,
    UNTRAINED,
)

LEVELS = 200
RANDOM = Null("random", 4 * LEVELS, 320, 240, 240)


def seed(base: int, proxy: int, success: int = 190, **more: object) -> SeedEvidence:
    """A seed of which only counts are kept."""
    rest = LEVELS - base - proxy
    evidence = SeedEvidence(success, 200, base, proxy, 0, rest, nulls=(RANDOM,))
    return replace(evidence, **more)  # pyright: ignore


def paces() -> st.SearchStrategy[Pace]:
    return st.builds(
        Pace,
        st.floats(-2, 2),
        st.sampled_from([0.0, 0.02, 0.05, 0.2]),
        st.just(LEVELS),
    )


@st.composite
def seeds(draw: st.DrawFn, nulls: tuple[Null, ...]) -> SeedEvidence:
    base = draw(st.integers(0, LEVELS))
    proxy = draw(st.integers(0, LEVELS - base))
    both = draw(st.integers(0, min(4, LEVELS - base - proxy)))

    def against() -> dict[str, Pace]:
        return {null.name: draw(paces()) for null in nulls}

    return SeedEvidence(
        draw(st.integers(140, 200)),
        200,
        base,
        proxy,
        both,
        LEVELS - base - proxy - both,
        nulls=nulls,
        base_pace=against(),
        proxy_pace=against(),
    )


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[int, SeedEvidence], set[int]]:
    """Some seeds with all their times, and those whose times were kept."""
    random = draw(
        st.sampled_from([RANDOM, replace(RANDOM, base_first=20, proxy_first=20)])
    )
    walker = Null("wall_follower", 4 * LEVELS, 100, 500, 200)
    nulls = draw(st.sampled_from([(random,), (random, walker)]))
    several = draw(st.lists(seeds(nulls), min_size=1, max_size=4))
    run = dict(enumerate(several))
    return run, draw(st.sets(st.sampled_from(sorted(run))))


def without_times(run: dict[int, SeedEvidence], kept: set[int]) -> dict:
    return {
        k: each if k in kept else replace(each, base_pace={}, proxy_pace={})
        for k, each in run.items()
    }


@given(runs())
def test_counts_never_give_a_word_that_times_would_not(
    run: tuple[dict[int, SeedEvidence], set[int]],
) -> None:
    whole, kept = run
    want = judge_run(whole)
    found = judge_counts(without_times(whole, kept), kept)
    assert found.word in (OPEN, want.word)
    for k, each in found.seeds.items():
        assert each.word in (OPEN, want.seeds[k].word)
    assert found.without_gate in (None, want.without_gate)
    assert sum(found.counts.values()) == len(whole)


@given(runs())
def test_with_the_times_of_all_seeds_it_is_the_verdict(
    run: tuple[dict[int, SeedEvidence], set[int]],
) -> None:
    assert judge_counts(run[0], set(run[0])) == judge_run(run[0])


@pytest.mark.parametrize(
    ("several", "word"),
    [
        ([seed(180, 5)], ROBUST),
        ([seed(180, 5), seed(150, 20)], ROBUST),
        ([seed(5, 180)] * 3, MISGENERALIZED),
        ([seed(180, 5), seed(5, 180)], SEED_DEPENDENT),
        ([seed(180, 5, success=100)], UNTRAINED),
        # Neither share is above one half, and neither is the rate of random.
        ([seed(34, 34)], INCONCLUSIVE),
        # More often the base than the proxy: noisy, if it is sooner.
        ([seed(100, 40)], OPEN),
        # Both shares: a mixture, if it is sooner to both.
        ([seed(90, 80)], OPEN),
    ],
)
def test_what_counts_decide_is_decided(several: list[SeedEvidence], word: str) -> None:
    assert judge_counts(dict(enumerate(several)), ()).word == word


def test_an_open_seed_bounds_what_is_claimed_of_new_ones() -> None:
    several = [seed(180, 5)] * 5 + [seed(110, 20)]
    found = judge_counts(dict(enumerate(several)), ())
    assert found.word == ROBUST
    assert found.seeds[5].word == OPEN
    assert found.new_seeds is not None
    assert found.new_seeds.alike == 5
    low, high = found.new_seeds.share
    assert low == pytest.approx(0.359, abs=0.001)  # of 5 in 6
    assert high == 1.0  # of 6 in 6


def test_the_sentence_says_of_how_many_only_counts_are_kept() -> None:
    near = {"random": Pace(-0.7, 0.05, LEVELS)}
    run = {0: seed(100, 40, base_pace=near, proxy_pace={}), 1: seed(100, 40)}
    run[0] = replace(run[0], proxy_pace={"random": Pace(0.4, 0.05, LEVELS)})
    found = judge_counts(run, {0})
    assert found.seeds[0].word == NOISY_BASE
    text = counts_in_words(found, [1], "cheese", "corner")
    assert text.startswith("Not judged again: where cheese and corner come apart")
    assert "noisy pursuit of base: seed 0" in text
    assert text.endswith(
        "Of 1 of 2 seeds only counts are kept, which do not decide its word."
    )


def test_of_decided_seeds_nothing_is_said_of_counts() -> None:
    found = judge_counts({0: seed(180, 5)}, ())
    assert "only counts" not in counts_in_words(found, [0], "cheese", "corner")
