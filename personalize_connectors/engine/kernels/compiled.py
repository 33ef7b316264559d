"""Functions over arrays of numbers, compiled for this machine's processor when they are first called.

What the compiler made is kept beside the source, or in the user's cache, for the next process. The compiler itself only looks whether
the file of a function is the same as then, not those of what it calls; so there is a folder for each state of all of these files. Such functions
hold no lock, so threads run them at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

_NOWHERE = "/dev/null"
# Its types do not say what can be set.
_OF_THE_COMPILER: Any = numba.config
F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function, to be compiled; it may call others that are."""
    return _compiled(function)


def inner(function: F) -> F:
    """The same of a function that makes no array: who holds those that it is given is not counted, at each call, anew."""
    return _compiled(function, _nrt=False)


def _compiled(function: F, **options: Any) -> F:
    with _own_folder():
        try:
            made: Any = numba.njit(function, nogil=True, cache=True, **options)
        except RuntimeError:  # no folder can be written to
            made = numba.njit(function, nogil=True, **options)
    return cast("F", made)


@contextmanager
def _own_folder() -> Iterator[None]:
    """What is kept of a function that is made in the block is kept in the folder for these files."""
    before = _OF_THE_COMPILER.CACHE_DIR
    _OF_THE_COMPILER.CACHE_DIR = str(Path(before or _kept_in()) / _state())
    try:
        yield
    finally:
        _OF_THE_COMPILER.CACHE_DIR = before


@cache
def _kept_in() -> Path:
    """Beside the source, where that can be written to, else in the user's cache."""
    source = Path(__file__).parent
    if os.access(source, os.W_OK):
        return source / "__pycache__"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "personalize_connectors"


@cache
def _state() -> str:
    files = sorted(Path(__file__).parent.glob("*.py"))
    return f"kernels-{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:16]}"


def kernel(function: F) -> F:
    """A compiled function for callers that are not; where what was kept of it is cut off or damaged, it is compiled anew."""
    made: Any = compiled(function)

    @wraps(function)
    def call(*given: object) -> object:
        try:
            return made(*given)
        # An error of another cause is raised by the second call: nothing is swallowed.
        except Exception:  # noqa: BLE001 - our kernels raise nothing; unreadable files raise whatever their bytes look like
            for kept in Path(made.stats.cache_path or _NOWHERE).glob("*.nbi"):
                kept.unlink(missing_ok=True)
            return made(*given)

    return cast("F", call)
