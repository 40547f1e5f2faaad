"""Judge the zoo's cards again by the verdict's rule in force, and list what changed.

Rewrites ``card.json`` of every entry that an earlier rule judged, and
``docs/decisions/words-judged-again.md``. Judging again what was judged again gives the
same bytes.

    python scripts/judge_again.py
"""

from pathlib import Path

from mesagym.report.view import load_run
from mesagym.reproductions import zoo
from mesagym.reproductions.folder import experiments_folder
from mesagym.reproductions.judged_again import document_of, judged_again
from mesagym.tracking.files import atomic_write_json, atomic_write_text, sealed

PAGE = Path(__file__).parents[1] / "docs" / "decisions" / "words-judged-again.md"


def main() -> None:
    for entry in zoo.entries():
        card = judged_again(entry)
        if card != entry.card:
            atomic_write_json(entry.folder / zoo.CARD, sealed(card))
        print(f"{entry.name}: {(card['verdict'] or {}).get('word', 'no word')}")
    runs = sorted((experiments_folder() / "demo").glob("alpha-*"))
    atomic_write_text(PAGE, document_of(zoo.entries(), [load_run(run) for run in runs]))
    print(PAGE)


if __name__ == "__main__":
    main()
