"""The lease: one delivery at a time, also where a holder died."""

import os
import subprocess
import sys
import threading

import pytest

from personalize_connectors.delivery.lease import LeaseNote, Timing, lease
from personalize_connectors.errors import DeliveryBusy


class Clock:
    """A clock that only waiting moves; what should happen meanwhile can be given."""

    def __init__(self, meanwhile=lambda: None):
        self.at, self.meanwhile = 1000.0, meanwhile

    def wait(self, seconds):
        """Let time go by."""
        self.at += seconds
        self.meanwhile()

    def timing(self, seconds=20.0):
        """A lease's timing by this clock."""
        return Timing(seconds, lambda: self.at, self.wait)


def note(expires_at, holder="other", host="elsewhere", process=1):
    """Somebody else's lease."""
    made = LeaseNote(holder=holder, run="job|run", host=host, process=process, expires_at=expires_at)
    return made.model_dump_json().encode()


def leases(bucket):
    """The numbers that are there."""
    return [found.name for found in bucket.objects("lease")]


def test_it_is_held_and_then_gone(bucket):
    """A lease is held inside the block and leaves nothing behind."""
    with lease(bucket, "lease", "job|run") as held:
        assert (held(), leases(bucket)) == (True, ["00000001.json"])
    assert leases(bucket) == []


def test_a_living_holder_is_told(bucket):
    """While a holder renews, nobody else gets the lease, and the error names the run, process and machine."""
    clock = Clock()
    clock.meanwhile = lambda: bucket.write("lease/00000003.json", note(clock.at + 20))
    bucket.write("lease/00000003.json", note(1020))
    words = r"job\|run delivers right now \(process 1 on elsewhere\)"
    with pytest.raises(DeliveryBusy, match=words), lease(bucket, "lease", "mine", clock.timing()):
        pass
    assert leases(bucket) == ["00000003.json"]


def test_a_holder_that_stopped_renewing_is_waited_for(bucket):
    """A lease that nobody renews is taken when it runs out, not before."""
    bucket.write("lease/00000007.json", note(1015))
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1015.0, ["00000008.json"])


def test_a_dead_process_of_this_machine_is_not_waited_for(bucket):
    """The lease of a process that is no more on this machine is taken at once."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    bucket.write("lease/00000001.json", note(5000, host=os.uname().nodename, process=ended.pid))
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing()):
        assert (clock.at, leases(bucket)) == (1000.0, ["00000002.json"])


@pytest.mark.parametrize("content", [b"", b"{}", b"no JSON", b"\xff"])
def test_a_broken_lease_holds_nothing(bucket, content):
    """What cannot be read as a lease does not stop a delivery for ever."""
    bucket.write("lease/00000001.json", content)
    with lease(bucket, "lease", "mine", Clock().timing()) as held:
        assert held()


def test_who_lost_it_knows(bucket):
    """A holder whose lease somebody else took, or that ran out, no longer holds it, and leaves the other's alone."""
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing(0.04)) as held:
        bucket.write("lease/00000002.json", note(clock.at + 60))
        for thread in threading.enumerate():
            if thread.name == "lease":
                thread.join(10)
        assert not held()
    assert "00000002.json" in leases(bucket)
    with lease(bucket, "other", "mine", clock.timing()) as held:
        clock.at += 20
        assert not held()


def test_only_one_of_many_gets_it(bucket):
    """Of many that try at once, one at a time holds the lease."""
    inside, most, lock = 0, 0, threading.Lock()

    def deliver():
        nonlocal inside, most
        try:
            with lease(bucket, "lease", "mine", Timing(0.2)):
                with lock:
                    inside += 1
                    most = max(most, inside)
                with lock:
                    inside -= 1
        except DeliveryBusy:
            pass

    threads = [threading.Thread(target=deliver) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, inside) == (1, 0)
