"""Put the policies of the zoo to the quick evaluators, and keep what they read.

Writes ``readings.json`` beside each card, from the seeds that are kept. Those that have
been asked under the verdict's rule in force are left as they are, unless they are named
or ``--all`` is given.

    python scripts/read_zoo.py
    python scripts/read_zoo.py corner/alpha-0
"""

import argparse

from mesagym.cli.zoo_readings import read
from mesagym.evals.verdict_rule import RULE
from mesagym.reproductions import zoo


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which; all not asked yet")
    parser.add_argument("--all", action="store_true", help="those asked, too")
    given = parser.parse_args()
    chosen = [zoo.entry(name) for name in given.names] or [
        each for each in zoo.entries() if each.kept and (given.all or not _asked(each))
    ]
    for each in chosen:
        print(f"{each.name}: {read(each)}", flush=True)


def _asked(entry: zoo.Entry) -> bool:
    return (entry.folder / zoo.READINGS).is_file() and entry.readings_rule == RULE


if __name__ == "__main__":
    main()
