"""The items that some user gets, each with its metadata line."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from personalize_connectors.engine.digests import MD5, digesting
from personalize_connectors.engine.gather import Ints
from personalize_connectors.engine.ids import places_of
from personalize_connectors.engine.item_metadata import ItemMetadata

# Lines that are held once more for a moment.
_AT_ONCE = 65_536


@dataclass(frozen=True)
class Items:
    """Item ids, each once, and the metadata that they are looked up in."""

    ids: pa.StringArray
    metadata: ItemMetadata

    def __len__(self) -> int:
        """How many there are."""
        return len(self.ids)

    @cached_property
    def _places(self) -> Ints:
        """Where the line of each item stands; -1 where it has none."""
        return places_of(self.ids, self.metadata.ids)

    @property
    def without_metadata(self) -> pa.StringArray:
        """The items that have no line."""
        return self.ids.filter(pa.array(self._places < 0))

    def lines(self, wanted: Ints) -> pa.LargeStringArray:
        """The metadata lines of the items at these places; null where there is none."""
        places = self._places[wanted]
        return self.metadata.lines.take(pa.array(places, mask=places < 0))

    @cached_property
    def line_digests(self) -> pa.FixedSizeBinaryArray:
        """MD5 of each item's metadata line; null where there is none."""
        found, md5_of = [pa.array([], MD5)], digesting()
        for start in range(0, len(self), _AT_ONCE):
            lines = self.lines(np.arange(start, min(start + _AT_ONCE, len(self))))
            there = lines.is_valid().to_numpy(zero_copy_only=False)
            digests = md5_of(lines.drop_null())
            found.append(digests.take(pa.array(np.cumsum(there) - 1, mask=~there)))
        return pa.concat_arrays(found)
