"""The lease: one delivery at a time, also where a holder died."""

import subprocess
import sys
import threading
from itertools import count

import pytest

from personalize_connectors.delivery.lease import LeaseNote, Timing, lease, refuse_while_delivering
from personalize_connectors.errors import DeliveryBusy
from personalize_connectors.storage import Storage


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


def note(holder="other", renewals=0, **more):
    """Somebody else's lease, on another machine unless told otherwise."""
    where = {"host": "elsewhere", "machine": "elsewhere", "process": 1} | more
    return LeaseNote(holder=holder, run="job|run", renewals=renewals, **where).model_dump_json().encode()


def mine(bucket, **changes):
    """The one note that is there, changed."""
    (found,) = bucket.objects("lease")
    return LeaseNote.model_validate_json(bucket.read(found.path)).model_copy(update=changes).model_dump_json()


def leases(bucket):
    """The numbers that are there."""
    return [found.name for found in bucket.objects("lease")]


@pytest.fixture
def ended():
    """The number of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def keeper_ends():
    """Wait until no lease is renewed any more."""
    for thread in threading.enumerate():
        if thread.name == "lease":
            thread.join(10)
            assert not thread.is_alive()


def test_it_is_held_and_then_ended(bucket):
    """A lease is held inside the block; afterwards the next, with the next number, is had at once."""
    clock = Clock()
    with lease(bucket, "lease", "job|run", clock.timing()) as held:
        assert (held(), leases(bucket)) == (True, ["00000001.json"])
    with lease(bucket, "lease", "job|run", clock.timing()) as held:
        assert (held(), leases(bucket), clock.at) == (True, ["00000002.json"], 1000.0)


def test_a_run_that_another_process_delivers_is_refused_at_once(bucket):
    """While a living process of this machine delivers a run, the same run is refused, another run and a dead holder's are not."""
    command = [sys.executable, "-m", "personalize_connectors_tests.delivery.lease_holder", bucket.url, "mine"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "ready\n"
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(DeliveryBusy, match=f"mine delivers right now \\(process {holder.pid} on "):
            refuse_while_delivering(bucket, "lease", "mine")
        refuse_while_delivering(bucket, "lease", "another")
        holder.kill()
    refuse_while_delivering(bucket, "lease", "mine")


def test_a_living_holder_is_told(bucket):
    """While a holder renews, nobody else gets the lease, and the error names the run, process and machine."""
    renewals = count(1)
    clock = Clock(lambda: bucket.write("lease/00000003.json", note(renewals=next(renewals))))
    bucket.write("lease/00000003.json", note())
    words = r"job\|run delivers right now \(process 1 on elsewhere\)"
    with pytest.raises(DeliveryBusy, match=words), lease(bucket, "lease", "mine", clock.timing()):
        pass
    assert leases(bucket) == ["00000003.json"]


def test_a_holder_that_ends_meanwhile_is_waited_for(bucket):
    """Where a holder ends while somebody waits, the lease is had, not refused."""
    clock = Clock(lambda: bucket.write("lease/00000003.json", note(renewals=1, ended=True)))
    bucket.write("lease/00000003.json", note())
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1001.0, ["00000004.json"])


@pytest.mark.parametrize("content", [note(), b"", b"{}", b"no JSON", b"\xff"])
def test_a_holder_that_stopped_renewing_is_waited_for(bucket, content):
    """A note that nobody changed for a lease's life by the waiter's own clock is taken over, also one that cannot be read."""
    bucket.write("lease/00000007.json", content)
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1020.0, ["00000008.json"])


def test_a_dead_process_of_this_machine_is_not_waited_for(bucket, ended):
    """The lease of a process that is no more on this machine is taken at once; one of another container's is not."""
    clock = Clock()
    for machine, waited in (({}, 0), ({"machine": "this host's other container"}, 20)):
        before = clock.at
        with lease(bucket, "lease", "mine"):
            left = mine(bucket, process=ended, holder="other", **machine)
        bucket.write("lease/00000900.json", left.encode())
        with lease(bucket, "lease", "mine", clock.timing()) as held:
            assert (held(), clock.at - before, leases(bucket)) == (True, waited, ["00000901.json"])
        bucket.clear("lease")


def test_who_lost_it_knows(bucket):
    """A holder whose lease somebody else took no longer holds it, and leaves the other's alone."""
    with lease(bucket, "lease", "mine", Clock().timing(0.04)) as held:
        bucket.write("lease/00000002.json", note())
        keeper_ends()
        assert not held()
    assert bucket.read("lease/00000002.json") == note()


def test_what_ran_out_is_not_taken_up_again(bucket):
    """A holder that could not renew in time has lost its lease for good, and before others think it dead."""
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing(0.04)) as held:
        clock.at += 0.031
        assert not held()
        keeper_ends()
        left = bucket.read("lease/00000001.json")
    assert (bucket.read("lease/00000001.json"), b'"ended":false' in left) == (left, True)


def test_a_number_that_comes_late_holds_nothing(bucket):
    """What a slow holder writes after somebody took over changes nothing for those who hold and come."""
    clock = Clock()
    bucket.write("lease/00000004.json", note(ended=True))
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        bucket.write("lease/00000002.json", note())
        assert held()
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1000.0, ["00000006.json"])


class Overtaken(Storage):
    """A bucket where others take and clear numbers before the first conditional put arrives."""

    def create(self, path, content):
        """Put after all."""
        if not self.exists("lease/00000002.json"):
            self.write("lease/00000002.json", note())
        return super().create(path, content)


class Unanswered(Storage):
    """A bucket that puts, and then cannot say so."""

    def create(self, path, content):
        """Put, and lose the answer."""
        return super().create(path, content) and False


def test_a_put_that_comes_late_gets_nothing(bucket):
    """Who makes a number that others had and cleared meanwhile holds nothing by it."""
    clock = Clock()
    overtaken = Overtaken(bucket.url, bucket.store, bucket.local)
    with lease(overtaken, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1020.0, ["00000003.json"])


def test_a_put_without_an_answer_counts(bucket):
    """Who made the number without hearing of it holds it."""
    clock = Clock()
    unanswered = Unanswered(bucket.url, bucket.store, bucket.local)
    with lease(unanswered, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at, leases(bucket)) == (True, 1000.0, ["00000001.json"])


def test_only_one_of_many_gets_it(bucket):
    """Of many that try at once, one at a time holds the lease."""
    inside, most, lock = 0, 0, threading.Lock()

    def deliver():
        nonlocal inside, most
        try:
            with lease(bucket, "lease", "mine", Timing(1.0)):
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
