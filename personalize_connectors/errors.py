"""What can go wrong, as a tree with one branch per decision the caller takes.

ConnectorsError
├── Transient                 try again, later or at once
│   ├── ClusterFailed         the Spark cluster does not answer, or gave a job up
│   ├── DeliveryBusy          another run delivers the same right now, or took over
│   └── DestinationUnavailable
└── Terminal                  will never work as it is; somebody must act
    ├── BadInput              a file from outside cannot be read as what it should be
    ├── BadJobRun             a partition key, job name or timestamp of the wrong form
    ├── BadSettings           an environment variable is missing or wrong
    ├── DeliveryRefused       the destination refuses all we send (key, permission, address)
    ├── InvalidConfig         config.json, with all that is wrong in it
    ├── NotFound              a job, source or run that is not there
    └── OlderRun              a newer run was delivered already
"""

from __future__ import annotations


class ConnectorsError(Exception):
    """The base of all our errors; its text is for the person who must act."""


class Transient(ConnectorsError):
    """The same call can succeed later."""


class ClusterFailed(Transient):
    """The Spark cluster does not answer, or gave a job up."""


class DeliveryBusy(Transient):
    """Another run of the same job and connector delivers right now, or took over."""


class DestinationUnavailable(Transient):
    """The destination did not answer, or answered that it cannot now, until the retries ran out."""


class Terminal(ConnectorsError):
    """The same call will fail again until somebody changes something."""


class BadInput(Terminal):
    """A file from outside cannot be read as what it should be."""


class BadJobRun(Terminal):
    """A partition key, job name or timestamp is not of the form."""


class BadSettings(Terminal):
    """An environment variable is missing or has a value that cannot be used."""


class DeliveryRefused(Terminal):
    """The destination refuses everything: wrong key, permission or address."""


class InvalidConfig(Terminal):
    """A config.json that cannot be used; the text lists everything that is wrong in it."""


class NotFound(Terminal):
    """A job, a source or a run is not there; the text says where it was looked for."""


class OlderRun(Terminal):
    """A newer run of the same job and connector was delivered already; an older one would overwrite it."""
