"""What the destination last accepted for each user: the newest snapshot and the receipts not yet folded into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import duckdb
import pyarrow as pa

from personalize_connectors import layout
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.engine.session import number, quoted
from personalize_connectors.errors import OlderRun
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
        newest_run: The newest run that delivered anything.
    """

    snapshot: tuple[str, ...]
    receipts: tuple[str, ...]
    unfolded: tuple[str, ...]
    newest_run: datetime | None


PENDING = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("change", pa.string()),
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
    runs = [run_at for path in receipts if (run_at := layout.run_at_of(path))]
    if not manifests:
        return Accepted((), receipts, receipts, max(runs, default=None))
    _, folder, manifest = max(manifests, key=lambda entry: entry[:2])
    folded = set(manifest["folded"])
    return Accepted(
        tuple(f"{folder}/{file['name']}" for file in manifest["files"]),
        receipts,
        tuple(path for path in receipts if path not in folded),
        max(runs, default=None),
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
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    decorated: Folder,
    connector: str,
    accepted: Accepted,
    *,
    delta: bool,
) -> duckdb.DuckDBPyRelation:
    """The rows of a delta that are still to be sent: without what was accepted since it was worked out.

    Where everything is sent (no `delta`), only what this delivery itself had sent before it died is left out.
    """
    session.register("decorated", decorated.scan(connector))
    accepted_state(session, bucket, accepted).create_view("last_accepted", replace=True)
    since = (
        f"WHERE accepted_at >= {quoted(decorated.manifest['written_at'])}::TIMESTAMPTZ" if not delta else ""
    )
    return session.sql(
        f"""
        SELECT user_id, fingerprint, points, change, items FROM decorated
        ANTI JOIN (SELECT user_id, fingerprint FROM last_accepted {since}) USING (user_id, fingerprint)
        """
    )


def refuse_older(run: JobRun, accepted: Accepted, connector: str) -> None:
    """Raise OlderRun where a newer run than this was delivered."""
    if accepted.newest_run and accepted.newest_run > run.run_at:
        newer = JobRun(run.job, accepted.newest_run)
        raise OlderRun(
            f"{run.key}: {newer.run} was delivered to {connector} already, and this run is older: it would put older lists over "
            "newer ones. If that is what you want, allow_older_run lets it (run --allow-older-run)"
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
