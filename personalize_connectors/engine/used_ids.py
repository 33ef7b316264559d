"""Whether the lists of a file hold all ids of its dictionaries: then those tell all ids of the file by themselves."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa


@dataclass
class UsedIds:
    """What was seen of the lists of a file so far.

    Attributes:
        most_bytes: Of a larger dictionary it is not known whether the file has the whole of it.
        dictionary: That of the row group before, which the next one may begin with.
        used: Which ids of it some list holds.
        told: Whether the dictionaries before it are whole, and lists hold all of their ids and nothing else.
    """

    most_bytes: int
    dictionary: pa.StringArray = field(default_factory=lambda: pa.array([], pa.string()))
    used: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    told: bool = True

    def note(self, ids: pa.DictionaryArray) -> None:
        """Take the ids of a row group's lists."""
        if not ids.dictionary.slice(0, len(self.dictionary)).equals(self.dictionary):
            self.told = self.all_used
            self.used = np.zeros(0, bool)
        self.told &= ids.dictionary.nbytes <= self.most_bytes and not ids.null_count
        self.dictionary = ids.dictionary
        codes, before = ids.indices.drop_null().to_numpy(), len(self.used)
        wanted = codes[codes >= before] if self.used.all() else codes
        self.used = np.append(self.used, np.zeros(len(ids.dictionary) - before, bool))
        self.used[wanted] = True

    @property
    def all_used(self) -> bool:
        """Whether the dictionaries are whole, and lists hold all of their ids and nothing else."""
        return self.told and bool(self.used.all())
