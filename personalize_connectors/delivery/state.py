"""What the destination last accepted for each user: the newest snapshot and the receipts not yet folded into it."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.engine.session import number, quoted
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import Storage

SCHEMA = pa.schema(
    [("user_id", pa.string()), ("fingerprint", pa.binary()), ("accepted_at", pa.timestamp("us", tz="UTC"))]
)


@dataclass(frozen=True)
class Accepted:
    """Where to read what was accepted.

    Attributes:
        snapshot: Parquet files of the newest complete snapshot.
        receipts: All receipt files there are.
        unfolded: Those of them that the snapshot does not hold.
    """

    snapshot: tuple[str, ...]
    receipts: tuple[str, ...]
    unfolded: tuple[str, ...]


PENDING = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("items", pa.list_(pa.string())),
    ]
)


def find_accepted(bucket: Storage, job: Job, connector: str) -> Accepted:
    """Find the newest complete snapshot of a job's connector, and the receipts."""
    manifests = []
    for found in bucket.objects(layout.delivered(job, connector, "state")):
        folder, _, name = found.path.rpartition("/")
        if name == layout.SUCCESS and (manifest := bucket.manifest(folder)):
            manifests.append((manifest["written_at"], folder, manifest))
    receipts = tuple(
        found.path
        for found in bucket.objects(layout.delivered(job, connector, "receipts"))
        if found.name.endswith(".parquet")
    )
    if not manifests:
        return Accepted((), receipts, receipts)
    _, folder, manifest = max(manifests, key=lambda entry: entry[:2])
    folded = set(manifest["folded"])
    return Accepted(
        tuple(f"{folder}/{file['name']}" for file in manifest["files"]),
        receipts,
        tuple(path for path in receipts if path not in folded),
    )


def accepted_state(
    session: duckdb.DuckDBPyConnection, bucket: Storage, accepted: Accepted
) -> duckdb.DuckDBPyRelation:
    """`user_id`, `fingerprint`, `accepted_at` for each user, as last accepted."""
    session.register("snapshot", _scan(bucket, accepted.snapshot, SCHEMA))
    if not accepted.unfolded:
        return session.sql("SELECT user_id, fingerprint, accepted_at FROM snapshot")
    session.register("unfolded", _scan(bucket, accepted.unfolded, RECEIPTS))
    return session.sql(
        """
        SELECT user_id, arg_max(fingerprint, accepted_at) AS fingerprint, max(accepted_at) AS accepted_at FROM (
          SELECT user_id, fingerprint, accepted_at FROM snapshot
          UNION ALL SELECT user_id, fingerprint, answered_at FROM unfolded WHERE status = 'accepted'
        ) GROUP BY user_id
        """
    )


def _scan(bucket: Storage, paths: tuple[str, ...], schema: pa.Schema) -> object:
    return bucket.dataset(list(paths), schema) if paths else schema.empty_table()


def pending(
    session: duckdb.DuckDBPyConnection, bucket: Storage, run: JobRun, connector: str, decorated: Folder
) -> duckdb.DuckDBPyRelation:
    """The rows of a delta without those that were accepted since it was worked out (a run that died half-way)."""
    session.register("decorated", decorated.scan(connector))
    folder = layout.delivered_run(run, connector, "receipts")
    paths = tuple(found.path for found in bucket.objects(folder) if found.name.endswith(".parquet"))
    session.register("earlier", _scan(bucket, paths, RECEIPTS))
    return session.sql(
        f"""
        SELECT user_id, fingerprint, points, items FROM decorated ANTI JOIN (
          SELECT user_id, fingerprint FROM earlier
          WHERE status = 'accepted' AND answered_at >= {quoted(decorated.manifest["written_at"])}::TIMESTAMPTZ
        ) USING (user_id, fingerprint)
        """
    )


def not_in_state(
    session: duckdb.DuckDBPyConnection, bucket: Storage, accepted: Accepted, state: Folder
) -> int:
    """How many accepted users are not in a written snapshot as accepted last; there should be none."""
    session.register("written", state.scan())
    session.register("receipts", _scan(bucket, accepted.unfolded, RECEIPTS))
    return number(
        session,
        """
        SELECT count(*) FROM (
          SELECT user_id, arg_max(fingerprint, answered_at) AS fingerprint FROM receipts WHERE status = 'accepted' GROUP BY user_id
        ) ANTI JOIN written USING (user_id, fingerprint)
        """,
    )
