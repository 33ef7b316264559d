"""The end of a process of ours: Python would first look through all that is imported for garbage, for half a second."""

import atexit
import logging
import os
import sys
from collections.abc import Callable

# As Python ends itself where what was printed cannot be written.
_OUTPUT_LOST = 120


def run_and_end(body: Callable[[], object]) -> None:
    """Run the body as a whole process, with its exit code; what it leaves to be done at the end is done, what was left before is not."""
    code = 1
    # Whoever closed one of them wants none of it; Python then has None there, which nothing that prints expects.
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))

    def end() -> None:
        logging.shutdown()
        os._exit(code if _all_is_written() else code or _OUTPUT_LOST)

    atexit.register(end)
    try:
        body()
    except SystemExit as asked:
        code = asked.code if isinstance(asked.code, int) else int(asked.code is not None)
        raise
    code = 0


def _all_is_written() -> bool:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        return False
    return True
