"""The connectors that are installed, against the protocol that each keeps."""

from importlib.metadata import EntryPoint

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.braze_catalog import CONNECTOR as CATALOG
from personalize_connectors.connectors.protocol import FIELD_ACTIONS, RECORD_ACTIONS, Connector
from personalize_connectors.connectors.registry import GROUP, before, connectors, load
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.errors import BadSettings


def test_finds_what_is_installed():
    """The entry points of the package are found, by the names that config.json uses."""
    assert connectors() == {"braze": CONNECTOR, "braze_catalog": CATALOG}


def test_items_are_there_before_the_profiles_that_name_them():
    """Connectors of items deliver before those of users."""
    assert (before(CONNECTOR), before(CATALOG)) == (["braze_catalog"], [])


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "hook",
            "no_such_module:CONNECTOR",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'",
        ),
        ("hook", "json:dumps", "is a function; it must be a value of Connector"),
        (
            "hook",
            "personalize_connectors.connectors.braze:CONNECTOR",
            "calls itself 'braze'; both must be the same name of small letters, digits and _",
        ),
    ],
)
def test_says_what_is_wrong_with_an_entry_point(name, value, text):
    """An entry point that is no connector of its name is an error that names it and says what would be right."""
    with pytest.raises(BadSettings) as raised:
        load(EntryPoint(name, value, GROUP))
    assert str(raised.value) == f"the connector {name!r} that is installed as {value} {text}"


@pytest.mark.parametrize("name", connectors())
def test_each_keeps_the_protocol(name):
    """A connector is a value of its own name, whose settings and rules can be said in config.json."""
    connector = connectors()[name]
    assert (type(connector), connector.name) == (Connector, name)
    assert issubclass(connector.settings, ConnectorSettings)
    assert {rule.actions for rule in connector.rules.values()} <= {FIELD_ACTIONS, RECORD_ACTIONS}


def test_what_becomes_of_a_finding_is_the_jobs_choice():
    """The action is the one that onInvalid names, else the first that the rule allows."""
    settings = BrazeSettings(onInvalid={"null_inside": "stop"})
    rules = ("null_inside", "time_not_text", "misaligned")
    assert [CONNECTOR.action(settings, rule) for rule in rules] == ["stop", "drop_field", "drop_record"]


def test_every_setting_is_described():
    """Each key of a connector's block has a description for the schema."""
    assert [key for key, field in BrazeSettings.model_fields.items() if not field.description] == []
