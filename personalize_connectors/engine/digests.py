"""MD5 (RFC 1321) of many texts: what tells lists, documents and metadata lines apart."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from personalize_connectors.engine.gather import places_and_letters

# Bytes. To bring the compiled code into the process takes a fifth of a second, little longer than to digest them without.
_WORTH_COMPILING = 64 << 20
_COMPILED = "personalize_connectors.engine.kernels.compiled"

MD5 = pa.binary(16)


def digesting() -> Callable[[pa.Array], pa.FixedSizeBinaryArray]:
    """Gives the digest of each text (`MD5`), of one array after the other; no text is null."""
    seen = 0

    def md5_of(texts: pa.Array) -> pa.FixedSizeBinaryArray:
        nonlocal seen
        seen += texts.nbytes
        each = _together if seen >= _WORTH_COMPILING or _COMPILED in sys.modules else _one_by_one
        return each(texts.cast(pa.large_binary()))

    return md5_of


def _one_by_one(texts: pa.LargeBinaryArray) -> pa.FixedSizeBinaryArray:
    return pa.array([hashlib.md5(text, usedforsecurity=False).digest() for text in texts.to_pylist()], MD5)


def _together(texts: pa.LargeBinaryArray) -> pa.FixedSizeBinaryArray:
    from personalize_connectors.engine.kernels.md5 import md5_of_each  # noqa: PLC0415 - the compiler's import is worth it only here

    bounds, letters = places_and_letters(texts)
    by_size = np.argsort(np.diff(bounds), kind="stable")
    found = np.empty((len(texts), 4), "<u4")
    found[by_size] = md5_of_each(letters, bounds[:-1][by_size], bounds[1:][by_size])
    return pa.Array.from_buffers(MD5, len(texts), [None, pa.py_buffer(found)])
