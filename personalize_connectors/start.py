"""Start one of an installation's processes: `python -m personalize_connectors.start COMMAND...`, the image's entry point.

Dagster reads some settings before anything of ours does, and tells of a wrong one in a traceback, if at all.
"""

from __future__ import annotations

import os
import sys

from personalize_connectors.errors import BadSettings
from personalize_connectors.exit_codes import WRONG
from personalize_connectors.settings import read_settings


def main() -> None:
    """Become the command, once every setting can be used; else say which cannot, in one line."""
    try:
        read_settings()
    except BadSettings as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(WRONG)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted: the image's own command, word by word


if __name__ == "__main__":
    main()
