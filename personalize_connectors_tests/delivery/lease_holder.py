"""A process that holds a lease as long as its input is open, for tests that kill it."""

import sys

from personalize_connectors.delivery.lease import Timing, lease
from personalize_connectors.errors import DeliveryBusy
from personalize_connectors.storage import open_storage

LIFE = 6.0


def main(url, run):
    """Say that it is ready, wait for a line, and say that the lease is held, or why not."""
    bucket = open_storage(url)
    say("ready")
    sys.stdin.readline()
    try:
        with lease(bucket, "lease", run, Timing(LIFE)):
            say("held")
            sys.stdin.readline()
    except DeliveryBusy as busy:
        say(str(busy))


def say(text):
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
