"""Receipts are written while the delivery runs."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from personalize_connectors.delivery.receipts import SCHEMA, ReceiptWriter
from personalize_connectors_tests.delivery.receipt_rows import read, receipts


@pytest.fixture
def now():
    """What the clock says; a test moves it."""
    return [100.0]


@pytest.fixture
def writer(bucket, now):
    """A writer with the test's clock."""
    return ReceiptWriter(bucket, "receipts", clock=lambda: now[0])


def files(bucket):
    """How many files there are."""
    return len(bucket.objects("receipts"))


def test_receipts_are_written_every_two_seconds(bucket, writer, now):
    """Receipts younger than two seconds are held; those that come later take them along into one file."""
    found = []
    for seconds in (0, 1.9, 2, 2.1, 4):
        now[0] = 100 + seconds
        writer.add(receipts((f"u{seconds}", b"1")))
        found.append((files(bucket), len(read(bucket, "receipts"))))
    assert found == [(0, 0), (0, 0), (1, 3), (1, 3), (2, 5)]


def test_flush_writes_what_is_left(bucket, writer):
    """A flush writes what is held, once, and nothing where nothing is."""
    writer.flush()
    writer.add(receipts(("u", b"1"), ("v", b"2", "rejected")))
    writer.flush()
    writer.flush()
    assert files(bucket) == 1
    assert read(bucket, "receipts") == receipts(("u", b"1"), ("v", b"2", "rejected")).to_pylist()


def test_many_receipts_are_written_at_once(bucket, writer):
    """Half a million receipts are written without waiting for the clock."""
    writer.add(receipts(*[("u", b"1")]).take([0] * 499_999))
    assert files(bucket) == 0
    writer.add(receipts(("v", b"1")))
    assert files(bucket) == 1


def test_receipts_of_several_threads_are_all_written(bucket, writer, now):
    """Whatever thread adds them and whenever they are written, each receipt is there once."""

    def add(number):
        now[0] += 0.5
        writer.add(receipts((f"u{number}", b"1")))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(50)))
    writer.flush()
    assert sorted(row["user_id"] for row in read(bucket, "receipts")) == sorted(f"u{n}" for n in range(50))


def test_files_are_parquet_of_one_schema(bucket, writer):
    """A receipt file is whole by itself, with the declared columns."""
    writer.add(receipts(("u", b"1")))
    writer.flush()
    (found,) = bucket.objects("receipts")
    assert (found.name.endswith(".parquet"), bucket.dataset([found.path]).schema) == (True, SCHEMA)
