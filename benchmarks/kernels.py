"""What compiled functions take, in turns with what does the same without them.

    python -m benchmarks.kernels [--users 100000] [--rounds 3]

Seconds are those of the processor, all threads; the first call of each, which compiles or loads, is not counted.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from benchmarks.command import arguments, count, run
from benchmarks.delivery.figures import table
from personalize_connectors.engine.batch_output import typed_lines
from personalize_connectors.engine.digests import digesting
from personalize_connectors.engine.ids import in_dictionary, places_of
from personalize_connectors.engine.lines import stretches
from personalize_connectors.engine.session import open_session

_LENGTH, _MEMORY = 25, 4 << 30
# What the fingerprint of such a list is made of: two digests and those of its items.
_DIGESTED = 16 * (2 + _LENGTH)
_IDS = (1_000, 100_000, 1_000_000)
Work = Callable[[], object]


def main() -> None:
    """The command."""
    parser = arguments("benchmarks.kernels", __doc__)
    parser.add_argument("--users", type=count, default=100_000, help="lines of 25 ids and scores")
    parser.add_argument("--rounds", type=count, default=3)
    run(parser, measure)


def measure(given: argparse.Namespace) -> None:
    """Time each pair in turns."""
    rows = [
        (what, *_in_turns(compiled, without, given.rounds)) for what, compiled, without in _pairs(given.users)
    ]
    title = f"{given.users:,} lines of {_LENGTH} ids; seconds of the processor, the median of {given.rounds} rounds"
    console = Console(width=None if os.isatty(1) else 150)
    console.print(table(title, ("", "compiled", "without", "ratio"), rows))


def _pairs(users: int) -> Iterator[tuple[str, Work, Work]]:
    chance = np.random.default_rng(1)
    for distinct in _IDS:
        known = pa.array([f"item-{number}" for number in range(distinct)])
        ids = known.take(pa.array(chance.integers(0, distinct, users * _LENGTH)))
        lists = pa.ListArray.from_arrays(pa.array(np.arange(users + 1, dtype=np.int32) * _LENGTH), ids)
        yield f"ids into a dictionary, of {distinct:,}", partial(in_dictionary, lists), ids.dictionary_encode
        if distinct == _IDS[-1]:  # fewer are looked up without
            others = known.take(pa.array(chance.permutation(distinct)))
            looked_up = partial(places_of, others, known), partial(pc.index_in, others, value_set=known)
            yield f"places of ids, of {distinct:,}", *looked_up
    digested = pa.table(
        {
            "text": pa.array(
                map(bytes, chance.integers(0, 256, (users, _DIGESTED), np.uint8)), pa.large_binary()
            )
        }
    )
    md5_in_duckdb = duckdb.from_arrow(digested).aggregate("max(md5(text))").fetchall
    yield (
        f"digests of {_DIGESTED} bytes",
        partial(digesting(), digested["text"].combine_chunks()),
        md5_in_duckdb,
    )
    text = _lines(users)
    yield "lines, typed", partial(_typed, text, len(text)), partial(_typed, text, 0)


def _in_turns(compiled: Work, without: Work, rounds: int) -> tuple[str, str, str]:
    compiled()
    without()
    found = [(_seconds(compiled), _seconds(without)) for _ in range(rounds)]
    one, other = (median(each) for each in zip(*found, strict=True))
    return f"{one:.3f}", f"{other:.3f}", f"{other / one:.1f} x"


def _seconds(work: Work) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def _lines(users: int) -> bytes:
    chance = np.random.default_rng(2)
    ids, scores = chance.integers(0, 100_000, (users, _LENGTH)), chance.random((users, _LENGTH))
    return "".join(
        f'{{"input":{{"userId":"user-{user}"}},"output":{{"recommendedItems":["'
        + '","'.join(f"item-{item}" for item in ids[user])
        + '"],"scores":['
        + ",".join(f"{score:.7f}" for score in scores[user])
        + ']},"error":null}\n'
        for user in range(users)
    ).encode()


def _typed(text: bytes, size: int) -> int:
    blocks = [text[start : start + (1 << 20)] for start in range(0, len(text), 1 << 20)]
    with open_session(_MEMORY) as session:
        rows = typed_lines(session, stretches([blocks]), ["users.json.out"], "user_personalization", size)
        return sum(map(len, rows))


if __name__ == "__main__":
    main()
