"""Receipts as tests write and read them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from personalize_connectors.delivery.receipts import SCHEMA, receipts_file, write_receipts

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def receipts(*rows, minute=0, delivery="d", attempt=1):
    """Receipts of users: user, fingerprint, and status where it is not accepted, and text."""
    at = NOON + timedelta(minutes=minute)
    full = [(*row, *("accepted", "")[len(row) - 2 :]) for row in rows]
    columns = [
        {
            "user_id": user,
            "fingerprint": digest,
            "status": status,
            "text": text,
            "request": f"{delivery}-0",
            "attempt": attempt,
            "answered_at": at,
            "delivery": delivery,
            "points": 3,
            "sent_again": 0,
        }
        for user, digest, status, text in full
    ]
    return pa.Table.from_pylist(columns, schema=SCHEMA)


def leave(bucket, folder, table, delivery="d"):
    """Write receipts as a delivery leaves them."""
    write_receipts(bucket, receipts_file(folder, delivery), table)


def read(bucket, folder):
    """All receipts below a folder."""
    paths = [found.path for found in bucket.objects(folder)]
    return bucket.dataset(paths).to_table().to_pylist() if paths else []
