"""Item metadata: JSON Lines with the key id."""

import pytest

from personalize_connectors.engine.item_metadata import REASONS, BadLine, read_metadata
from personalize_connectors.engine.lines import line_batches
from personalize_connectors_tests.engine.plain import metadata


def read(*contents):
    """Metadata of files a.json, b.json, ..."""
    raw = [[content if isinstance(content, bytes) else content.encode()] for content in contents]
    return read_metadata(line_batches(raw), ["a.json", "b.json"][: len(contents)])


def test_keeps_the_line_of_each_item():
    """The line stands for the item; blank lines are nothing, a whole number is an id like the text."""
    content = '\ufeff{"id":"a","name":"Lämp"}\r\n\n  \n{"name":"x","id":7}\n{"id":"é|,/","deep":{"l":[1,{}]}}'
    assert read(content) == metadata(
        {
            "a": '{"id":"a","name":"Lämp"}\r\n',
            "7": '{"name":"x","id":7}\n',
            "é|,/": '{"id":"é|,/","deep":{"l":[1,{}]}}',
        }
    )


def test_the_last_line_of_an_id_wins():
    """Of an id that comes again the last line counts, files in their order; the others are counted."""
    assert read('{"id":"a","n":1}\n{"id":"b"}\n{"id":"a","n":2}\n', '{"id":"a","n":3}') == metadata(
        {"a": '{"id":"a","n":3}', "b": '{"id":"b"}\n'}, repeated=2
    )


def deep(levels):
    """A line with a value in so many levels, the line's own among them."""
    return '{"id":"a","n":' + "[" * (levels - 1) + "]" * (levels - 1) + "}"


def test_a_value_may_be_nested():
    """A line of 500 levels is read."""
    assert read(deep(500)) == metadata({"a": deep(500)})


@pytest.mark.parametrize(
    ("line", "reason", "text"),
    [
        ("{", "not_json", "{"),
        ('{"id":"a",}', "not_json", '{"id":"a",}'),
        ('{"id":"a","n":NaN}', "not_json", '{"id":"a","n":NaN}'),
        ('{"id":"\\ud800"}', "not_json", '{"id":"\\ud800"}'),
        (b'{"id":"\xe9"}', "not_json", '{"id":"\\xe9"}'),
        (deep(501), "too_deep", deep(501)),
        (deep(2000), "too_deep", deep(2000)),
        ('["a"]', "not_object", '["a"]'),
        ('"a"', "not_object", '"a"'),
        ("{}", "no_id", "{}"),
        ('{"id":""}', "no_id", '{"id":""}'),
        ('{"id":null}', "no_id", '{"id":null}'),
        ('{"id":true}', "no_id", '{"id":true}'),
        ('{"id":1.5}', "no_id", '{"id":1.5}'),
        ('{"id":["a"]}', "no_id", '{"id":["a"]}'),
        ('{"ID":"a"}', "no_id", '{"ID":"a"}'),
    ],
)
def test_sets_a_bad_line_aside(line, reason, text):
    """A line that names no item is kept with file, number and reason, and the lines around it are read."""
    raw = line if isinstance(line, bytes) else line.encode()
    found = read(b"", b'{"id":"x"}\n' + raw + b'\r\n{"id":"y"}\n')
    assert (found.ids.to_pylist(), found.bad) == (["x", "y"], [BadLine("b.json", 2, reason, text)])
    assert reason in REASONS
