"""An explanation of what is larger than a person reads."""

from personalize_connectors.console_explain import as_lines
from personalize_connectors.explain.explanation import Explanation
from personalize_connectors.explain.origin import Line, MappedItem, Origin
from personalize_connectors.explain.subject import Subject
from personalize_connectors_tests.outputs import DAILY

LONG = "x" * 5000
CUT = "x" * 120 + "… (5,000 characters)"
RUN = "2026-11-21T03-00-00Z"


def lines(origin: Origin, user: str = "ana") -> list[str]:
    """What is printed of a user's origin."""
    return list(as_lines(Explanation(Subject(DAILY, "user", user), RUN, (RUN,), (), origin, ())))


def test_long_ids_are_cut():
    """Ids and lines of thousands of characters are shown by their beginning and length."""
    wrong = Line("f.out", 2, None, reason="not_json", text="[" * 5000)
    found = lines(Origin(lines=(Line("f.out", 1, LONG, (LONG, "b"), used=True), wrong), items=(LONG,)), LONG)
    assert found == [
        f"user {CUT} of {DAILY}, run {RUN}",
        f"line           f.out:1: {CUT}, b",
        "line           line was an error: f.out:2: the line is not JSON (names nobody, and holds this id): "
        + "[" * 500
        + "… (5,000 characters)",
        f"list           {CUT}",
    ]


def test_of_very_many_mapped_items_some_are_shown():
    """Of 10,000 mapped items those whose lists are used come first, and how many are not shown is told."""
    mapped = tuple(MappedItem(f"i{number}", (), number == 9_000) for number in range(10_000))
    found = lines(Origin(mapped=mapped))
    assert (found[1], found[2]) == (
        "mapped item    i9000: no line in the batch output",
        "mapped item    i0: no line in the batch output",
    )
    assert (len(found), found[-1]) == (22, "               and 9,980 more; --json prints all")


def test_of_very_many_lines_some_are_shown():
    """Of the lines that name a user, as of segments, some are shown too."""
    found = lines(Origin(lines=tuple(Line("f.out", n, f"q{n}", rank=1, used=True) for n in range(1, 31))))
    assert found[-2:] == [
        "line           f.out:20: place 1 in the segment of q20",
        "               and 10 more; --json prints all",
    ]
