"""The browser that tests open pages in sees what it is there to see."""

from pathlib import Path

from tests.conftest import Chromium

PAGE = """
<h1>A page</h1>
<script src="https://example.invalid/plot.js"></script>
<script>
  setTimeout(() => document.body.append("drawn later"), 500);
  noSuchFunction();
</script>
"""


def test_a_page_is_reported_as_its_scripts_left_it(
    tmp_path: Path, chromium: Chromium
) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGE)

    page = chromium.open(path)

    assert "drawn later" in page.dom.split("</script>")[-1]
    (message,) = page.console
    assert "noSuchFunction is not defined" in message
    assert page.requests == {"https://example.invalid/plot.js"}
