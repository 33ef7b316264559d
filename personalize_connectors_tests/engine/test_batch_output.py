"""The line shapes of a batch output: personalize.md 1.2 and 1.3."""

import math

import pytest

from personalize_connectors.engine.batch_output import REASONS, typed_lines
from personalize_connectors.engine.lines import stretches
from personalize_connectors_tests.engine.typed_rows import FEW, MANY, PERSONAL, rows

RANKING = "personalized_ranking"
RELATED, SEGMENTS = "related_items", "user_segmentation"
GOOD = '{"input":{"userId":"u"},"output":{"recommendedItems":["a"]}}'


def read(session, line, job_type=PERSONAL):
    """Query, list, scores and extra of one line that is good."""
    ((_, _, query, recommended, scores, extra, *failure),) = rows(session, line + "\n", job_type)
    assert failure == [None, None, None]
    return query, recommended, scores, dict(extra) if extra is not None else None


SHAPES = [
    # User-Personalization and HRNN, as in the genuine file
    (
        PERSONAL,
        '{"input":{"userId":"4638"},"output":{"recommendedItems":["63992","115149"],"scores":[0.0152238,0.0069081]},"error":null}',
        ("4638", ["63992", "115149"], [0.0152238, 0.0069081], None),
    ),
    # User-Personalization-v2: fewer scores than items, and lists of reasons under a key nobody documents
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a","b"],"scores":[0.5],"reason":[["promoted"],[]]},"error":null}',
        ("u", ["a", "b"], [0.5], {"reason": '[["promoted"],[]]'}),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a","b"],"scores":[0.5,null]},"error":null}',
        ("u", ["a", "b"], [0.5, None], None),
    ),
    # Popularity-Count
    (
        PERSONAL,
        '{"input":{"userId":"12"},"output":{"recommendedItems":["105","106"]}}',
        ("12", ["105", "106"], None, None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a"],"scores":null}}',
        ("u", ["a"], None, None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a"],"scores":[]}}',
        ("u", ["a"], [], None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a"],"scores":[-1e-7]}}',
        ("u", ["a"], [-1e-7], None),
    ),
    # filterValues may be echoed
    (
        PERSONAL,
        '{"input":{"userId":"u","filterValues":{"GENRES":"\\"drama\\""}},"output":{"recommendedItems":["a"]}}',
        ("u", ["a"], None, None),
    ),
    (
        RANKING,
        '{"input":{"userId":"891","itemList":["27","886"]},"output":{"recommendedItems":["27","886"],"scores":[0.6,0.4]}}',
        ("891", ["27", "886"], [0.6, 0.4], None),
    ),
    (
        RELATED,
        '{"input":{"itemId":"105"},"output":{"recommendedItems":["106","107","49"]}}',
        ("105", ["106", "107", "49"], None, None),
    ),
    # themes
    (
        RELATED,
        '{"input":{"itemId":"40"},"output":{"recommendedItems":["36","50"],"theme":"Best, or \\"best\\"","itemsThemeRelevanceScores":[0.2,-0.1]}}',
        (
            "40",
            ["36", "50"],
            None,
            {"theme": '"Best, or \\"best\\""', "itemsThemeRelevanceScores": "[0.2,-0.1]"},
        ),
    ),
    (
        SEGMENTS,
        '{"input":{"itemId":"105"},"output":{"recommendedUsers":["106","107"]}}',
        ("105", ["106", "107"], None, None),
    ),
    (
        SEGMENTS,
        '{"itemAttributes":"ITEMS.genres = \\"Comedy\\" AND ITEMS.genres = \\"Action\\"","output":{"recommendedUsers":["25"]}}',
        ('ITEMS.genres = "Comedy" AND ITEMS.genres = "Action"', ["25"], None, None),
    ),
    (
        SEGMENTS,
        '{"input":{"itemAttributes":"ITEMS.genres = \\"Comedy\\""},"output":{"recommendedUsers":["25"]},"error":null}',
        ('ITEMS.genres = "Comedy"', ["25"], None, None),
    ),
    # keys in another order, spaces, escapes
    (
        PERSONAL,
        ' { "error" : null , "output" : { "scores" : [ 1 ] , "recommendedItems" : [ "a" ] } , "input" : { "userId" : "u" } } ',
        ("u", ["a"], [1.0], None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"\\u00fc\\ud83d\\ude00\\"|/\\n"},"output":{"recommendedItems":["\\\\,"]}}',
        ('ü😀"|/\n', ["\\,"], None, None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"ü|,/\u2028"},"output":{"recommendedItems":["日本"]}}',
        ("ü|,/\u2028", ["日本"], None, None),
    ),
    # numeric ids stay as they are written
    (
        PERSONAL,
        '{"input":{"userId":4638},"output":{"recommendedItems":[18446744073709551615,"007",-3]}}',
        ("4638", ["18446744073709551615", "007", "-3"], None, None),
    ),
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a"]},"error":""}',
        ("u", ["a"], None, None),
    ),
    # what only looks like bad JSON
    (
        PERSONAL,
        '{"input":{"userId":"NaN,]//"},"output":{"recommendedItems":["Infinity,}"]}}',
        ("NaN,]//", ["Infinity,}"], None, None),
    ),
    # unknown keys beside the known ones, whatever they are called
    (
        PERSONAL,
        '{"input":{"userId":"u"},"output":{"recommendedItems":["a"],"a.b":1,"q\\"~/":[1],"":{},"n":null,"n":2}}',
        ("u", ["a"], None, {"a.b": "1", 'q"~/': "[1]", "": "{}", "n": "null"}),
    ),
]


@pytest.mark.parametrize(("job_type", "line", "found"), SHAPES)
def test_reads_a_good_line(session, job_type, line, found):
    """Every documented shape, and what may vary in it, gives its query, its list, its scores and the rest."""
    assert read(session, line, job_type) == found


BAD = [
    ("not_json", '{"input":{"userId":"u"},"output":{"recommendedItems":["a"]}', None, None),
    ("not_json", GOOD + GOOD, None, None),
    ("not_json", "recommendedItems", None, None),
    ("not_json", GOOD.replace('["a"]', '["a",]'), "u", None),
    ("not_json", GOOD.replace("}}", "},}"), "u", None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[NaN]'), "u", None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[-Infinity]'), "u", None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[0.5,]'), "u", None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[,]'), None, None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[--1]'), None, None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[01]'), None, None),
    ("not_json", GOOD.replace('["a"]', '["a"],"scores":[1.]'), None, None),
    ("not_json", GOOD.replace("]}", "]/* all */}"), None, None),
    ("not_json", GOOD.replace('"u"', '"u\tv"'), None, None),
    ("not_json", GOOD.replace('"a"', '"a\x00b"'), None, None),
    ("not_json", GOOD + "\f", None, None),
    ("not_json", GOOD.replace('"u"', '"\\u12"'), None, None),
    ("not_json", GOOD.replace('"u"', '"\\ud800'), None, None),
    ("bad_escape", GOOD.replace('"u"', '"\\ud800"'), None, None),
    ("bad_escape", GOOD.replace('"a"', '"\\uDC00x"'), None, None),
    ("not_json", GOOD.replace('"', "'"), None, None),
    ("not_object", f"[{GOOD}]", None, None),
    ("not_object", "null", None, None),
    ("not_object", '"text"', None, None),
    ("service_error", '{"input":{"userId":"u"},"output":null,"error":"Internal failure"}', "u", "Internal failure"),
    ("service_error", '{"input":{},"output":null,"error":"no user"}', None, "no user"),
    ("service_error", GOOD[:-1] + ',"error":"late"}', "u", "late"),
    ("service_error", GOOD[:-1] + ',"error":{"code":1}}', "u", '{"code":1}'),
    ("no_id", '{"output":{"recommendedItems":["a"]}}', None, None),
    ("no_id", '{"input":null,"output":{"recommendedItems":["a"]}}', None, None),
    ("no_id", '{"input":["u"],"output":{"recommendedItems":["a"]}}', None, None),
    ("no_id", GOOD.replace("userId", "itemId"), None, None),
    ("no_id", GOOD.replace('"u"', "null"), None, None),
    ("no_id", GOOD.replace('"u"', '""'), None, None),
    ("no_id", GOOD.replace('"u"', "1.0"), None, None),
    ("no_id", GOOD.replace('"u"', "true"), None, None),
    ("no_id", GOOD.replace('"u"', '{"id":"u"}'), None, None),
    ("no_id", "{}", None, None),
    ("no_output", '{"input":{"userId":"u"},"output":null,"error":null}', "u", None),
    ("no_output", '{"input":{"userId":"u"}}', "u", None),
    ("no_output", '{"input":{"userId":"u"},"output":["a"]}', "u", None),
    ("no_list", '{"input":{"userId":"u"},"output":{}}', "u", None),
    ("no_list", '{"input":{"userId":"u"},"output":{"recommendedItems":null}}', "u", None),
    ("no_list", '{"input":{"userId":"u"},"output":{"recommendedItems":"a"}}', "u", None),
    ("no_list", '{"input":{"userId":"u"},"output":{"recommendedUsers":["a"]}}', "u", None),
    ("empty_list", '{"input":{"userId":"u"},"output":{"recommendedItems":[]}}', "u", None),
    ("empty_list", '{"input":{"userId":"u"},"output":{"recommendedItems":[],"scores":[]},"error":null}', "u", None),
    ("bad_item", '{"input":{"userId":"u"},"output":{"recommendedItems":["a",null]}}', "u", None),
    ("bad_item", '{"input":{"userId":"u"},"output":{"recommendedItems":[{"itemId":"a"}]}}', "u", None),
    ("bad_item", '{"input":{"userId":"u"},"output":{"recommendedItems":[["a"]]}}', "u", None),
    ("bad_item", '{"input":{"userId":"u"},"output":{"recommendedItems":["a",""]}}', "u", None),
    ("bad_item", '{"input":{"userId":"u"},"output":{"recommendedItems":[1.5]}}', "u", None),
]  # fmt: skip


