"""Where Braze is and with which key: what every connector to Braze reads from the environment."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from personalize_connectors.connectors.exchange import Destination
from personalize_connectors.errors import BadSettings

PARAMETERS = {"BRAZE_REST_ENDPOINT_URL": "braze/rest-endpoint-url", "BRAZE_API_KEY": "braze/api-key"}


def read_address(environment: Mapping[str, str], *permissions: str) -> Destination:
    """The destination that BRAZE_REST_ENDPOINT_URL and BRAZE_API_KEY name (Braze documentation, "API overview").

    Args:
        environment: The variables.
        permissions: What the key must be allowed, for the words of the error.

    Raises:
        BadSettings: One of the two is missing or cannot be right. The text never holds what may be the key.
    """
    url = environment.get("BRAZE_REST_ENDPOINT_URL", "").strip().rstrip("/")
    key = environment.get("BRAZE_API_KEY", "").strip()
    missing = [
        name for name, value in (("BRAZE_REST_ENDPOINT_URL", url), ("BRAZE_API_KEY", key)) if not value
    ]
    if missing:
        raise BadSettings(
            f"{' and '.join(missing)} not set. Set BRAZE_REST_ENDPOINT_URL to your cluster's REST endpoint (for example "
            f"https://rest.iad-01.braze.com) and BRAZE_API_KEY to a key with {_named(permissions)}; to try without "
            "Braze, start `personalize-connectors emulate braze`, which prints both."
        )
    if not _is_address(url):
        shown = repr(url) if "." in url and key not in url else "no address"  # it may be the key
        raise BadSettings(f"BRAZE_REST_ENDPOINT_URL is {shown}; it must begin with https:// and name a host")
    if not key.isascii() or not key.isprintable():
        raise BadSettings("BRAZE_API_KEY holds characters that no key has (a line break, perhaps)")
    return Destination(url, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})


def _named(permissions: tuple[str, ...]) -> str:
    *others, last = permissions
    return f"the permissions {', '.join(others)} and {last}" if others else f"the permission {last}"


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
