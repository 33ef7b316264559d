"""The receipts compacted: what each user's profile now holds."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping

import dagster as dg

from personalize_connectors import layout
from personalize_connectors.assets.preview import column_schema, table
from personalize_connectors.assets.sync import sync_name
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.delivery.state import (
    SCHEMA,
    Accepted,
    find_accepted,
    not_in_state,
    snapshot,
)
from personalize_connectors.engine.frame import Frame
from personalize_connectors.folders import Folder
from personalize_connectors.installation import Installation, clear_failures, job_run
from personalize_connectors.io_manager import Materialization, Metadata
from personalize_connectors.jobs import read_config
from personalize_connectors.reporting import report_link

NAME = "connector_state"
COMPLETE = "every_accepted_user_is_in_the_state"

_COLUMNS = {
    "user_id": "The user; of a catalog, the item.",
    "fingerprint": "128-bit digest of what the destination last accepted for the user; null where it did not answer.",
    "accepted_at": "When it did.",
}


def connector_state_asset(partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset with its check, in the installation's form of partitions."""

    @dg.asset(
        name=NAME,
        partitions_def=partitions,
        deps=[sync_name(name) for name in connectors()],
        group_name="recommendations",
        kinds={"duckdb", "parquet"},
        owners=["team:personalize-connectors"],
        metadata=column_schema(SCHEMA, _COLUMNS),
        check_specs=[
            dg.AssetCheckSpec(
                COMPLETE,
                asset=NAME,
                description="What the destination accepted is in the state, for every user.",
            )
        ],
    )
    def connector_state(
        context: dg.AssetExecutionContext, installation: Installation
    ) -> Iterator[dg.MaterializeResult[Materialization] | dg.AssetCheckResult]:
        """Per connector one row for each user, or item of a catalog, the destination ever accepted: the fingerprint last accepted."""
        started = time.monotonic()
        bucket, run = installation.bucket, job_run(context)
        found: dict[str, Accepted] = {}
        frames: list[Frame] = []
        missing: dict[str, int] = {}
        with clear_failures(), installation.session() as session:
            for name in read_config(bucket, run.job).connectors:
                found[name] = accepted = find_accepted(bucket, run.job, name)
                frames.append(snapshot(session, bucket, run, name, accepted))

            def describe(folders: Mapping[str, Folder]) -> Metadata:
                held: Counter[str] = Counter()
                for name, accepted in found.items():
                    state = folders[layout.delivered_run(run, name, "state")]
                    held[f"{connectors()[name].unit}s"] += state.rows
                    missing[name] = not_in_state(session, bucket, accepted, state)
                receipts = sum(len(accepted.unfolded) for accepted in found.values())
                first = next(iter(folders.values())).head(5).to_pylist()
                return {
                    **held,
                    "receipt_files_folded": receipts,
                    "report": report_link(installation, run),
                    "preview": table(
                        {**row, "fingerprint": (row["fingerprint"] or b"").hex()} for row in first
                    ),
                }

            yield dg.MaterializeResult(value=Materialization(frames, describe, started))
            lost = sum(missing.values())
            yield dg.AssetCheckResult(
                check_name=COMPLETE,
                passed=not lost,
                severity=dg.AssetCheckSeverity.ERROR,
                description=f"{lost:,} accepted users are not in the state: {missing}" if lost else "all are",
                metadata={"accepted_users_not_in_the_state": lost},
            )

    return connector_state
