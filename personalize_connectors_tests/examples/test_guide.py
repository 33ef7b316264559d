"""docs/write-a-connector.md stays true: what it shows is the example's code, and what it sketches works."""

import json
import re
from pathlib import Path

import personalize_connectors_webhook as webhook
import pyarrow as pa
import pytest

from personalize_connectors.connectors import protocol
from personalize_connectors.connectors.exchange import Answer, Verdict
from personalize_connectors.connectors.protocol import Finding, Payload
from personalize_connectors.job_config import TopLevel

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/webhook_connector"
MODULE = (EXAMPLE / "personalize_connectors_webhook.py").read_text()
GUIDE = ROOT / "docs/write-a-connector.md"


def blocks(language: str) -> list[str]:
    """The code blocks of a language: `python` is quoted from the example and its tests, `py` is a sketch."""
    fence = re.compile(rf"^```{language}\n(.*?)^```", flags=re.DOTALL | re.MULTILINE)
    return fence.findall(GUIDE.read_text())


@pytest.mark.parametrize("block", blocks("python"))
def test_quotes_code_as_it_is(block):
    """Every block of Python stands in the example or in its tests, character by character."""
    tests = Path(__file__).with_name("test_webhook_connector.py").read_text()
    assert block in MODULE or block in tests


def test_leaves_nothing_out():
    """The blocks together are the module, but for its docstring."""
    left = MODULE
    for block in blocks("python"):
        left = left.replace(block, "")
    assert left.split() == MODULE.splitlines()[0].split()


def test_quotes_the_project_as_it_is():
    """The pyproject.toml is the example's."""
    assert blocks("toml") == [(EXAMPLE / "pyproject.toml").read_text()]


def test_the_webhook_takes_and_answers_as_it_says():
    """The answer in the guide means what the guide says, and the block of config.json can be used."""
    request, reply, config = map(json.loads, blocks("json"))
    ids = pa.array([user["user_id"] for user in request["users"]])
    verdict = webhook.CONNECTOR.verdict(Answer(200, {}, json.dumps(reply).encode()), ids)
    assert (verdict.outcome, verdict.rejected) == ("accepted", {1: "no such user"})
    webhook.WebhookSettings(**TopLevel(**config).connectors["webhook"])


def test_the_sketch_of_a_rule_works():
    """The payload with a rule leaves long texts out and finds them, and the rule is one that a job can choose about."""
    (sketch,) = blocks("py")
    made = {**vars(webhook), **vars(protocol)}
    exec(compile(sketch, GUIDE.name, "exec"), made)
    fields = {"name": "Lamp", "story": "x" * 1001, "itemId": "l"}
    (rule,) = made["RULES"]
    assert made["payload"](webhook.WebhookSettings(), fields) == Payload(
        b'{"name":"Lamp","itemId":"l"}', (Finding(rule, "story"),)
    )
    assert made["RULES"][rule].actions[0] == "drop_field"


def test_every_outcome_is_explained():
    """The table of outcomes has all that a verdict can be."""
    outcomes = Verdict.__annotations__["outcome"]
    assert [
        name for name in re.findall(r'"(\w+)"', outcomes) if f"| `{name}` |" not in GUIDE.read_text()
    ] == []


def test_every_part_is_explained():
    """Each part of a connector is named."""
    parts = protocol.Connector.__dataclass_fields__
    assert [part for part in parts if f"`{part}`" not in GUIDE.read_text() and part != "unit"] == []


@pytest.mark.parametrize("page", [GUIDE, EXAMPLE / "README.md"], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    """Every file that the guide or the example's README names is there."""
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = re.findall(r"examples/webhook_connector[\w/.]*", page.read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []
