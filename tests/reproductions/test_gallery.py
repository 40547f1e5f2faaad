"""The page of all results reads alone, needs nothing else, and says what is not run."""

import html
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from mesagym.errors import UserError
from mesagym.evals.verdict_rule import WORDS
from mesagym.reproductions.folder import Reproduction, all_reproductions
from mesagym.reproductions.gallery import gallery_html
from mesagym.reproductions.gallery_result import (
    checks_table,
    filmed_in_words,
    prose,
    section,
    strip,
)
from mesagym.reproductions.record import recorded
from mesagym.reproductions.zoo import entries_of
from tests.conftest import Chromium
from tests.reproductions.examples import written
from tests.reproductions.zoo_examples import recorded_with_policies


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[Reproduction]:
    """A recorded result, and one that nobody has run."""
    place = tmp_path_factory.mktemp("gallery")
    hostile = "Less <script>alert('x')</script> & more"
    planned = written(
        place / "experiments" / "planned", id="R100", title=hostile, kind="hypothesis"
    )
    recorded = recorded_with_policies(
        place, claim="More `of it` & <b>more</b>.", tried="A larger network."
    )
    return [recorded, Reproduction(planned)]


@pytest.fixture(scope="module")
def page(both: list[Reproduction]) -> str:
    return gallery_html(both)


@pytest.fixture(scope="module")
def words(page: str) -> str:
    """What a reader reads: no tags, no pictures."""
    text = re.sub(r"<svg.*?</svg>|<style.*?</style>", " ", page, flags=re.S)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def test_the_page_opens_without_a_console_message_or_a_request(
    page: str, tmp_path: Path, chromium: Chromium
) -> None:
    path = tmp_path / "reproductions.html"
    path.write_text(page)

    opened = chromium.open(path)

    assert opened.console == []
    assert opened.requests == set()
    assert "What goal misgeneralization is" in opened.dom


PHONE = """
<iframe width="390" height="800"></iframe><p id="said"></p>
<script>
  const frame = document.querySelector("iframe");
  frame.onload = () => {
    const inside = frame.contentDocument;
    inside.querySelectorAll("details").forEach((e) => { e.open = true; });
    // What is wider on purpose has a scroll bar of its own.
    const wide = [...inside.querySelectorAll("body *")].filter(
      (e) => !e.closest("svg, .wide, .policies")
        && e.getBoundingClientRect().right > 391);
    said.textContent = "too wide: " + wide.map((e) => e.outerHTML.slice(0, 80));
  };
  frame.srcdoc = %s;
</script>
"""


def test_nothing_is_wider_than_a_phone(
    page: str, tmp_path: Path, chromium: Chromium
) -> None:
    path = tmp_path / "phone.html"
    path.write_text(PHONE % json.dumps(page).replace("</", "<\\/"))

    said = re.findall(r'<p id="said">([^<]*)', chromium.open(path).dom)

    assert said == ["too wide: "]


def test_only_links_lead_elsewhere(page: str) -> None:
    rest = re.sub(r'xmlns(:\w+)?="[^"]*"|<a [^>]*>', "", page)
    assert "http:" not in rest
    assert "https:" not in rest
    assert not re.search(r"(src|srcset)=\"(?!data:)", rest)


def test_no_text_of_a_claim_becomes_markup(page: str) -> None:
    assert "<script" not in page
    assert "<b>more</b>" not in page
    assert "&lt;b&gt;more&lt;/b&gt;" in page


def test_every_link_inside_leads_somewhere(page: str) -> None:
    targets = set(re.findall(r'href="#([^"]+)"', page))
    assert {"larger", "planned"} <= targets
    assert targets <= set(re.findall(r'id="([^"]+)"', page))


def test_no_identifier_is_there_twice(page: str) -> None:
    found = re.findall(r'\bid="([^"]+)"', page)
    assert len(found) == len(set(found))


def test_it_begins_with_what_the_matter_is(words: str) -> None:
    order = [
        "What goal misgeneralization is",
        "How to read a result",
        "All results",
        "Larger is more",
        "Do it again",
    ]
    places = [words.index(each) for each in order]
    assert places == sorted(places)


def test_a_result_has_its_claim_test_checks_and_provenance(words: str) -> None:
    for said in (
        "Confirmed The check held.",
        "The mean is above .5.",
        "the mean is above .5 .85 [.73, .97]",
        "3 seeds",
        "What differs here Everything.",
        "What else was tried A larger network.",
        "Seeds 1000 and 1001.",
        "share: 0.89 (read in a summary)",
        "mesagym reproduce larger scale=laptop",
        "seeds 500 to 501",
    ):
        assert said in words, said


def test_the_figure_is_drawn_with_the_colours_of_the_page(page: str) -> None:
    assert '<svg viewBox="' in page
    assert "Larger is more: the recorded figure" in page
    assert "var(--ink)" in page.partition("Larger is more: the recorded figure")[2]


def test_a_film_of_a_recorded_policy_is_in_it(page: str) -> None:
    assert page.count("data:image/gif;base64,") == 1
    assert "larger/one, seed 500: goal misgeneralization." in page


def test_what_the_films_show_is_said_by_them_and_by_the_claim(tmp_path: Path) -> None:
    found = recorded_with_policies(
        tmp_path,
        film=titled("larger/one, shown on clean levels"),
        filmed="Others: none.",
    )
    entries = entries_of(found)
    said = "the first two clean levels that each was tested on after its training"
    assert filmed_in_words(entries).startswith(said)
    section_ = section(found, recorded(found), entries)
    assert f"Recorded policies on {said}, not picked. Others: none.</p>" in section_


def titled(title: str) -> bytes:
    """A film that says what it is."""
    file = io.BytesIO()
    Image.new("P", (2, 2)).save(file, "GIF", comment=title.encode())
    return file.getvalue()


def test_a_check_without_an_interval_is_a_dash_with_its_reason() -> None:
    nothing = {"words": "x", "p": None, "seeds": 30, "low": None, "high": None}
    row = checks_table({"judgement": {"checks": [check(**nothing)], "blank": {}}})
    assert "<b>—</b>" in row
    assert "yes or no, without an interval" in row
    assert "∞" not in row


def test_a_test_that_was_changed_says_so_beside_its_outcome(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path, amendments=["Another bound."])
    assert "The test was changed after looking" in gallery_html([found])


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_a_verdict_is_explained(page: str, word: str) -> None:
    assert f"<dt>{word}</dt><dd>" in page


def test_policies_are_listed_with_their_verdicts(words: str) -> None:
    assert "2 goal misgeneralization" in words
    assert "500, 501" in words


def test_what_nobody_has_run_is_said_to_be_a_plan(words: str) -> None:
    assert "Not run yet What follows is the plan." in words


def test_hypotheses_of_ours_stand_apart(words: str) -> None:
    assert "Of 1 reproductions of published results: 1 confirmed" in words
    ours = words.partition("Questions of our own")[2]
    assert "our hypothesis" in ours


def test_without_any_record_the_page_says_so(both: list[Reproduction]) -> None:
    text = gallery_html(both[1:])
    assert "No policy is recorded yet, so there is no film." in text
    assert "data:image/gif" not in text


def test_a_published_figure_without_a_check_of_ours_is_said_to_be_untested(
    tmp_path: Path,
) -> None:
    row = {"what": "share", "value": 0.89, "sure": "secondary", "tested": False}
    found = Reproduction(written(tmp_path / "larger", published=[row]))
    section = gallery_html([found]).partition('<section class="result"')[2]
    assert "share: 0.89 (read in a summary), not tested here" in section


def test_a_record_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    found = recorded_with_policies(tmp_path)
    (found.folder / "figure.png").write_bytes(b"another")
    with pytest.raises(UserError, match=r"another figure\.png"):
        gallery_html([Reproduction(found.folder)])


# --- pieces ---------------------------------------------------------------------------


def check(**changed: Any) -> Mapping[str, Any]:
    return {
        "low": 0.6,
        "high": 0.8,
        "estimate": 0.7,
        "bound": 0.5,
        "side": "above",
        "status": "held",
        **changed,
    }


def numbers(svg: str, name: str) -> list[float]:
    return [float(x) for x in re.findall(rf' {name}="([\d.]+)"', svg)]


def test_a_strip_shades_the_claimed_side() -> None:
    above, below = strip(check()), strip(check(side="below"))
    (wall,) = re.findall(r"M([\d.]+) 0V", above)
    assert numbers(above, "x") == [float(wall)]
    assert numbers(below, "x") == [0.0]
    assert numbers(below, "width")[0] == float(wall)


def test_an_unbounded_interval_reaches_the_edge() -> None:
    svg = strip(check(low=None))
    assert "M0.0 " in svg
    assert strip(check(low=None, high=None)) == ""


def test_the_estimate_of_a_strip_lies_between_the_ends_of_its_interval() -> None:
    svg = strip(check(low=-3.0, high=12.0, estimate=2.0))
    left, right = map(float, re.findall(r"M([\d.]+) [\d.]+H([\d.]+)", svg)[0])
    assert left < numbers(svg, "cx")[0] < right


def test_backticks_become_code_and_percent_signs_stay_with_their_number() -> None:
    assert prose("`a<b` of 5 %") == "<code>a&lt;b</code> of 5%"


def test_of_a_link_into_the_repository_the_words_are_left() -> None:
    said = prose("In [docs/x.md](../docs/x.md), [.1, .2] (held).")
    assert said == "In <code>docs/x.md</code>, [.1, .2] (held)."


# --- what is recorded in this repository ----------------------------------------------


@pytest.mark.slow
def test_the_page_of_everything_recorded_is_small_and_silent(
    tmp_path: Path, chromium: Chromium
) -> None:
    path = tmp_path / "reproductions.html"
    path.write_text(gallery_html(all_reproductions()))
    assert path.stat().st_size < 8_000_000

    opened = chromium.open(path)

    assert opened.console == []
    assert opened.requests == set()
    for each in all_reproductions():
        assert f'id="{each.name}"' in opened.dom
