"""What one emulated workspace is set to from its start to its end."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class BrazeEmulatorSettings:
    """The limits and the key of the emulated workspace.

    Attributes:
        api_key: the REST key that every call must bear.
        max_objects: attributes, events and purchases of one request together (documented, 1.5).
        max_body_bytes: Braze says "4 MB"; that this means 4 x 1,024 x 1,024 = 4,194,304 bytes is assumed (1.5).
        blocklist: external ids whose objects are rejected as ``BLACKLISTED_EXTERNAL_USER_ID`` (documented, 1.6).
    """

    api_key: str = field(default="emulator-key", repr=False)
    max_objects: int = 75
    max_body_bytes: int = 4_194_304
    blocklist: frozenset[str] = frozenset()
