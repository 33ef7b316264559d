"""Where the connectors to Braze deliver, by the environment."""

import pytest

from personalize_connectors.connectors.braze.address import read_address
from personalize_connectors.errors import BadSettings

KEY = "01234567-89ab-cdef-0123-456789abcdef"
URL = "https://rest.iad-01.braze.com"


def address(url: str | None = URL, key: str | None = KEY, *permissions: str):
    """The destination of an environment with these variables."""
    given = {"BRAZE_REST_ENDPOINT_URL": url, "BRAZE_API_KEY": key}
    environment = {name: value for name, value in given.items() if value is not None}
    return read_address(environment, *(permissions or ("users.track",)))


@pytest.mark.parametrize("url", [URL, f" {URL}/ ", "http://127.0.0.1:8080", "http://[::1]:8080"])
def test_delivers_where_the_environment_says(url):
    """The destination is the endpoint with the headers that Braze asks for, and what it prints as holds no key."""
    found = address(url, f" {KEY}\n")
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    assert (found.url, dict(found.headers), KEY in repr(found)) == (url.strip().rstrip("/"), headers, False)


@pytest.mark.parametrize(
    ("url", "key", "missing"),
    [
        (None, None, "BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY"),
        ("", KEY, "BRAZE_REST_ENDPOINT_URL"),
        (URL, None, "BRAZE_API_KEY"),
        (URL, "  ", "BRAZE_API_KEY"),
    ],
)
@pytest.mark.parametrize(
    ("permissions", "named"),
    [
        (["users.track"], "the permission users.track"),
        (["catalogs.get", "catalogs.create"], "the permissions catalogs.get and catalogs.create"),
        (["a", "b", "c"], "the permissions a, b and c"),
    ],
)
def test_names_the_variables_that_are_missing(url, key, missing, permissions, named):
    """A missing endpoint or key is told by its variable, with what to set it to and how to try without Braze."""
    with pytest.raises(BadSettings) as refused:
        address(url, key, *permissions)
    assert str(refused.value) == (
        f"{missing} not set. Set BRAZE_REST_ENDPOINT_URL to your cluster's REST endpoint (for example "
        f"https://rest.iad-01.braze.com) and BRAZE_API_KEY to a key with {named}; to try without "
        "Braze, start `personalize-connectors emulate braze`, which prints both."
    )


@pytest.mark.parametrize(
    ("url", "key", "text"),
    [
        ("rest.iad-01.braze.com", KEY, "'rest.iad-01.braze.com'"),
        ("ftp://rest.iad-01.braze.com", KEY, "'ftp://rest.iad-01.braze.com'"),
        ("https:///users.track", KEY, "'https:///users.track'"),
        ("https://[rest.iad-01.braze.com", KEY, "'https://[rest.iad-01.braze.com'"),
        (KEY, URL, "no address"),
        (f"{KEY}.", KEY, "no address"),
    ],
)
def test_refuses_an_endpoint_that_is_no_address(url, key, text):
    """An endpoint that is no address is told by its value, unless that can be the key, put into the wrong variable."""
    with pytest.raises(BadSettings) as refused:
        address(url, key)
    assert (
        str(refused.value)
        == f"BRAZE_REST_ENDPOINT_URL is {text}; it must begin with https:// and name a host"
    )


@pytest.mark.parametrize("key", ["two\nlines", "clé"])
def test_refuses_a_key_that_is_none(key):
    """A key that no header can carry is refused without showing it."""
    with pytest.raises(BadSettings) as refused:
        address(URL, key)
    assert str(refused.value) == "BRAZE_API_KEY holds characters that no key has (a line break, perhaps)"
