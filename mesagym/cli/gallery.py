"""`mesagym reproduce --page`: one page of all that is recorded."""

from pathlib import Path

from mesagym.cli.check import must_have_a_place
from mesagym.cli.commands import say
from mesagym.cli.schema import ReproduceConfig
from mesagym.errors import UserError
from mesagym.reproductions.folder import all_reproductions
from mesagym.reproductions.gallery import gallery_html
from mesagym.tracking import atomic_write_text
from mesagym.tracking.files import make_folders

PAGE = Path("reproductions.html")


def write(config: ReproduceConfig) -> int:
    """Write the page, and print where it is."""
    path = PAGE if config.out is None else Path(config.out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"out: '{path}' does not end in .html")
    must_have_a_place(path, "page")
    say("drawing what is recorded")
    text = gallery_html(all_reproductions())
    make_folders(path.parent)
    atomic_write_text(path, text)
    print(f"Page: {path} ({len(text.encode()) / 1e6:.1f} MB)")
    return 0