@pytest.mark.parametrize("item", ["a", "banana", "a//b"])
def test_a_number_that_is_too_large_is_json(session, item):
    """A number over all that can be counted with is infinite, whatever else the line holds."""
    line = GOOD.replace('["a"]', f'["{item}"],"scores":[1e400, -1{"0" * 5000}]')
    assert read(session, line) == ("u", [item], [math.inf, -math.inf], None)


@pytest.mark.parametrize(("reason", "line", "query", "message"), BAD)
def test_sets_a_bad_line_aside(session, reason, line, query, message):
    """A line that carries no recommendation keeps its place, its reason, the service's words and its text."""
    found = rows(session, f"{GOOD}\n{line}\r\n")[1]
    assert found == ("users.json.out", 2, query, None, None, None, reason, message, line)


def test_every_reason_is_in_the_table():
    """The table of bad lines shows every reason but the one that text cannot show."""
    assert {reason for reason, *_ in BAD} == set(REASONS) - {"not_utf8"}


def test_a_line_that_is_not_utf8_keeps_its_bytes_escaped(session):
    """Bytes that are not UTF-8 are set aside, readable."""
    content = b'{"input":{"userId":"caf\xe9"},"output":{"recommendedItems":["a"]}}\n'
    assert [row[2:] for row in rows(session, content)] == [
        (None, None, None, None, "not_utf8", None, content[:-1].decode("utf-8", "backslashreplace"))
    ]


def test_blank_lines_are_no_lines_but_count_as_places(session):
    """Blank lines give no row, and the lines behind them keep their numbers."""
    content = f"\n  \r\n{GOOD}\n\t\n{GOOD}"
    assert [(row[1], row[2], row[6]) for row in rows(session, content)] == [(3, "u", None), (5, "u", None)]


@pytest.mark.parametrize("size", [FEW, MANY])
def test_each_file_has_its_name_and_numbers(session, size):
    """Rows name the file that they are from, also where its name has a quote."""
    found = typed_lines(
        session,
        stretches([[f"{GOOD}\n".encode()], [], [GOOD.encode()]]),
        ["a'b.out", "b.out", "c.out"],
        PERSONAL,
        size,
    )
    assert [(row["file"], row["line"]) for batch in found for row in batch.to_pylist()] == [
        ("a'b.out", 1),
        ("c.out", 1),
    ]
