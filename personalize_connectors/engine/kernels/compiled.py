"""Functions over arrays of numbers, compiled for this machine's processor when they are first called.

What the compiler made is kept beside the source, or in the user's cache, for the next process. Such functions hold no lock, so
threads run them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function, to be compiled; it may call others that are."""
    return _compiled(function)


def inner(function: F) -> F:
    """The same of a function that makes no array: who holds those that it is given is not counted, at each call, anew."""
    return _compiled(function, _nrt=False)


def _compiled(function: F, **options: Any) -> F:
    try:
        made: Any = numba.njit(function, nogil=True, cache=True, **options)
    except RuntimeError:  # neither folder can be written to
        made = numba.njit(function, nogil=True, **options)
    return cast("F", made)


def kernel(function: F) -> F:
    """A compiled function for callers that are not; where what was kept of it is cut off or damaged, it is compiled anew."""
    made: Any = compiled(function)

    @wraps(function)
    def call(*given: object) -> object:
        try:
            return made(*given)
        # An error of another cause is raised by the second call: nothing is swallowed.
        except Exception:  # noqa: BLE001 - our kernels raise nothing; unreadable files raise whatever their bytes look like
            for kept in Path(made.stats.cache_path).glob("*.nbi"):
                kept.unlink(missing_ok=True)
            return made(*given)

    return cast("F", call)
