"""The guides stay true: the rules and settings that they name are those of the code."""

import re
from pathlib import Path

import pytest

from benchmarks import sizing
from personalize_connectors.connectors.braze.settings import CONTRACTS
from personalize_connectors.connectors.registry import connectors

ROOT = Path(__file__).parent.parent
DELIVERY = (ROOT / "docs" / "delivery.md").read_text()
SCALE = (ROOT / "docs" / "scale.md").read_text()


@pytest.mark.parametrize("name", connectors())
def test_every_rule_is_in_the_table_with_its_default(name):
    """Each rule of a connector stands in its table, with what happens by default."""
    table = DELIVERY.split(f"| rule of `{name}` |", 1)[1].split("\n\n", 1)[0]
    rows = {row[0]: row[1] for row in re.findall(r"^\| `(\w+)` \|.*\| `(\w+)`[^|]*\|$", table, re.MULTILINE)}
    assert rows == {rule: found.actions[0] for rule, found in connectors()[name].rules.items()}


def test_every_contract_is_in_the_table():
    """Each contract stands in the table with the records of a request."""
    rows = dict(re.findall(r"^\| `([a-z]+(?:-\d+)?)`[^|]*\| (\d+) \|", DELIVERY, re.MULTILINE))
    assert rows == {name: str(limits.records) for name, limits in CONTRACTS.items()}


@pytest.mark.parametrize("guide", sorted((ROOT / "docs").glob("*.md")), ids=lambda guide: guide.name)
def test_links_lead_somewhere(guide):
    """Every page that a guide links is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", guide.read_text())
    assert [link for link in links if not (guide.parent / link).exists()] == []


@pytest.mark.parametrize("arguments", [[], ["--jobs", "10000"]])
def test_the_sizing_is_what_is_shown(arguments, capsys):
    """The tables in the guide to scale are what its command prints."""
    sizing.main(arguments)
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "\n".join(printed) in SCALE


def test_the_sizing_calculates_with_the_bytes_that_are_shown():
    """The guide to scale names the bytes of each user, and of each one to send, with which its command calculates."""
    rows = re.findall(r"^\| `?([a-z_ ]+?)`? \| (\d+) \| (\d+) \|", SCALE, re.MULTILINE)
    assert {name: (int(each), int(sent)) for name, each, sent in rows} == sizing.BYTES


@pytest.mark.parametrize(
    "given",
    ["--users 0", "--jobs -1", "--changed 1.5", "--contract yearly", "--contract mau-2026", "--cores many"],
)
def test_a_sizing_of_nothing_is_refused(given, capsys):
    """What cannot be is told in a line."""
    with pytest.raises(SystemExit) as ended:
        sizing.main(given.split())
    assert ended.value.code == 2
    assert given.split()[0] in capsys.readouterr().err
