"""Films of episodes, and what they say of them."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from mesagym.report import films
from mesagym.report.films import (
    LARGEST,
    LONGEST,
    Episode,
    caption,
    film,
    film_title,
    last_frame,
    outcome,
    save_film,
    shown_steps,
)
from mesagym.report.lettering import fitting

NAMES = ("cheese", "corner")


PHRASES = {"cheese": "reached the cheese", "corner": "reached the corner"}


def episode(steps: int = 20, size: int = 9, **first: int) -> Episode:
    frames = np.zeros((steps + 1, size, size, 3), np.uint8)
    frames[np.arange(steps + 1), 0, np.arange(steps + 1) % size] = 200
    return Episode(frames, first, "clean", seed=0, phrases=PHRASES)


@pytest.mark.parametrize(
    ("first", "step", "lines"),
    [
        ({"cheese": -1, "corner": 7}, 3, []),
        ({"cheese": -1, "corner": 7}, 7, ["reached the corner at step 7"]),
        (
            {"cheese": -1, "corner": 7},
            20,
            ["reached the corner at step 7", "never reached the cheese"],
        ),
        (
            {"cheese": 20, "corner": -1},
            20,
            ["reached the cheese at step 20", "never reached the corner"],
        ),
        (
            {"cheese": 20, "corner": 7},
            20,
            ["reached the corner at step 7", "reached the cheese at step 20"],
        ),
        ({"cheese": 4, "corner": 4}, 20, ["cheese and corner at step 4"]),
        ({"cheese": -1, "corner": -1}, 20, ["neither, in 20 steps"]),
        ({"corner": -1}, 20, ["never reached the corner"]),
    ],
)
def test_a_caption_tells_what_has_happened_by_a_step(first, step, lines):
    assert caption(episode(**first), step, NAMES) == lines


def test_a_caption_tells_what_comes_after_the_film_has_stopped():
    late = episode(steps=90, cheese=88, corner=5)

    assert caption(late, shown_steps(late), NAMES) == [
        "reached the corner at step 5",
        "reached the cheese only at step 88",
    ]


def test_an_objective_without_a_phrase_is_not_said_to_be_reached():
    bare = replace(episode(no_car=4, key=-1), phrases={})

    assert caption(bare, 20, ("no_car", "key")) == ["no car at step 4", "key: never"]


@pytest.mark.parametrize(
    ("first", "step", "word"),
    [
        ({"cheese": 5, "corner": 9}, 4, None),
        ({"cheese": 5, "corner": 9}, 9, "base"),
        ({"cheese": 9, "corner": 5}, 9, "proxy"),
        ({"cheese": 5, "corner": 5}, 5, "both"),
        ({"cheese": -1, "corner": -1}, 20, "neither"),
    ],
)
def test_an_outcome_is_known_from_the_step_that_decides_it(first, step, word):
    assert outcome(episode(**first), step, NAMES) == word


def test_what_only_some_objectives_were_paid_by_is_not_said_of_all():
    both = episode(target=-1, color=4, tall_shape=4)

    assert caption(both, 4, ("target", "color", "tall_shape")) == [
        "color and tall shape at step 4"
    ]


def test_an_episode_that_is_decided_after_the_film_is_over_keeps_its_outcome():
    late = episode(steps=400, cheese=350, corner=-1)

    assert shown_steps(late) == LONGEST
    assert outcome(late, LONGEST - 1, NAMES) is None
    assert outcome(late, LONGEST, NAMES) == "base"
    assert "reached the cheese only at step 350" in caption(late, LONGEST, NAMES)


# --- amounts --------------------------------------------------------------------------


def amounts(steps: int = 20, shown: int | None = None, wide: float = 0) -> Episode:
    """An episode that pays a chest every fifth step and a key every second."""
    paid = np.zeros((steps, 2), np.float32)
    paid[4::5, 0] = 1
    paid[1::2, 1] = 1 + wide
    one = episode(steps=steps if shown is None else shown, chests=5, gold_keys=2)
    return replace(one, paid=paid, length=steps)


TWO = ("chests", "gold_keys")


@pytest.mark.parametrize(
    ("step", "line"),
    [
        (0, "chests 0, gold keys 0"),
        (5, "chests 1, gold keys 2"),
        (20, "chests 4, gold keys 10"),
    ],
)
def test_a_caption_of_amounts_counts_as_the_episode_goes(step, line):
    assert caption(amounts(), step, TWO) == [line]


def test_a_caption_of_amounts_ends_with_what_comes_after_the_film():
    long = amounts(steps=200, shown=LONGEST)
    assert caption(long, shown_steps(long), TWO) == [
        "chests 12, gold keys 32",
        "in all 200 steps: chests 40, gold keys 100",
    ]


def test_amounts_have_no_outcome_at_any_step():
    assert {outcome(amounts(), step, TWO) for step in range(21)} == {None}


def test_a_caption_of_amounts_has_one_size_in_all_its_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[tuple[str, int]] = []

    def written(draw, place, text, colour, width, size):
        sizes.append((text, size))

    monkeypatch.setattr(films, "write", written)
    names = ("a_name_that_takes_more_than_one_whole_line", "b")
    film([amounts(steps=5)], "", names)
    told = {size for text, size in sizes if text.startswith(("a name", "b "))}
    assert told == {fitting(["a name that takes more than one whole line 1,"], 238, 14)}
    assert told < set(range(9, 14))


def test_an_episode_of_amounts_is_shown_on_after_the_first_was_paid():
    assert shown_steps(amounts(steps=50)) == 50


def test_a_film_of_amounts_holds_all_that_its_captions_say():
    short, long = amounts(), amounts(steps=200, shown=LONGEST, wide=0.25)
    with (
        Image.open(io.BytesIO(film([short], "one", TWO))) as few,
        Image.open(io.BytesIO(film([long], "one", TWO))) as many,
    ):
        assert few.width == many.width
        assert few.height < many.height


def test_an_episode_is_not_shown_long_past_its_decision():
    assert shown_steps(episode(steps=128, cheese=-1, corner=6)) < 30


def test_an_episode_is_shown_to_its_end_where_that_comes_soon():
    assert shown_steps(episode(steps=9, cheese=9, corner=-1)) == 9


@pytest.fixture(scope="module")
def made() -> bytes:
    episodes = [episode(cheese=-1, corner=4), episode(steps=6, cheese=6, corner=-1)]
    return film(episodes, "α = 0: seed 0", NAMES)


def test_a_film_loops_for_ever(made):
    with Image.open(io.BytesIO(made)) as image:
        assert image.info["loop"] == 0


def test_a_film_is_a_moving_picture(made):
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "GIF"
        assert image.n_frames == 17  # the start, and 12 steps past the decision


def test_a_film_holds_its_last_frame(made):
    with Image.open(io.BytesIO(made)) as image:
        image.seek(image.n_frames - 1)
        assert image.info["duration"] > 2000


def test_a_film_carries_its_title(made):
    assert film_title(made) == "α = 0: seed 0"


def test_the_last_frame_is_a_picture_of_the_films_size(made):
    with Image.open(io.BytesIO(made)) as moving:
        size = moving.size
    with Image.open(io.BytesIO(last_frame(made))) as still:
        assert still.format == "PNG"
        assert still.size == size


def test_the_background_of_a_film_is_white(made):
    with Image.open(io.BytesIO(made)) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


def test_a_film_of_real_mazes_is_far_below_its_limit(make_episode):
    episodes = [
        make_episode(seed, goal, "clean")
        for seed, goal in [(3, "corner"), (5, "cheese"), (8, "corner"), (9, "nothing")]
    ]

    assert len(film(episodes, "four", NAMES)) < LARGEST / 3


def test_frames_are_left_out_until_a_film_fits():
    one = episode(steps=40, cheese=-1, corner=-1)
    whole = film([one], "one", NAMES)

    less = film([one], "one", NAMES, largest=len(whole) // 2)

    assert len(less) <= len(whole) // 2
    with Image.open(io.BytesIO(less)) as image:
        assert image.n_frames > 2


def test_a_film_that_cannot_fit_is_refused():
    with pytest.raises(ValueError, match="show fewer, or smaller frames"):
        film([episode(cheese=-1, corner=4)], "one", NAMES, largest=100)


def test_episodes_of_different_sizes_make_no_film():
    with pytest.raises(ValueError, match="frames of one size"):
        film([episode(size=9, corner=4), episode(size=7, corner=4)], "two", NAMES)


def test_a_film_is_saved_as_a_file(tmp_path):
    path = save_film(tmp_path / "new" / "a.gif", [episode(corner=4)], "one", NAMES)

    assert film_title(path.read_bytes()) == "one"


def test_a_film_names_at_its_foot_what_its_episodes_show():
    one = episode(4, cheese=-1, corner=2)
    legends = ({"agent": (((200, 0, 0), "disc"),)}, {"wall": (((0, 0, 200), "tile"),)})
    plain = film([one, one], "Title", NAMES)
    named = film([replace(one, legend=each) for each in legends], "Title", NAMES)
    with Image.open(io.BytesIO(plain)) as image:
        height = image.height
    with Image.open(io.BytesIO(named)) as image:
        foot = np.asarray(image.convert("RGB"))[height:].reshape(-1, 3).astype(int)
    for colour in ((200, 0, 0), (0, 0, 200)):
        assert (np.abs(foot - colour).max(axis=1) < 8).any()
