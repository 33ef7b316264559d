"""Who likes what: personas, the lists that follow from them, neighbours of items.

A choice without replacement is a race: each candidate draws an exponential time divided by its weight,
and the fastest win, in order.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from personalize_connectors.demo.size import ShopSize

Rows = NDArray[np.int64]
Times = NDArray[np.float32]

_PERSONA = np.array([0.6, 0.25, 0.15], dtype=np.float32)
_SAME_STYLE = 5.0
_CELLS_AT_ONCE = 2_000_000


def personas(size: ShopSize) -> Rows:
    """Return every user's three categories, the favourite first, for both days' users."""
    times = size.rng("personas").standard_exponential(
        (size.users + size.newcomers, size.categories), dtype=np.float32
    )
    liking = np.sqrt(_zipf(size.categories)).astype(np.float32)
    return _fastest(times / liking, len(_PERSONA))


def picks(tastes: Rows, width: int, size: ShopSize, rng: np.random.Generator) -> Rows:
    """Return `width` different items for each persona, by category weight and Zipf inside a category."""
    depth = -(-size.items // size.categories)
    weights = _PERSONA[:, None] * _zipf(depth)
    lists = np.empty((len(tastes), width), dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // weights.size)
    for start in range(0, len(tastes), step):
        taste = tastes[start : start + step]
        times = rng.standard_exponential((len(taste), *weights.shape), dtype=np.float32) / weights
        times[:, :, -1][taste + size.categories * (depth - 1) >= size.items] = np.inf
        slot, rank = np.divmod(_fastest(times.reshape(len(taste), -1), width), depth)
        lists[start : start + step] = np.take_along_axis(taste, slot, axis=1) + size.categories * rank
    return lists


def neighbours(styles: Rows, size: ShopSize, rng: np.random.Generator) -> Rows:
    """Return for each item others of its category, those of its style more often, never itself."""
    depth = -(-size.items // size.categories)
    width = min(size.recommendations, size.items // size.categories - 1)
    lists = np.empty((size.items, width), dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // depth)
    for start in range(0, size.items, step):
        rows = np.arange(start, min(start + step, size.items))
        others = (rows % size.categories)[:, None] + size.categories * np.arange(depth)
        alike = styles[rows][:, None] == styles[np.minimum(others, size.items - 1)]
        weights = _zipf(depth) * np.where(alike, np.float32(_SAME_STYLE), np.float32(1.0))
        times = rng.standard_exponential(weights.shape, dtype=np.float32) / weights
        times[(others >= size.items) | (others == rows[:, None])] = np.inf
        lists[rows] = np.take_along_axis(others, _fastest(times, width), axis=1)
    return lists


def renewed(lists: Rows, redrawn: Rows, rng: np.random.Generator) -> Rows:
    """Return each list with one to five items from its second draw; where that has no new one, reordered."""
    result = lists.copy()
    width = lists.shape[1]
    for row, (old, second) in enumerate(zip(lists.tolist(), redrawn.tolist(), strict=True)):
        fresh = [item for item in second if item not in old][: int(rng.integers(1, 6))]
        items = old if fresh else [old[1], old[0], *old[2:]]
        for item in fresh:
            items.insert(int(rng.integers(0, width)), item)
        result[row] = items[:width]
    return result


def _zipf(depth: int) -> Times:
    return (1.0 / np.arange(1, depth + 1)).astype(np.float32)


def _fastest(times: Times, count: int) -> Rows:
    """Return the columns of each row's `count` smallest values, the smallest first."""
    columns = np.argpartition(times, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(times, columns, axis=1), axis=1)
    return np.take_along_axis(columns, order, axis=1)
