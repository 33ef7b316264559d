"""Texts from outside, such as ids, in words for people; the files keep them whole."""

from __future__ import annotations

_MOST = 120


def shortened(text: str, most: int = _MOST) -> str:
    """A text as it is, or of a long one its beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]}… ({len(text):,} characters)"
