"""Where the configuration groups lie: in the repository or inside the package."""

from pathlib import Path

import mesagym
from mesagym.errors import UserError

PACKAGE = Path(mesagym.__file__).parent


def config_folder(package: Path = PACKAGE) -> Path:
    """Return the folder of the configuration groups.

    The repository's own where the package stands in it, since an editable install
    also has a copy, which grows stale; else the one that a wheel brings.

    Args:
        package: the folder of the package mesagym.

    Raises:
        UserError: neither is there.
    """
    repository, copy = package.parent, package / "_configs"
    if (repository / "pyproject.toml").is_file():
        copy, brought = repository / "configs", copy
        if not copy.is_dir():
            copy = brought
    if not (copy / "train.yaml").is_file():
        raise UserError(
            f"the configurations of mesagym are missing (looked in '{copy}'). "
            "Install mesagym again."
        )
    return copy
