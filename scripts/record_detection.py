"""Put a finished run of the detectors' benchmark into `experiments/detection`."""

import shutil
import sys
from pathlib import Path

from mesagym.report.detection_record import readme_of
from mesagym.reproductions.folder import experiments_folder
from mesagym.tracking.files import atomic_write_text, read_sealed

FILES = ("bench.json", "matrix.png")


def main() -> None:
    folder = experiments_folder() / "detection"
    if len(sys.argv) > 1:
        folder.mkdir(exist_ok=True)
        for name in FILES:
            shutil.copyfile(Path(sys.argv[1]) / name, folder / name)
    path = folder / "README.md"
    atomic_write_text(path, readme_of(read_sealed(folder / "bench.json")))
    print(path)


if __name__ == "__main__":
    main()
