"""Functions over arrays of numbers, compiled for this machine's processor when they are first called.

What the compiler made is kept beside the source, or in the user's cache, for the next process. The compiler itself only looks whether
the file of a function is the same as then, not those of what it calls; so there is a folder for each state of all of these files. Such functions
hold no lock, so threads run them at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TypeVar, cast

import numba

_NOWHERE, _SOURCE = "/dev/null", Path(__file__).parent
# Its types do not say what can be set.
_OF_THE_COMPILER: Any = numba.config
F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function, to be compiled; it may call others that are."""
    return _compiled(function)


def inner(function: F) -> F:
    """The same of a function that makes no array: who holds those that it is given is not counted, at each call, anew.

    It becomes part of what calls it: of an array that is handed over, all that describes it would be copied, at each call.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: F, **options: Any) -> F:
    before, kept_in = _OF_THE_COMPILER.CACHE_DIR, _kept_in()
    _OF_THE_COMPILER.CACHE_DIR = str(kept_in or "")
    try:
        made: Any = numba.njit(function, nogil=True, cache=kept_in is not None, **options)
    except RuntimeError:  # it has no file
        made = numba.njit(function, nogil=True, **options)
    finally:
        _OF_THE_COMPILER.CACHE_DIR = before
    return cast("F", made)


def _kept_in() -> Path | None:
    """The folder for these files: where NUMBA_CACHE_DIR says, else beside them, else in the user's cache; None where nothing can be written.

    The compiler is not asked: where it cannot write, it goes on to folders that are the same for all states of the files.
    """
    named = _OF_THE_COMPILER.CACHE_DIR
    places = [Path(named)] if named else [_SOURCE / "__pycache__", *_of_the_user()]
    return next((place / _state() for place in places if _can_be_written(place / _state())), None)


def _of_the_user() -> list[Path]:
    try:
        cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # nothing says where somebody's home is who has only a number
        return []
    return [cached / "personalize_connectors"]


def _can_be_written(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@cache
def _state() -> str:
    files = sorted(_SOURCE.glob("*.py"))
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
