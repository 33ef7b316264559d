"""Receipts as tests write and read them."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa

from personalize_connectors.delivery.receipts import SCHEMA

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def receipts(*rows, minute=0):
    """Receipts of users: user, fingerprint, and status where it is not accepted."""
    at = NOON + timedelta(minutes=minute)
    full = [(*row, "accepted")[:3] for row in rows]
    columns = [
        {
            "user_id": user,
            "fingerprint": digest,
            "status": status,
            "text": "",
            "request": "r",
            "attempt": 1,
            "answered_at": at,
        }
        for user, digest, status in full
    ]
    return pa.Table.from_pylist(columns, schema=SCHEMA)


def read(bucket, folder):
    """All receipts below a folder."""
    paths = [found.path for found in bucket.objects(folder)]
    return bucket.dataset(paths).to_table().to_pylist() if paths else []
