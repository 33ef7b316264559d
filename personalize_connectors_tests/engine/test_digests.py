"""MD5 of many texts: the standard library's is the model."""

import hashlib

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize_connectors.engine import digests
from personalize_connectors.engine.digests import digesting

# Of 55 bytes one block is full, of 56 there is a second one, and so on; each text is the beginning of this one.
LETTERS = bytes(range(256)) * 2
lengths = st.lists(st.sampled_from([0, 1, 3, 4, 54, 55, 56, 63, 64, 119, 120, 128, 300]), max_size=150)


def md5_of(texts):
    """The model."""
    return [hashlib.md5(text, usedforsecurity=False).digest() for text in texts]


@pytest.fixture
def patch():
    """What is changed of the module, in a process as it begins: without compiled code."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(digests, "_COMPILED", "nowhere")
        yield patched


@given(lengths, st.integers(0, 3), st.sampled_from([pa.binary(), pa.large_binary()]))
def test_compiled_digests_are_those_of_the_standard_library(sizes, skipped, kind):
    """Whatever their lengths, in their order, also out of the middle of an array; the last lanes are often not all in use."""
    texts = [LETTERS[:size] for size in sizes]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(digests, "_WORTH_COMPILING", 0)
        found = digesting()(pa.array(texts, kind)[skipped:])
    assert found.to_pylist() == md5_of(texts[skipped:])


@pytest.mark.parametrize("worth_compiling", [0, 1 << 40])
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()])
def test_both_ways_are_the_same(patch, worth_compiling, kind):
    """One array after the other, of texts of any type, also of none and of an empty text."""
    patch.setattr(digests, "_WORTH_COMPILING", worth_compiling)
    digest = digesting()
    for texts in ([], [""], ["a", "é|", ""], ["x" * 1000, "y"]):
        assert digest(pa.array(texts, kind)).to_pylist() == md5_of(text.encode() for text in texts)


def test_much_is_digested_by_compiled_code(patch):
    """Few bytes do not bring it into the process; many do, though they come in small arrays."""
    taken = []
    patch.setattr(digests, "_WORTH_COMPILING", 300)
    patch.setattr(digests, "_one_by_one", lambda _: taken.append("one by one"))
    patch.setattr(digests, "_together", lambda _: taken.append("together"))
    digest = digesting()
    for _ in range(4):
        digest(pa.array(["x" * 100]))
    assert taken == ["one by one", "one by one", "together", "together"]
