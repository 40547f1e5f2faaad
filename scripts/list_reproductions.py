"""Write `experiments/README.md` from the claims and the recorded results."""

from mesagym.reproductions.folder import all_reproductions, experiments_folder
from mesagym.reproductions.table import document_of
from mesagym.tracking.files import atomic_write_text


def main() -> None:
    path = experiments_folder() / "README.md"
    atomic_write_text(path, document_of(all_reproductions()))
    print(path)


if __name__ == "__main__":
    main()
