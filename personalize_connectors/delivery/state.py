"""What the destination last accepted for each user: the newest snapshot, the receipts not yet folded into it, and what is in flight.

A record that was sent and never answered makes its user uncertain: the profile may hold it or what was accepted before, so
no fingerprint stands for it, and whatever comes next is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from personalize_connectors import layout
from personalize_connectors.delivery.receipts import SCHEMA as RECEIPTS
from personalize_connectors.delivery.write_ahead import PLAN
from personalize_connectors.engine.delta import REMOVED
from personalize_connectors.engine.frame import Frame, batches
from personalize_connectors.engine.session import number, quoted
from personalize_connectors.errors import OlderRun
from personalize_connectors.folders import Folder
from personalize_connectors.job_run import Job, JobRun
from personalize_connectors.storage import Storage

SCHEMA = pa.schema(
    [("user_id", pa.string()), ("fingerprint", pa.binary()), ("accepted_at", pa.timestamp("us", tz="UTC"))]
)

PENDING = pa.schema(
    [
        ("user_id", pa.string()),
        ("fingerprint", pa.binary()),
        ("points", pa.int64()),
        ("change", pa.string()),
        ("items", pa.list_(pa.string())),
        ("refused", pa.string()),
    ]
)

# No digest is one byte long, nor empty as that of a removal is.
UNCERTAIN = b"?"
_UNCERTAIN = f"{quoted(UNCERTAIN.decode())}::BLOB"
_REMOVED = f"{quoted(REMOVED.decode())}::BLOB"
# As many wait for a store at once.
_FILES_AHEAD = 4


@dataclass(frozen=True)
class Accepted:
    """Where to read what was accepted.

    Attributes:
        snapshot: Parquet files of the newest complete snapshot.
        receipts: All receipt files there are.
        unfolded: Those of them that the snapshot does not hold.
        in_flight: What a delivery was about to send that did not end, or has not yet.
        newest_run: The newest run that delivered anything.
        concluded: Receipts that a recovery would write; then nothing is in flight.
    """

    snapshot: tuple[str, ...]
    receipts: tuple[str, ...]
    unfolded: tuple[str, ...]
    in_flight: tuple[str, ...]
    newest_run: datetime | None
    concluded: pa.Table | None = None

    def after_recovery(self, receipts: pa.Table) -> Accepted:
        """As it is once a recovery has written these receipts."""
        return replace(self, in_flight=(), concluded=receipts)


def find_accepted(bucket: Storage, job: Job, connector: str) -> Accepted:
    """Find the newest complete snapshot of a job's connector, the receipts, and what is in flight."""
    manifests = []
    for found in bucket.objects(layout.delivered(job, connector, "state")):
        folder, _, name = found.path.rpartition("/")
        if name == layout.SUCCESS and (manifest := bucket.manifest(folder)):
            manifests.append((manifest["written_at"], folder, manifest))
    # What is in flight first: what was answered meanwhile is then in the receipts.
    in_flight = _parquet(bucket, job, connector, "in_flight")
    receipts = _parquet(bucket, job, connector, "receipts")
    delivered = [*receipts, *(folder for _, folder, _ in manifests)]
    runs = [run_at for path in delivered if (run_at := layout.run_at_of(path))]
    newest_run = max(runs, default=None)
    if not manifests:
        return Accepted((), receipts, receipts, in_flight, newest_run)
    _, folder, manifest = max(manifests, key=lambda entry: entry[:2])
    folded = set(manifest["folded"])
    snapshot = tuple(f"{folder}/{file['name']}" for file in manifest["files"])
    unfolded = tuple(path for path in receipts if path not in folded)
    return Accepted(snapshot, receipts, unfolded, in_flight, newest_run)


def runs_of(bucket: Storage, job: Job, connector: str, kind: str) -> set[datetime]:
    """The run timestamps for which a connector keeps something of a kind."""
    found = bucket.objects(layout.delivered(job, connector, kind))
    return {run_at for entry in found if (run_at := layout.run_at_of(entry.path))}


def _parquet(bucket: Storage, job: Job, connector: str, kind: str) -> tuple[str, ...]:
    found = bucket.objects(layout.delivered(job, connector, kind))
    return tuple(entry.path for entry in found if entry.name.endswith(".parquet"))


