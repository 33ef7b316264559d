"""A Braze workspace on loopback: the contract of braze.md 1, 2 and 3.1, in memory.

Every behaviour is tagged where it is coded: *documented* (Braze's pages), *recorded* (seen on the wire)
or *assumed* (nobody says; ours until a real workspace settles it), with its section in braze.md. The table of
them all is in behaviours.py and in docs/braze-emulator.md.
"""

from personalize_connectors.emulators.braze.presets import PRESETS, RateWindow
from personalize_connectors.emulators.braze.server import RunningEmulator, running, serve
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings, read_settings

__all__ = [
    "PRESETS",
    "BrazeEmulatorSettings",
    "RateWindow",
    "RunningEmulator",
    "read_settings",
    "running",
    "serve",
]
