"""Put the policies of the zoo to the quick evaluators, and keep what they read.

Writes ``readings.json`` beside each card, from the seeds that are kept. Those that have
been asked are left as they are, unless they are named or ``--all`` is given.

    python scripts/read_zoo.py
    python scripts/read_zoo.py corner/alpha-0
"""

import argparse

from mesagym.cli.zoo_readings import read
from mesagym.reproductions import zoo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all that were not asked")
    parser.add_argument("--all", action="store_true", help="those asked, too")
    given = parser.parse_args()
    chosen = [zoo.entry(name) for name in given.names] or [
        each
        for each in zoo.entries()
        if each.kept and (given.all or not (each.folder / zoo.READINGS).is_file())
    ]
    for each in chosen:
        print(f"{each.name}: {read(each)}")


if __name__ == "__main__":
    main()
