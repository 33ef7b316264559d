"""The settings that the command line names: a preset, a JSON file on top of it, and options on top of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from personalize_connectors.emulators.braze.presets import RateWindow
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings, read_settings
from personalize_connectors.errors import BadSettings


def settings_from(
    file: str | None = None,
    rate_limit: int | None = None,
    rate_window: int | None = None,
    **options: Any,
) -> BrazeEmulatorSettings:
    """The settings of a command line; an option that is None is not given.

    Args:
        file: a JSON object of settings by name, ``preset`` among them.
        rate_limit: calls to ``/users/track`` in a window; 0 lifts all limits.
        rate_window: seconds of a window.
        options: settings by name, and ``preset``.

    Raises:
        BadSettings: the file or a value cannot be used.
    """
    given = {name: value for name, value in options.items() if value is not None}
    settings = read_settings({**(_read(Path(file)) if file else {}), **given})
    if rate_limit is None:
        if rate_window is not None:
            raise BadSettings("--rate-window says nothing without --rate-limit; give both")
        return settings
    if rate_limit == 0:
        return replace(settings, rate_limits={})
    window = RateWindow(rate_limit, rate_window or 1)
    return replace(settings, rate_limits={**settings.rate_limits, "track": (window,)})


def _read(path: Path) -> dict[str, Any]:
    try:
        given = orjson.loads(path.read_bytes())
    except OSError as error:
        raise BadSettings(f"the emulator's settings cannot be read: {error}") from None
    except orjson.JSONDecodeError as error:
        raise BadSettings(f"{path} is not JSON: {error}") from None
    if not isinstance(given, dict):
        raise BadSettings(f"{path} is not a JSON object of the emulator's settings")
    return given
