"""Days of deliveries where the bucket is S3: nothing that counts stands on the machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace

from personalize_connectors import layout
from personalize_connectors.job_run import JobRun
from personalize_connectors.storage import open_storage
from personalize_connectors_tests.assets.runs import DAYS
from personalize_connectors_tests.assets.test_delivery_days import ITEMS, LISTS, PERSONAL, delta, profiles
from personalize_connectors_tests.s3 import make_bucket
from personalize_connectors_tests.until import until


def test_days_of_deliveries(s3_world, s3):
    """Profiles equal the input, the same day again sends nothing, the next day who changed; the output is in another bucket."""
    other = replace(s3_world, bucket=open_storage(f"s3://{make_bucket(s3)}"))
    other.bucket.write("batch/daily.txt", b"not below the path")
    s3.put_object(
        Bucket=other.bucket.url.removeprefix("s3://"), Key="batch/daily/"
    )  # as the console makes folders
    s3_world.configure(PERSONAL, batchInferencePath=f"{other.bucket.url}/batch/daily")
    s3_world.metadata(PERSONAL, ITEMS)
    other.answer(PERSONAL, 0, LISTS)
    first = s3_world.run(PERSONAL, 0)
    assert (first.success, first.failures, delta(first)) == (True, {}, (3, 0, 0, 0, 3))
    assert s3_world.emulator.profiles() == profiles(LISTS)
    requests = s3_world.requests()
    assert (delta(s3_world.run(PERSONAL, 0)), s3_world.requests() - requests) == ((0, 0, 3, 0, 0), 0)
    changed = LISTS | {"u2": ["ghost", "b"], "new": ["a"]}
    other.answer(PERSONAL, 1, changed)
    assert delta(s3_world.run(PERSONAL, 1)) == (1, 1, 2, 0, 2)
    assert s3_world.emulator.profiles() == profiles(changed)


def test_a_killed_run_is_ended_by_another_machine(s3_world, tmp_path):
    """Receipts reach S3 while a run sends; after a kill only what was planned without one is uncertain and may go twice."""
    bucket, emulator = s3_world.bucket, s3_world.emulator
    lists = {f"user {number}": ["a", "b", f"item {number % 7}"] for number in range(8_000)}
    s3_world.configure(PERSONAL, {"recordsPerRequest": 5})
    s3_world.metadata(PERSONAL, ITEMS)
    s3_world.answer(PERSONAL, 0, lists)
    emulator.faults(delay_seconds=0.2)
    run = JobRun(PERSONAL, DAYS[0])
    receipts = layout.delivered_run(run, "braze", "receipts")
    with subprocess.Popen(
        [sys.executable, "-m", "personalize_connectors_tests.assets.runs"],
        env=os.environ | {"JOB_RUN": run.key, "TMPDIR": str(tmp_path)},
    ) as process:
        until(lambda: bucket.objects(receipts) or process.poll() is not None)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    shutil.rmtree(tmp_path)
    emulator.faults(delay_seconds=0)
    kept = users(bucket, receipts)
    planned = users(bucket, layout.delivered_run(run, "braze", "in_flight"))
    uncertain = planned - kept
    outcome = s3_world.run(PERSONAL, 0)
    assert 0 < len(kept) < len(planned) < len(lists)
    assert (outcome.success, outcome.checks["every_accepted_user_is_in_the_state"][0]) == (True, True)
    assert delta(outcome) == (
        len(lists) - len(planned),
        len(uncertain),
        len(kept),
        0,
        len(lists) - len(kept),
    )
    sync = outcome.metadata["braze_sync"]
    assert (sync["recovered_without_answer"], sync["records_perhaps_billed_twice"]) == (len(uncertain),) * 2
    assert {user for user, times in emulator.objects().items() if times > 1} <= uncertain
    assert emulator.profiles() == profiles(lists)


def users(bucket, folder):
    """The users of all Parquet files below a folder."""
    paths = [found.path for found in bucket.objects(folder) if found.name.endswith(".parquet")]
    return set(bucket.dataset(paths).to_table(columns=["user_id"])["user_id"].to_pylist())
