"""Presets, settings by name, and the options of `emulate braze`."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from personalize_connectors.cli_emulate import emulate_braze
from personalize_connectors.emulators.braze import (
    PRESETS,
    BrazeEmulatorSettings,
    RateWindow,
    read_settings,
    running,
)
from personalize_connectors.emulators.braze.options import settings_from
from personalize_connectors.errors import BadSettings

WRONG_WINDOW = (
    "the emulator's settings cannot be used: rate_limits.export.0: Value error, "
    "a rate window holds 1 call or more in 1 second or more"
)
ASK = (
    "import os, urllib.request as u; request = u.Request(os.environ['BRAZE_REST_ENDPOINT_URL'] + '/users/track',"
    " b'{\"attributes\": [{\"external_id\": \"u\"}]}', {'Content-Type': 'application/json',"
    " 'Authorization': 'Bearer ' + os.environ['BRAZE_API_KEY']}); answer = u.urlopen(request);"
    " print(answer.status, answer.headers['X-RateLimit-Limit'], answer.headers['X-RateLimit-Remaining'])"
)


@pytest.mark.parametrize(
    ("name", "objects", "counted", "track", "dialect"),
    [
        ("legacy", 75, "per_array", (RateWindow(50_000, 60),), "epoch"),
        ("mau-2024", 50, "together", (RateWindow(3_000, 3),), "seconds_left"),
        ("points-2026", 75, "together", (RateWindow(3_000, 3),), "epoch"),
        ("mau-2026", 75, "together", (RateWindow(900_000, 3_600), RateWindow(1_500, 3)), "seconds_left"),
    ],
)
def test_has_a_preset_for_each_contract(name, objects, counted, track, dialect):
    """A preset has the limits and headers of its contract, and takes changes."""
    settings = BrazeEmulatorSettings.preset(name)
    found = (settings.max_objects, settings.objects_counted, settings.header_dialect)
    assert (found, settings.rate_limits["track"]) == ((objects, counted, dialect), track)
    changed = BrazeEmulatorSettings.preset(name, rate_limits={}, seed=7)
    assert changed == replace(settings, rate_limits={}, seed=7)


def test_names_every_preset_in_the_help():
    """The help of the command names the presets that there are."""
    helps = {option.name: getattr(option, "help", "") for option in emulate_braze.params}
    assert all(name in helps["preset"] for name in PRESETS)


@pytest.mark.parametrize(
    ("options", "file", "expected"),
    [
        ({}, None, BrazeEmulatorSettings()),
        ({"preset": "legacy", "seed": 3}, None, BrazeEmulatorSettings.preset("legacy", seed=3)),
        ({"preset": "legacy", "rate_limit": 0}, None, BrazeEmulatorSettings.preset("legacy", rate_limits={})),
        (
            {"rate_limit": 9, "rate_window": 3},
            None,
            BrazeEmulatorSettings(rate_limits={"track": (RateWindow(9, 3),)}),
        ),
        ({"rate_limit": 9}, None, BrazeEmulatorSettings(rate_limits={"track": (RateWindow(9, 1),)})),
        (
            {"preset": "mau-2024", "rate_limit": 9},
            None,
            BrazeEmulatorSettings.preset(
                "mau-2024",
                rate_limits={**PRESETS["mau-2024"]["rate_limits"], "track": (RateWindow(9, 1),)},
            ),
        ),
        (
            {"seed": 2},
            {"preset": "mau-2024", "seed": 1, "blocklist": ["u"], "forced_types": {"a": "string"}},
            BrazeEmulatorSettings.preset(
                "mau-2024", seed=2, blocklist=frozenset({"u"}), forced_types={"a": "string"}
            ),
        ),
        (
            {"preset": "legacy"},
            {"preset": "mau-2024", "keys": {"k": ["users.track"]}},
            BrazeEmulatorSettings.preset("legacy", keys={"k": frozenset({"users.track"})}),
        ),
        (
            {},
            {"rate_limits": {"export": [{"limit": 1, "seconds": 60}]}},
            BrazeEmulatorSettings(rate_limits={"export": (RateWindow(1, 60),)}),
        ),
    ],
)
def test_puts_options_on_top_of_a_file(tmp_path, options, file, expected):
    """A preset comes first, then the file, then the options."""
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(file))
    assert settings_from(file=str(path) if file else None, **options) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"preset": "new"}, "there is no preset 'new'; there are legacy, mau-2024, points-2026, mau-2026"),
        (
            {"max_object": 1},
            "the emulator's settings cannot be used: max_object: Unexpected keyword argument",
        ),
        ({"max_objects": 0}, "max_objects and max_body_bytes must be 1 or more"),
        ({"apply_delay": -1}, "apply_delay is -1.0; it must be 0 seconds or more"),
        (
            {"header_dialect": "minutes"},
            "the emulator's settings cannot be used: header_dialect: Input should be 'epoch', 'seconds_left' or 'none'",
        ),
        (
            {"rate_limits": {"export": [{"limit": 0, "seconds": 60}]}},
            WRONG_WINDOW,
        ),
    ],
)
def test_refuses_settings_that_cannot_be(given, text):
    """A setting that is unknown or wrong is named, with what it can be."""
    with pytest.raises(BadSettings) as raised:
        read_settings(given)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, "the emulator's settings cannot be read: .* No such file"),
        ("{", "is not JSON"),
        ("[]", "is not a JSON object of the emulator's settings"),
    ],
)
def test_refuses_a_file_that_it_cannot_read(tmp_path, content, text):
    """A file that is not there or not JSON is named."""
    path = tmp_path / "settings.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadSettings, match=text):
        settings_from(file=str(path))


def test_refuses_a_window_without_a_limit():
    """Half a rate is refused with what to do."""
    with pytest.raises(BadSettings, match="--rate-window says nothing without --rate-limit; give both"):
        settings_from(rate_window=3)


def test_refuses_a_scope_that_there_is_not():
    """A misspelt scope would only show as a 403: it is refused at the start."""
    settings = BrazeEmulatorSettings(keys={"k": frozenset({"user.track"})})
    with pytest.raises(BadSettings, match=r"there is no scope 'user.track'; there are catalogs.add_items, "):
        running(settings).__enter__()


def test_runs_with_the_options_of_the_command():
    """The options reach the emulator that the command starts, and the program beside it finds it."""
    options = ["--port", "0", "--preset", "mau-2024", "--rate-limit", "10", "--rate-window", "3600"]
    command = [sys.executable, "-m", "personalize_connectors.cli", "emulate", "braze", *options]
    done = subprocess.run(
        [*command, "--", sys.executable, "-c", ASK],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parent,
        env=os.environ,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "201 10 9\n", "")
