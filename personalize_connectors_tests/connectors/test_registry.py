"""The connectors that are installed, against the protocol that each keeps."""

import inspect

import pytest

from personalize_connectors.connectors.braze import CONNECTOR, BrazeSettings
from personalize_connectors.connectors.protocol import Connector, ConnectorSettings
from personalize_connectors.connectors.registry import connectors


def test_finds_what_is_installed():
    """The entry points of the package are found, by the names that config.json uses."""
    assert connectors() == {"braze": CONNECTOR}


@pytest.mark.parametrize("name", connectors())
def test_each_keeps_the_protocol(name):
    """A connector has everything the protocol names, with the same parameters, and its own name."""
    connector = connectors()[name]
    methods = {
        key: value for key, value in vars(Connector).items() if inspect.isfunction(value) and key[0] != "_"
    }
    assert {key: list(inspect.signature(getattr(connector, key)).parameters) for key in methods} == {
        key: list(inspect.signature(value).parameters)[1:] for key, value in methods.items()
    }
    assert (connector.name, issubclass(connector.settings, ConnectorSettings)) == (name, True)
    assert (connector.path[0], type(connector.envelope.separator)) == ("/", bytes)


def test_every_setting_is_described():
    """Each key of a connector's block has a description for the schema."""
    assert [key for key, field in BrazeSettings.model_fields.items() if not field.description] == []
