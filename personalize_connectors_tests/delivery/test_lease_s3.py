"""The lease on S3, over HTTP and between processes."""

import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from personalize_connectors.delivery.lease import LeaseNote, Timing, lease
from personalize_connectors.emulators.braze import running
from personalize_connectors.errors import DeliveryBusy
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.delivery.test_lease import Clock, leases, note
from personalize_connectors_tests.delivery.test_sender import batch, named, send
from personalize_connectors_tests.s3 import impatient, serving
from personalize_connectors_tests.until import until


@pytest.fixture
def bucket(s3_bucket):
    """A prefix of a bucket."""
    return open_storage(f"s3://{s3_bucket}/root")


@contextmanager
def holder(bucket, run="the run"):
    """A process that takes the lease once it gets a line; it is killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "personalize_connectors_tests.delivery.lease_holder", bucket.url, run],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def start(*processes):
    """Let processes that are ready go for the lease."""
    assert [process.stdout.readline() for process in processes] == ["ready\n"] * len(processes)
    for process in processes:
        process.stdin.write("\n")


def test_one_of_several_processes_gets_it(bucket):
    """Of processes that try at once exactly one holds the lease; the others say which run, process and machine does."""
    with ExitStack() as stack:
        processes = [stack.enter_context(holder(bucket, f"run {number}")) for number in range(3)]
        start(*processes)
        said = [process.stdout.readline().strip() for process in processes]
        (first,) = [number for number, text in enumerate(said) if text == "held"]
    busy = (
        f"run {first} delivers right now (process {processes[first].pid} on {socket.gethostname()}); "
        "wait for its end, then run again"
    )
    assert said == [busy if number != first else "held" for number in range(3)]


@pytest.mark.parametrize(("where", "waited"), [({}, 0), ({"machine": "another", "host": "another"}, 20)])
def test_a_killed_holder_is_followed(bucket, where, waited):
    """The lease of a killed process is had at once on its machine, and on another one when its life has gone by."""
    with holder(bucket) as process:
        start(process)
        assert process.stdout.readline() == "held\n"
        process.kill()
    (left,) = bucket.objects("lease")
    found = LeaseNote.model_validate_json(bucket.read(left.path)).model_copy(update=where)
    bucket.write(left.path, found.model_dump_json().encode())
    clock = Clock()
    with lease(bucket, "lease", "mine", clock.timing()) as held:
        assert (held(), clock.at - 1000, leases(bucket)) == (True, waited, ["00000002.json"])


@pytest.mark.parametrize("loss", ["taken over", "out of reach"])
def test_who_lost_it_stops_sending(tmp_path, s3_bucket, loss):
    """A holder whose lease somebody took, or that cannot renew it, sends nothing more and leaves the lease as it is."""
    with ExitStack() as server, running() as emulator:
        bucket = impatient(server.enter_context(serving()), s3_bucket)
        lose = {
            "taken over": lambda: bucket.write("lease/00000002.json", note()),
            "out of reach": server.close,
        }
        with lease(bucket, "lease", "mine", Timing(1.0)) as held:

            def parcels():
                yield batch(named(75))
                until(lambda: emulator.stats()["requests"] == 1)
                lose[loss]()
                until(lambda: not held())
                yield batch(["late"])

            with pytest.raises(DeliveryBusy, match="another run took over this delivery, or the storage"):
                send(open_storage(str(tmp_path)), emulator, parcels(), may_send=held)
        assert sorted(emulator.profiles()) == sorted(named(75))
    assert b'"ended":true' not in open_storage(f"s3://{s3_bucket}").read("lease/00000001.json")