def accepted_state(
    session: duckdb.DuckDBPyConnection, bucket: Storage, accepted: Accepted
) -> duckdb.DuckDBPyRelation:
    """`user_id`, `fingerprint` (null where it is uncertain), `accepted_at` of each user whose profile holds something of ours."""
    return session.sql(
        f"""
        SELECT user_id, CASE WHEN fingerprint <> {_UNCERTAIN} THEN fingerprint END AS fingerprint, accepted_at
        FROM ({_last_words(session, bucket, accepted)}) WHERE fingerprint <> {_REMOVED}
        """
    )


def _last_words(session: duckdb.DuckDBPyConnection, bucket: Storage, accepted: Accepted) -> str:
    """A query of what is known last of each user; a removal and an uncertain record have marks for a fingerprint."""
    session.register("snapshot", _few_ahead(_scan(bucket, accepted.snapshot, SCHEMA), *SCHEMA.names))
    known = f"SELECT user_id, coalesce(fingerprint, {_UNCERTAIN}) AS fingerprint, accepted_at FROM snapshot"
    if not accepted.unfolded and not accepted.in_flight and accepted.concluded is None:
        return known
    unfolded = _few_ahead(
        _unfolded(bucket, accepted), "user_id", "fingerprint", "status", "answered_at", "delivery"
    )
    session.register("unfolded", unfolded)
    told = f"""
      {known}
      UNION ALL SELECT user_id, CASE status WHEN 'accepted' THEN fingerprint ELSE {_UNCERTAIN} END, answered_at
      FROM unfolded WHERE status IN ('accepted', 'unknown')
    """
    if accepted.in_flight:
        session.register("in_flight", _scan(bucket, accepted.in_flight, PLAN))
        told += f"""
        UNION ALL SELECT user_id, {_UNCERTAIN}, planned_at FROM in_flight
        ANTI JOIN (SELECT user_id, delivery FROM unfolded) USING (user_id, delivery)
        """
    last = "arg_max(fingerprint, accepted_at) AS fingerprint, max(accepted_at) AS accepted_at"
    return f"SELECT user_id, {last} FROM ({told}) GROUP BY user_id"


def snapshot(
    session: duckdb.DuckDBPyConnection, bucket: Storage, run: JobRun, connector: str, accepted: Accepted
) -> Frame:
    """The state as a frame of a run that holds all receipts there are; until it is written, the one before it counts."""
    table = f"state_{connector}"
    session.execute(f'DROP TABLE IF EXISTS "{table}"')
    accepted_state(session, bucket, accepted).create(table)
    return Frame(
        SCHEMA,
        batches(session.table(table), SCHEMA),
        layout.delivered_run(run, connector, "state"),
        manifest={"folded": accepted.receipts},
        replaces_last=True,
    )


def rejected_in_run(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    accepted: Accepted,
    *,
    redrive: str | None = None,
) -> duckdb.DuckDBPyRelation:
    """`user_id`, `fingerprint` of what the destination rejected in this run: dead letters, which are not sent again by themselves.

    Those whose reason holds the text `redrive` are left out. What was refused before it was sent is none: it is judged anew.
    """
    return rejected_in(session, _scan(bucket, receipts_of_run(run, accepted), RECEIPTS), redrive)


def rejected_in(
    session: duckdb.DuckDBPyConnection, receipts: ds.Dataset, redrive: str | None
) -> duckdb.DuckDBPyRelation:
    """The same of some receipts of the run."""
    session.register("run_receipts", receipts)
    wanted = "" if redrive is None else f"AND NOT contains(lower(text), lower({quoted(redrive)}))"
    return session.sql(
        f"""
        SELECT DISTINCT user_id, fingerprint FROM run_receipts
        WHERE status = 'rejected' AND attempt > 0 {wanted}
        """
    )


def receipts_of_run(run: JobRun, accepted: Accepted) -> tuple[str, ...]:
    """The receipt files of one run."""
    return tuple(path for path in accepted.receipts if layout.run_at_of(path) == run.run_at)


def _unfolded(bucket: Storage, accepted: Accepted) -> ds.Dataset:
    written = _scan(bucket, accepted.unfolded, RECEIPTS)
    if accepted.concluded is None:
        return written
    return ds.dataset([written, ds.dataset(accepted.concluded)])


