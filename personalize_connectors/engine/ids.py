"""Lists of ids: as text, or as places in a dictionary of texts, which is how the Parquet files of the stages give them.

Ids are looked up once for each dictionary, which is far smaller than what the lists hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from personalize_connectors.engine.gather import Ints, places_and_letters

# Ids of several batches, perhaps the same ones, before their repeats are left out.
_MOST_WAITING = 2_000_000
# Ids that compiled code looks up, which waits less for memory; fewer are not worth that it comes into the process.
_MANY = 1 << 19
# Two such arrays of text are one.
_LARGEST = 1 << 30


def places(lists: pa.ListArray, known: pa.Array) -> Ints:
    """For each entry of all lists, one list after the other, its place among the `known` ids; -1 where it is none of them."""
    return places_of(lists.flatten(), known)


def places_of(ids: pa.Array, known: pa.Array) -> Ints:
    """For each id its place among the `known` ones, none of which comes twice; -1 where it is none of them."""
    if pa.types.is_dictionary(ids.type):
        indices: Ints = ids.indices.to_numpy()
        return indices if ids.dictionary.equals(known) else np.take(places_of(ids.dictionary, known), indices)
    if not (_is_worth_compiling(ids, _MANY) and _is_worth_compiling(known, 0)):
        return np.asarray(pc.index_in(ids, value_set=known).fill_null(-1).to_numpy(), np.int32)
    codes = _encoded(pa.concat_arrays([known, ids]))[0][len(known) :]
    return np.where(codes < len(known), codes, np.int32(-1))


def recoded(lists: pa.ListArray, known: pa.Array, texts: pa.Array | None = None) -> pa.ListArray:
    """Lists with `known` as their dictionary, which holds all their ids; `places` among the same array is then at no cost.

    With `texts`, which are as many, those stand in it instead of the ids.
    """
    codes = pa.array(places_of(lists.values, known), pa.int32())
    return _with_ids(lists, coded(codes, known if texts is None else texts))


def recoding(known: pa.Array) -> Callable[[pa.ListArray], pa.ListArray]:
    """`recoded` for one batch after the other, of which most have the dictionary of the one before."""
    last: list[tuple[pa.Array, pa.Array]] = []

    def of(lists: pa.ListArray) -> pa.ListArray:
        ids = lists.values
        if not pa.types.is_dictionary(ids.type):
            return recoded(lists, known)
        if not (last and ids.dictionary.equals(last[0][0])):
            last[:] = [(ids.dictionary, pa.array(places_of(ids.dictionary, known), pa.int32()))]
        return _with_ids(lists, coded(pc.take(last[0][1], ids.indices, boundscheck=False), known))

    return of


def distinct(ids: Iterable[pa.Array]) -> pa.Array:
    """Each id of all these once, in the order of their code points."""
    found, waiting = [pa.array([], pa.string())], 0
    for some in ids:
        found.append(_used(some))
        waiting += len(found[-1])
        if waiting > _MOST_WAITING:
            found, waiting = [pa.chunked_array(found).unique()], 0
    return pa.chunked_array(found).unique().sort()


def _used(ids: pa.Array) -> pa.StringArray:
    """The ids without repeats."""
    if not pa.types.is_dictionary(ids.type):
        return ids.unique().cast(pa.string())
    used = np.zeros(len(ids.dictionary), bool)
    used[ids.indices.to_numpy()] = True
    return ids.dictionary if used.all() else ids.dictionary.filter(pa.array(used))


def in_dictionary(lists: pa.ListArray) -> pa.ListArray:
    """Lists of ids as text with their ids put into a dictionary, in the order in which they are met."""
    ids = lists.values
    if not _is_worth_compiling(ids, _MANY):
        return _with_ids(lists, ids.dictionary_encode())
    codes, known = _encoded(ids)
    return _with_ids(lists, coded(pa.array(codes), known))


def coded(codes: pa.Array, known: pa.Array) -> pa.DictionaryArray:
    """Ids as places in a dictionary; Arrow need not look whether each code is one of those."""
    return pa.DictionaryArray.from_arrays(codes, known, safe=False)


def _is_worth_compiling(ids: pa.Array, least: int) -> bool:
    return len(ids) >= least and pa.types.is_string(ids.type) and not ids.null_count and ids.nbytes < _LARGEST


def _encoded(ids: pa.StringArray) -> tuple[Ints, pa.StringArray]:
    """The place of each id among all of them, each once, in the order in which they are met."""
    from personalize_connectors.engine.kernels.dictionary import encoded  # noqa: PLC0415 - the compiler's import is worth it only here

    codes, ends, letters = encoded(*places_and_letters(ids))
    known = pa.StringArray.from_buffers(len(ends) - 1, pa.py_buffer(ends), pa.py_buffer(letters))
    return codes, known


def _with_ids(lists: pa.ListArray, ids: pa.DictionaryArray) -> pa.ListArray:
    """The same lists of other values."""
    kind = pa.list_(pa.field("element", ids.type))
    return pa.Array.from_buffers(
        kind, len(lists), lists.buffers()[:2], lists.null_count, lists.offset, children=[ids]
    )


def is_text(lists: pa.DataType) -> bool:
    """Whether a type is that of lists of ids as text."""
    return bool(pa.types.is_list(lists) and pa.types.is_string(lists.value_type))
