"""Long texts from outside, in words for people."""

import pytest

from personalize_connectors.assets.checks import decoration_checks
from personalize_connectors.job_config import parse_config
from personalize_connectors.shortened import shortened
from personalize_connectors_tests.engine.plain import items
from personalize_connectors_tests.outputs import DAILY


@pytest.mark.parametrize(
    ("text", "shown"),
    [("", ""), ("é" * 120, "é" * 120), ("é" * 5000, "é" * 120 + "… (5,000 characters)")],
)
def test_a_long_text_is_cut(text, shown):
    """Of a text of over 120 characters the beginning is shown, and how long it is."""
    assert shortened(text) == shown


def test_a_warning_names_items_in_short():
    """A warning names some items as examples, and none of them is longer than a person reads."""
    config = parse_config(b'{"batchInferencePath": "x", "connectors": {"braze": {}}}', "u", DAILY)
    found = decoration_checks(config, {}, items({"i" * 5000: None, "j": "{}"}))
    example = f"for example '{'i' * 120}… (5,000 characters)'"
    assert found[0].text == f"1 of 2 recommended items have no metadata, {example}"
