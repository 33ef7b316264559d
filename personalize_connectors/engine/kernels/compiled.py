"""Functions over arrays of numbers, compiled for this machine's processor when they are first called.

What the compiler made is kept beside the source, or in the user's cache, for the next process. Such functions hold no lock, so
threads run them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba

F = TypeVar("F", bound=Callable[..., object])


def compiled(function: F) -> F:
    """The function, to be compiled; it may call others that are."""
    try:
        made: F = numba.njit(function, nogil=True, cache=True)
    except RuntimeError:  # neither folder can be written to
        made = numba.njit(function, nogil=True)
    return made
