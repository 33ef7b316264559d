"""Compile all that is compiled, so that the first large run need not: python -m personalize_connectors.engine.kernels."""

import pyarrow as pa

from personalize_connectors.engine.digests import digesting
from personalize_connectors.engine.gather import places_and_letters
from personalize_connectors.engine.kernels.dictionary import encoded
from personalize_connectors.engine.known_matches import nothing_written, sequences
from personalize_connectors.engine.lines import stretches
from personalize_connectors.engine.pieces import pieces_of, unjoined
from personalize_connectors.engine.plain_rows import grammar, plain_rows

LINE = b'{"input":{"userId":"u"},"output":{"recommendedItems":["i"],"scores":[0.5]},"error":null}\n'

for _ in plain_rows(stretches([[LINE]]), grammar("userId", "recommendedItems")):
    pass
encoded(*places_and_letters(pa.array(["i"])))
digesting()(pa.array(["text"]))
documents = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(["document"]))
rows = pieces_of(unjoined(pa.array(["head"]), pa.ListArray.from_arrays([0, 1], documents), "tail"), None)
sequences(nothing_written(rows.texts, 23), rows)
