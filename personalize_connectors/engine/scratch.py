"""Scratch folders on this machine's disk, in the system's temporary folder (`TMPDIR`).

The lock of a file beside a folder is held as long as the process lives that made it, however it ends; what a process left that was
killed is removed by the next one that makes a folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_PREFIX, _LOCK = "personalize-connectors-", ".lock"
# Of what is free; several runs may share a disk.
_SHARE_OF_THE_DISK = 2


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder until the block ends."""
    remove_left()
    handle, lock = _locked()
    folder = Path(str(lock).removesuffix(_LOCK))
    try:
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(handle)


def _locked() -> tuple[int, Path]:
    """A new file whose lock is ours."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=_LOCK)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if Path(name).exists():
            return handle, Path(name)
        os.close(handle)  # another process took it for one that was left, before it was locked


def most_bytes(folder: Path) -> int:
    """How much may be put there."""
    return shutil.disk_usage(folder).free // _SHARE_OF_THE_DISK


def remove_left() -> None:
    """Remove the folders of processes that are no more; those of other users are theirs."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*{_LOCK}"):
        with suppress(OSError), lock.open("rb") as file:
            if os.fstat(file.fileno()).st_uid != os.getuid():
                continue
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(str(lock).removesuffix(_LOCK), ignore_errors=True)
            lock.unlink(missing_ok=True)
