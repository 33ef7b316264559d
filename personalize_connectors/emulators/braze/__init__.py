"""A Braze workspace on loopback: the contract of braze.md 1 and 2, in memory.

Every behaviour is tagged where it is coded: *documented* (Braze's pages), *recorded* (seen on the wire)
or *assumed* (nobody says; ours until a real workspace settles it), with its section in braze.md.
"""

from personalize_connectors.emulators.braze.server import RunningEmulator, running, serve
from personalize_connectors.emulators.braze.settings import BrazeEmulatorSettings

__all__ = ["BrazeEmulatorSettings", "RunningEmulator", "running", "serve"]
