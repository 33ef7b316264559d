"""The seam to libzstd."""

import sys
from types import SimpleNamespace

import pytest

from personalize_connectors import zstd_sequences


@pytest.fixture
def anew():
    """The library is looked for again, before and after a test."""
    zstd_sequences.libzstd.cache_clear()
    yield zstd_sequences.libzstd
    zstd_sequences.libzstd.cache_clear()


@pytest.mark.parametrize("file", [None, "/nowhere/zstd.so", "of another library"])
def test_there_is_none_where_the_library_is_not_or_is_another(anew, monkeypatch, file):
    """No package, no file, or a library without the function: it is done without."""
    other = sys.modules["_ctypes"].__file__ if file == "of another library" else file
    module = SimpleNamespace(__file__=other) if file else None
    monkeypatch.setitem(sys.modules, "backports.zstd._zstd", module)
    assert anew() is None


def test_another_version_is_not_taken(anew, monkeypatch):
    """The function promises nothing for versions that were not tested."""
    monkeypatch.setattr(zstd_sequences, "_TESTED_VERSION", 10508)
    assert anew() is None


def test_plain_blocks_hold_at_most_what_a_block_may():
    """Text that is longer than a block is cut."""
    blocks = zstd_sequences.plain_blocks([memoryview(b"a" * 131_073)])
    assert (len(blocks), blocks[:3], blocks[131_075:131_078]) == (131_079, b"\x00\x00\x10", b"\x08\x00\x00")