def _scan(bucket: Storage, paths: tuple[str, ...], schema: pa.Schema) -> ds.Dataset:
    return bucket.dataset(list(paths), schema) if paths else ds.dataset(schema.empty_table())


def _few_ahead(rows: ds.Dataset, *columns: str) -> ds.Scanner:
    """Columns for a query that keeps something of every user: what Arrow reads ahead of it would be twice as much."""
    return rows.scanner(
        columns=list(columns), batch_readahead=1, fragment_readahead=_FILES_AHEAD, use_threads=False
    )


def pending(
    session: duckdb.DuckDBPyConnection,
    bucket: Storage,
    run: JobRun,
    decorated: Folder,
    connector: str,
    accepted: Accepted,
    *,
    delta: bool,
) -> duckdb.DuckDBPyRelation:
    """The rows of a delta that are still to be concluded: without what was accepted or rejected since it was worked out.

    Where everything is sent (no `delta`), only what this delivery itself had sent before it died is left out.
    """
    session.register("decorated", decorated.scan(connector))
    session.register("run_receipts", _scan(bucket, receipts_of_run(run, accepted), RECEIPTS))
    since = f"{quoted(decorated.manifest['written_at'])}::TIMESTAMPTZ"
    newer = "" if delta else f"WHERE accepted_at >= {since}"
    session.execute(f"CREATE OR REPLACE TEMP TABLE last_words AS {_last_words(session, bucket, accepted)}")
    return session.sql(
        f"""
        SELECT {", ".join(PENDING.names)} FROM decorated
        ANTI JOIN (SELECT user_id, fingerprint FROM last_words {newer}) USING (user_id, fingerprint)
        ANTI JOIN (SELECT user_id, fingerprint FROM run_receipts
          WHERE status = 'rejected' AND answered_at >= {since}) USING (user_id, fingerprint)
        WHERE change <> 'removed' OR user_id IN (SELECT user_id FROM last_words)
        """
    )


def perhaps_billed_twice(
    session: duckdb.DuckDBPyConnection, bucket: Storage, accepted: Accepted, rows: duckdb.DuckDBPyRelation
) -> tuple[int, int]:
    """How often records may be billed more than once by what was sent since the last state, and for how many data points.

    Deliveries that died told nobody. What they sent again without knowing of the try before counts, and each record that was
    never answered and has been sent since, or is among the pending rows now.
    """
    session.register("unfolded", _unfolded(bucket, accepted))
    rows.create_view("pending", replace=True)
    found = session.execute(
        """
        WITH since AS (SELECT user_id, fingerprint, max(answered_at) AS last FROM unfolded GROUP BY ALL),
        again AS (SELECT coalesce(sent_again, 0) AS times, points FROM unfolded
          UNION ALL SELECT 1, unfolded.points FROM unfolded JOIN since USING (user_id, fingerprint)
          LEFT JOIN (SELECT DISTINCT user_id, fingerprint, true AS pending FROM pending) USING (user_id, fingerprint)
          WHERE status = 'unknown' AND (answered_at < last OR pending))
        SELECT coalesce(sum(times), 0)::BIGINT, coalesce(sum(times * points), 0)::BIGINT FROM again
        """
    ).fetchall()
    return int(found[0][0]), int(found[0][1])


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
    receipts = _scan(bucket, accepted.unfolded, RECEIPTS)
    session.register("written", _few_ahead(state.scan(), "user_id", "fingerprint"))
    session.register("receipts", _few_ahead(receipts, "user_id", "fingerprint", "status", "answered_at"))
    session.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE perhaps_missing AS SELECT user_id FROM receipts ANTI JOIN written USING (user_id, fingerprint)
        WHERE status = 'accepted' AND fingerprint <> {_REMOVED}
        """
    )
    if not number(session, "SELECT count(*) FROM perhaps_missing"):
        return 0
    return number(
        session,
        f"""
        SELECT count(*) FROM (
          SELECT user_id, arg_max(fingerprint, answered_at) AS fingerprint, arg_max(status, answered_at) AS status
          FROM receipts SEMI JOIN perhaps_missing USING (user_id) WHERE status IN ('accepted', 'unknown') GROUP BY user_id
          HAVING status = 'accepted' AND fingerprint <> {_REMOVED}
        ) ANTI JOIN written USING (user_id, fingerprint)
        """,
    )
