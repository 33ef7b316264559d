"""How deep values are nested, told without recursion, which deep ones would end."""

from __future__ import annotations

from typing import Any


def is_deeper(value: Any, levels: int) -> bool:
    """Whether arrays and objects stand in each other over so many levels; the value itself is the first."""
    parts = [value] if isinstance(value, list | dict) else []
    for _ in range(levels):
        inner = [one for part in parts for one in (part.values() if isinstance(part, dict) else part)]
        parts = [one for one in inner if isinstance(one, list | dict)]
        if not parts:
            return False
    return bool(parts)
