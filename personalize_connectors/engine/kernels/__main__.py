"""Compile all that is compiled, so that the first large run need not: python -m personalize_connectors.engine.kernels."""

import numpy as np

from personalize_connectors.engine.kernels import dictionary
from personalize_connectors.engine.lines import stretches
from personalize_connectors.engine.plain_rows import grammar, plain_rows

LINE = b'{"input":{"userId":"u"},"output":{"recommendedItems":["i"],"scores":[0.5]},"error":null}\n'

for _ in plain_rows(stretches([[LINE]]), grammar("userId", "recommendedItems")):
    pass
dictionary.encoded(np.array([0, 1], np.int32), np.frombuffer(b"i", np.uint8))
