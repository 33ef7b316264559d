"""Which texts are addresses."""

import pytest

from personalize_connectors.addresses import read_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host", ("host", None)),
        ("http://[::1]:80/x", ("::1", 80)),
        ("https://user:p%2Fw@host:8443", ("host", 8443)),
        ("https://user:p@w@host", ("host", None)),
        ("ftp://host", None),
        ("host", None),
        ("https:///x", None),
        ("https://[::1/x", None),
        ("https://host:abc", None),
        ("https://host:0", None),
        ("https://host:65536", None),
        ("https://ho..st", None),
        ("https://host name", None),
        ("https://host\n", None),
    ],
)
def test_host_and_port_are_read(text, expected):
    """What has another scheme, or no host and port that can be, is no address."""
    found = read_address(text, ("http", "https"))
    assert (found and (found.hostname, found.port)) == expected
