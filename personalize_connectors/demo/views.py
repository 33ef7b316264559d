"""Who viewed which item last: the user-item mapping, as two CSV files of different habits."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from personalize_connectors.demo.size import ShopSize, part
from personalize_connectors.demo.tastes import Rows, picks

_MOST_VIEWS = 3
_QUOTED_EVERY = 7


def views(tastes: Rows, size: ShopSize, day: int) -> Rows:
    """Return pairs of user row and item row in random order; the second day has a few pairs more."""
    rng = size.rng("views")
    counts = np.zeros(size.users, dtype=np.int64)
    viewers = rng.choice(size.users, part(size.users, 0.4), replace=False)
    counts[viewers] = rng.choice([1, 2, 3], len(viewers), p=[0.6, 0.3, 0.1])
    later = counts.copy()
    later[rng.choice(size.users, part(size.users, 0.002), replace=False)] += 1
    users = np.flatnonzero(later)
    items = picks(tastes[users], _MOST_VIEWS + 1, size, rng)
    seen = np.arange(_MOST_VIEWS + 1) < (later if day else counts)[users, None]
    pairs = np.column_stack([np.repeat(users, seen.sum(axis=1)), items[seen]])
    return size.rng("viewed", day).permutation(pairs)


def write_views(folder: Path, pairs: Rows, user_ids: list[str], item_ids: list[str]) -> None:
    """Write one half plainly, the other with other header, column order, line ends and quotes."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [(user_ids[user], item_ids[item]) for user, item in pairs.tolist()]
    half = len(rows) // 2
    with (folder / "last_viewed-1.csv").open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows([("USER_ID", "ITEM_ID"), *rows[:half]])
    with (folder / "last_viewed-2.csv").open("w", encoding="utf-8", newline="") as out:
        plain = csv.writer(out, lineterminator="\r\n")
        quoted = csv.writer(out, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
        plain.writerow(("item_id", "user_id"))
        for turn, (user, item) in enumerate(rows[half:]):
            (plain if turn % _QUOTED_EVERY else quoted).writerow((item, user))
