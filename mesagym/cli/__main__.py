"""`python -m mesagym.cli`: the command, where no script is installed."""

import sys

from mesagym.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
