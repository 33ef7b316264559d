"""The end of a process of ours: Python would first look through all that is imported for garbage, for half a second."""

import atexit
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress


def run_and_end(body: Callable[[], object]) -> None:
    """Run the body as a whole process; what was to be done at its end is done, and its exit code is kept."""
    code = 1

    def end() -> None:
        logging.shutdown()
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    atexit.register(end)
    try:
        body()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        raise
    code = 0
