"""Films: frames of a few episodes, side by side, as one small looping GIF."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from mesagym.evals.columns import spoken
from mesagym.report import style
from mesagym.report.legend import legend_strip
from mesagym.report.lettering import fitting, font, wrap, write
from mesagym.report.tally import shift_title
from mesagym.sprites import Glyph
from mesagym.tracking import atomic_write_bytes
from mesagym.tracking.files import make_folders

LARGEST = 2_000_000
"""Bytes that a film may have."""

FRAME_WIDTH = 232
"""Pixels of a frame in a film, so that captions fit and a phone can show two.

Frames of other sizes are scaled; those a little narrower, the widest that whole tiles
allow (``tile = FRAME_WIDTH // columns``), are kept as they are.
"""

LONGEST = 128
"""Steps shown of an episode at most: a film of more is not watched to its end."""

_EDGE = 3
_FRAME_MS = 140
_HOLD_MS = 2200  # on the last frame, long enough to read how it ended
_AFTER = 12  # steps shown after an episode is decided
_UNDECIDED = 64  # steps shown of an episode that nothing decides
_CELL = FRAME_WIDTH + 2 * _EDGE
_PAD = 12
_LINE = 18
_TYPE = 14
_COLOURS = 64


@dataclass(frozen=True)
class Episode:
    """The frames of one episode, and what happened in it."""

    frames: np.ndarray
    """uint8[shown + 1, height, width, 3], the first before any step; of a long episode
    those of its first steps."""
    first: Mapping[str, int]
    """1-based step of the first crediting of each objective, -1 never. An objective
    that the level does not have is left out."""
    shift: str
    seed: int
    note: str = ""
    """Such as ``level 12``."""
    paid: np.ndarray | None = None
    """float32[steps, K]: what each step paid of each objective, where outcomes are
    amounts; None in a contest."""
    length: int | None = None
    """How many steps it took, where not all of them have a frame."""
    legend: Mapping[str, Glyph] = field(default_factory=dict)
    """How the things that its frames show are drawn, by name."""
    phrases: Mapping[str, str] = field(default_factory=dict)
    """What was done that objectives pay for, see `mesagym.evals.columns.phrase`."""

    @property
    def steps(self) -> int:
        """How many steps it took."""
        return len(self.frames) - 1 if self.length is None else self.length


def caption(episode: Episode, step: int, names: Sequence[str]) -> list[str]:
    """Return what has happened by a step: running amounts, or what was reached.

    Once no more of the episode is shown, what comes later is said as well, and in a
    contest what never happened.

    Args:
        episode: the episode.
        step: from 0, before any step.
        names: of the objectives, the base objective first.
    """
    over = step >= shown_steps(episode)
    if episode.paid is not None:
        lines = [_amounts(episode.paid[:step], names)]
        if over and episode.steps > step:
            total = _amounts(episode.paid, names)
            lines.append(f"in all {episode.steps} steps: {total}")
        return lines
    there = [name for name in names if name in episode.first]
    reached = sorted(
        (episode.first[name], there.index(name), spoken(name))
        for name in there
        if 0 < episode.first[name] <= step
    )
    if len(reached) > 1 and len({when for when, _, _ in reached}) == 1:
        lines = [f"{' and '.join(n for _, _, n in reached)} at step {reached[0][0]}"]
    else:
        lines = [
            f"{_done(episode, there[place])} at step {when}"
            for when, place, _ in reached
        ]
    if not over:
        return lines
    if max(episode.first.values()) < 0 and len(there) > 1:
        none = "neither" if len(there) == 2 else "none of them"
        return [f"{none}, in {episode.steps} steps"]
    for name in there:
        if episode.first[name] > step:
            done = _done(episode, name)
            lines.append(f"{done} only at step {episode.first[name]}")
        elif episode.first[name] < 0:
            said = episode.phrases.get(name)
            lines.append(f"never {said}" if said else f"{spoken(name)}: never")
    return lines


def _done(episode: Episode, name: str) -> str:
    """Return what was done, or the objective's name where no phrase says it."""
    return episode.phrases.get(name, spoken(name))


def _amounts(paid: np.ndarray, names: Sequence[str]) -> str:
    totals = zip(names, paid.sum(0), strict=True)
    # Amounts are mostly counts, which need no digits behind the point.
    return ", ".join(f"{spoken(name)} {round(float(n), 2):g}" for name, n in totals)


def outcome(episode: Episode, step: int, names: Sequence[str]) -> str | None:
    """Return ``base``, ``proxy`` or ``both`` once decided, ``neither`` at the end.

    None as long as nothing is decided, and where outcomes are amounts.
    """
    if episode.paid is not None:
        return None
    over = step >= shown_steps(episode)
    reached = {
        name: when
        for name, when in episode.first.items()
        if 0 < when <= (episode.steps if over else step)
    }
    if not reached:
        return "neither" if over else None
    first = [name for name in reached if reached[name] == min(reached.values())]
    if len(first) > 1 and names[0] in first:
        return "both"
    return "base" if first[0] == names[0] else "proxy"


def shown_steps(episode: Episode) -> int:
    """Return how many steps of an episode a film shows.

    An agent that waits in its corner until the time is up is not worth watching.
    """
    there = min(episode.steps, len(episode.frames) - 1, LONGEST)
    decided = [when for when in episode.first.values() if when > 0]
    if episode.paid is not None or not decided:
        return min(there, _UNDECIDED)
    return min(there, min(decided) + _AFTER)


def film(
    episodes: Sequence[Episode],
    title: str,
    names: Sequence[str],
    *,
    columns: int = 2,
    largest: int = LARGEST,
) -> bytes:
    """Return a looping GIF of episodes in a grid, each with its caption.

    At the foot stands what the shapes are, where episodes have a legend. The title is
    kept in the file as its comment.

    Args:
        episodes: at least one, with frames of one size.
        title: above all of them.
        names: of the objectives, the base objective first.
        columns: episodes side by side; more than two are hard to see on a phone.
        largest: bytes. Frames are left out, every second one, until it fits.

    Raises:
        ValueError: no episode, frames of different sizes, or too large even so.
    """
    if not episodes or len({each.frames.shape[1:] for each in episodes}) != 1:
        raise ValueError("a film needs at least one episode, and frames of one size")
    last = max(shown_steps(each) for each in episodes)
    # As many as the longest caption has, which is its last one.
    lines = max(2, *(len(_told(each, shown_steps(each), names)) for each in episodes))
    stride = 1
    while True:
        steps = [*range(0, last, stride), last]
        images = [_page(episodes, step, title, names, columns, lines) for step in steps]
        times = [_FRAME_MS * stride] * len(steps)
        times[0] = max(times[0], 800)
        times[-1] = _HOLD_MS
        data = _gif(images, times, title)
        if len(data) <= largest:
            return data
        if stride > last:
            raise ValueError(
                f"a film of {len(episodes)} episodes has {len(data)} bytes, more than "
                f"{largest}: show fewer, or smaller frames"
            )
        stride *= 2


def save_film(
    path: str | Path,
    episodes: Sequence[Episode],
    title: str,
    names: Sequence[str],
    *,
    columns: int = 2,
) -> Path:
    """Write :func:`film` to a file and return its path."""
    path = Path(path)
    data = film(episodes, title, names, columns=columns)
    make_folders(path.parent)
    atomic_write_bytes(path, data)
    return path


def film_title(data: bytes) -> str:
    """Return the title of a film, empty for a GIF that has none."""
    with Image.open(io.BytesIO(data)) as image:
        comment = image.info.get("comment", b"")
    return comment.decode(errors="replace") if isinstance(comment, bytes) else comment


def last_frame(data: bytes) -> bytes:
    """Return a film's last frame as PNG, for those who want nothing to move."""
    with Image.open(io.BytesIO(data)) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        file = io.BytesIO()
        image.convert("RGB").quantize(_COLOURS).save(file, "PNG", optimize=True)
    return file.getvalue()


# --- drawing --------------------------------------------------------------------------


def _page(
    episodes: Sequence[Episode],
    step: int,
    title: str,
    names: Sequence[str],
    columns: int,
    lines: int,
) -> Image.Image:
    cells = [_cell(each, step, names, lines) for each in episodes]
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    width, height = cells[0].size
    total = columns * width + (columns + 1) * _PAD
    heading = wrap(title, font(15, bold=True), total - 2 * _PAD)
    top = _PAD + 21 * len(heading)
    foot = top + rows * (height + _PAD)
    names_of = {name: glyph for each in episodes for name, glyph in each.legend.items()}
    strip = legend_strip(names_of, total - 2 * _PAD)
    below = strip.height if strip else 0
    image = Image.new("RGB", (total, foot + below + _PAD // 2), style.PAPER)
    if strip:
        image.paste(strip, (_PAD, foot))
    draw = ImageDraw.Draw(image)
    for k, line in enumerate(heading):
        draw.text((_PAD, _PAD - 3 + 21 * k), line, style.INK, font(15, bold=True))
    for k, cell in enumerate(cells):
        row, column = divmod(k, columns)
        place = (_PAD + column * (width + _PAD), top + row * (height + _PAD))
        image.paste(cell, place)
    return image


def _cell(episode: Episode, step: int, names: Sequence[str], lines: int) -> Image.Image:
    step = min(step, shown_steps(episode))
    frame = Image.fromarray(episode.frames[step])
    if not 0.85 * FRAME_WIDTH <= frame.width <= FRAME_WIDTH:
        # Enlarged first, so that tiles stay sharp but for the pixels between them.
        large = (4 * frame.width, 4 * frame.height)
        size = (FRAME_WIDTH, round(frame.height * FRAME_WIDTH / frame.width))
        frame = frame.resize(large, Image.Resampling.NEAREST)
        frame = frame.resize(size, Image.Resampling.BOX)
    top = _LINE * 2 + 5
    below = top + frame.height + 2 * _EDGE + 5
    image = Image.new("RGB", (_CELL, below + _LINE * lines), style.PAPER)
    draw = ImageDraw.Draw(image)
    what = [shift_title(episode.shift), episode.note]
    write(
        draw,
        (0, 0),
        ", ".join(part for part in what if part),
        style.MUTED,
        _CELL,
        _TYPE,
    )
    write(draw, (0, _LINE), f"seed {episode.seed}", style.MUTED, _CELL, _TYPE)
    right = frame.width + 2 * _EDGE - 1
    count = f"step {step} of {episode.steps}"
    draw.text((right, _LINE), count, style.INK, font(_TYPE), anchor="ra")
    decided = outcome(episode, step, names)
    colour = style.OUTCOME_COLOURS[decided] if decided else style.FAINT
    draw.rectangle((0, top, right, below - 6), colour)
    image.paste(frame, (_EDGE, top + _EDGE))
    # A contest's outcome has a dot before it.
    left = 16 if episode.paid is None else 0
    told = _told(episode, step, names)
    # What goes on in the next line goes on in its size.
    size = _TYPE if episode.paid is None else fitting(told, _CELL, _TYPE)
    for k, line in enumerate(told):
        y = below + _LINE * k
        if k == 0 and decided:
            draw.ellipse((1, y + 4, 10, y + 13), fill=colour)
        write(draw, (left, y), line, style.INK, _CELL, size)
    return image


def _told(episode: Episode, step: int, names: Sequence[str]) -> list[str]:
    """Return the caption; amounts that are too long for a line, in several."""
    told = caption(episode, step, names)
    if episode.paid is None:
        return told
    lines: list[str] = []
    for line in told:
        lines.append("")
        for item in line.split(", "):
            longer = f"{lines[-1]}, {item}".removeprefix(", ")
            if lines[-1] and font(_TYPE).getlength(f"{longer},") > _CELL:
                lines[-1] += ","
                lines.append(item)
            else:
                lines[-1] = longer
    return lines


def _gif(images: Sequence[Image.Image], times: Sequence[int], comment: str) -> bytes:
    # One palette for all frames, without dither, so that what stands still is the
    # same in every frame and costs nothing.
    palette = Image.new("P", (1, 1))
    palette.putpalette(_palette([images[0], images[-1]]).tobytes())
    frames = [
        image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images
    ]
    file = io.BytesIO()
    frames[0].save(
        file,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=list(times),
        loop=0,
        comment=comment.encode(),
        optimize=False,
    )
    return file.getvalue()


def _palette(images: Sequence[Image.Image]) -> np.ndarray:
    """Return the commonest colours, uint8[colours, 3], none close to another.

    Averaged colours would turn white into nearly white, and so would colours so close
    that Pillow, which looks them up coarsely, takes one for the other.
    """
    counts: dict[tuple[int, ...], int] = {}
    for image in images:
        for count, colour in image.getcolors(image.width * image.height) or []:
            if isinstance(colour, tuple):
                counts[colour] = counts.get(colour, 0) + count
    chosen: list[tuple[int, ...]] = []
    for colour in sorted(counts, key=lambda each: (-counts[each], each)):
        near = (np.array(chosen or [(999, 999, 999)]) - colour).astype(np.int64)
        if len(chosen) < _COLOURS and np.abs(near).max(1).min() > 8:
            chosen.append(colour)
    return np.array(chosen, np.uint8)
